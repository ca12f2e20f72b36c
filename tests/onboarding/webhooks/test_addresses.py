"""Where webhooks may go, and that a request goes there and nowhere else."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError

from onboarding.webhooks import addresses, posting
from onboarding.webhooks.addresses import AddressRefused, Site
from tests.onboarding.webhooks.receiver import running

pytestmark = pytest.mark.once

PRIVATE = [
    "10.0.0.1", "172.16.5.4", "192.168.1.1", "127.0.0.1", "127.8.8.8", "0.0.0.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]


def post(url, *, sandbox=True):
    return posting.post(url, b"{}", {}, sandbox=sandbox)


# --- Which addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_internet_is_not_public(address):
    assert not addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address):
    assert addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["169.254.169.254"], ["2606:4700::1111", "fe80::1%2"], []]
)
def test_a_name_with_any_address_that_is_not_public_is_refused(names, found):
    names.of["hooks.example"] = found
    with pytest.raises(AddressRefused, match="hooks.example has an address that is not public"):
        addresses.resolve(Site("hooks.example", 443), sandbox=False)


def test_a_name_that_nobody_knows_is_refused(names):
    with pytest.raises(AddressRefused, match="not known to the name servers"):
        addresses.resolve(Site("hooks.example", 443), sandbox=False)


def test_a_sandbox_partner_reaches_this_machine_and_no_other_private_address(names):
    names.of |= {
        "mine.example": ["127.0.0.1", "::1"],
        "meta.example": ["169.254.169.254"],
        "lan.example": ["10.1.1.1"],
    }
    assert addresses.resolve(Site("mine.example", 80), sandbox=True) == ("127.0.0.1", "::1")
    for name in ("meta.example", "lan.example"):
        with pytest.raises(AddressRefused):
            addresses.resolve(Site(name, 80), sandbox=True)


def test_where_the_portal_is_served_to_many_nobody_reaches_what_listens_beside_it(names, settings):
    settings.HTTPS = True
    with pytest.raises(AddressRefused):
        addresses.resolve(Site("127.0.0.1", 8000), sandbox=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "ftp://hooks.example/", "file:///etc/passwd", "gopher://hooks.example/",
        "hooks.example",
        "HTTPS://hooks.example/", "https:hooks.example", "https:///hook", "https://", "https://user:pw@hooks.example/",
        "https://hooks.example@10.0.0.1/", "https://hooks.example/#part", "https://hooks.example\\@evil.example/",
        "https://hooks.example/a b", "https://hooks.example/\r\nX: y", "https://hööks.example/", "https://hooks.example/ö",
        "https://127.1/", "https://0x7f.1/", "https://2130706433/", "https://0177.0.0.1/", "https://[::1%25eth0]/",
        "https://hooks.example./", "https://a..b/", "https://%31%32.example/", "https://hooks.example:22/",
        "https://hooks.example:80/", "https://hooks.example:0/", "https://hooks.example:99999/", "https://hooks.example:x/",
        "https://[::1", "https://hooks.example'/", "", 'https://hooks.example/"',
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_address_is_refused(url):
    with pytest.raises(ValidationError):
        addresses.check_url(url, sandbox=False)


@pytest.mark.parametrize(
    "url,site",
    [
        ("https://hooks.example/a?b=c%20d", Site("hooks.example", 443)),
        ("https://HOOKS.example:8443", Site("hooks.example", 8443)),
        ("https://xn--hks-snab.example/", Site("xn--hks-snab.example", 443)),
        ("https://8.8.8.8/", Site("8.8.8.8", 443)),
        ("https://[2606:4700::1111]:1024/", Site("2606:4700::1111", 1024)),
    ],
)
def test_an_exact_address_is_taken(url, site):
    assert addresses.check_url(url, sandbox=False) == site


def test_http_is_for_sandbox_partners():
    assert addresses.check_url("http://localhost:8000/x", sandbox=True) == Site("localhost", 8000)
    with pytest.raises(ValidationError, match="http:// is for sandbox"):
        addresses.check_url("http://hooks.example/", sandbox=False)


# --- The request ------------------------------------------------------------------------------------------------------


def test_a_request_goes_to_the_address_that_was_checked_though_the_name_leads_elsewhere_by_then(names, receiver):
    names.of["hooks.example"] = ["127.0.0.1"]
    url = f"http://hooks.example:{receiver.port}/hook"
    assert post(url).status == 200
    assert receiver.seen[0][0]["Host"] == f"hooks.example:{receiver.port}"
    assert names.asked == ["hooks.example"]
    names.of["hooks.example"] = ["10.0.0.1"]
    assert "not public" in post(url).error
    assert len(receiver.seen) == 1


def test_addresses_are_checked_at_each_request_and_not_only_when_the_webhook_is_made(receiver):
    refused = post(f"https://127.0.0.1:{receiver.port}/hook", sandbox=False)
    assert (refused.status, "not public" in refused.error) == (None, True)
    assert "http:// is for sandbox" in post(receiver.url, sandbox=False).error
    assert receiver.seen == []


def test_proxies_that_the_environment_names_are_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(receiver.url).status == 200


def test_a_proxy_of_ours_is_asked_for_the_checked_address_and_not_for_the_name(names, receiver, settings):
    asked = []

    def connect(to):
        asked.append(to.path)
        to.send_error(403)

    receiver.write = connect
    names.of["hooks.example"] = ["127.0.0.1"]
    settings.OUTGOING_PROXY = f"http://127.0.0.1:{receiver.port}"
    assert "403" in post("https://hooks.example:8443/x").error
    assert asked == ["127.0.0.1:8443"]


def test_a_body_is_read_to_its_first_kilobyte(receiver):
    receiver.body = b"x" * 5_000_000
    assert (post(receiver.url).status, post(receiver.url).body) == (200, b"x" * 1024)


def test_who_is_silent_or_drips_is_given_up_in_time(receiver, monkeypatch):
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.3)

    def drip(to):
        to.send_response(200)
        to.end_headers()
        while not receiver.released.wait(0.05):
            to.wfile.write(b"x")

    for write in (lambda _to: receiver.released.wait(30), drip):
        receiver.write = write
        reply = post(receiver.url)
        assert (reply.status, "timed out" in reply.error) == (None, True)


def test_name_servers_that_do_not_answer_are_given_up_in_time(names, receiver, monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: asked.wait(30))
    reply = post(receiver.url)
    asked.set()
    assert (reply.error, reply.duration_ms < 10_000) == ("The name servers did not answer in time.", True)


def test_nobody_there_is_told_without_the_path(receiver):
    reply = post("http://127.0.0.1:1024/secret-path")
    assert reply.status is None
    assert reply.error
    assert "secret-path" not in reply.error


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path):
    """Of hooks.example, signed by itself: its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "hooks.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_tls_checks_the_name_and_who_signed_it_though_the_address_is_pinned(names, certificate, settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    told = []
    context.sni_callback = lambda _socket, name, _context: told.append(name)
    names.of |= {"hooks.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
    with running(lambda plain: context.wrap_socket(plain, server_side=True)) as receiver:
        assert "certificate" in post(f"https://hooks.example:{receiver.port}/").error  # nobody knows who signed it
        settings.OUTGOING_CA_BUNDLE = str(certificate)
        assert post(f"https://hooks.example:{receiver.port}/").status == 200
        refused = post(f"https://other.example:{receiver.port}/")
        assert (refused.status, "other.example" in refused.error) == (None, True)
        assert len(receiver.seen) == 1
    assert told == ["hooks.example", "hooks.example", "other.example"]
