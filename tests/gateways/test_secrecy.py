"""No private key and no secret in what people or machines read: the tests know the secrets and look for them."""

from __future__ import annotations

import base64
import io
import logging
import traceback
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import CommandError, call_command
from structlog.stdlib import ProcessorFormatter

from config import logging as log_config
from gateways import actions, checks, vault
from gateways.models import Gateway, GatewayKey, MasterKey, Partner
from gateways.registration import registration_csv
from gateways.vault import keyring, signers
from ingest.models import Connection, VendorCredential
from tests.gateways.lives import BY, gateway_at, signing_key
from tests.gateways.test_known_answers import K1_PRIVATE, K2_PRIVATE

SECRET = "Marker-Of-A-Secret-4711"
PRIVATE = [K1_PRIVATE, K2_PRIVATE]
LAYOUTS = [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL]


def forms_of(private_hex: str) -> Iterator[str]:
    """Yield the texts in which a private key may come to light."""
    raw = bytes.fromhex(private_hex)
    yield from (private_hex, str(int(private_hex, 16)), repr(raw)[2:-1])
    # Base64 of whatever holds the key shows these, wherever it begins there.
    yield from (base64.b64encode(raw[start : start + 30]).decode() for start in range(3))
    yield "PRIVATE KEY-----"


def assert_nothing_leaks(text: str) -> None:
    masters = [base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2, 9)]
    lowered = text.lower()
    for secret in (SECRET, *masters, *(form for private in PRIVATE for form in forms_of(private))):
        assert secret.lower() not in lowered


@pytest.fixture
def known_keys(monkeypatch):
    """Make the vault draw the keys that the tests know, instead of random ones."""
    drawn = iter([ec.derive_private_key(int(private, 16), ec.SECP256R1()) for private in PRIVATE])
    monkeypatch.setattr(ec, "generate_private_key", lambda _curve: next(drawn))


@pytest.fixture
def everything(known_keys, master_keys, gateway_type, partner):
    """A gateway with an active and a waiting key, a credential and a connection, all with secrets the tests know."""
    vault.check_master_keys()
    gateway = gateway_at("active", gateway_type)
    actions.rotate_key(owner=gateway, **BY)
    for row in (
        VendorCredential(partner=partner, vendor="solis", name="fleet"),
        Connection(partner=partner, vendor="solis", label="home"),
    ):
        row._meta.get_field("secrets").seal(row, SECRET)
        row.save()
    return gateway


def all_rows():
    models = [model for label in ("gateways", "ingest") for model in apps.get_app_config(label).get_models()]
    return [row for model in models for row in model._base_manager.all()]


def chain(error: BaseException | None) -> Iterator[str]:
    """Yield what an exception and all it came from say, also what a traceback would leave out."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        error = queue.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield from (str(error), repr(error), repr(error.args), repr(vars(error)))
        yield "".join(traceback.format_exception(error))
        queue += [error.__cause__, error.__context__]


def test_the_search_finds_what_it_looks_for():
    key = ec.derive_private_key(int(K1_PRIVATE, 16), ec.SECP256R1())
    ders = [key.private_bytes(Encoding.DER, layout, NoEncryption()) for layout in LAYOUTS]
    found = (SECRET, K1_PRIVATE.upper(), repr(bytes.fromhex(K1_PRIVATE)), base64.b64encode(b"\x01" * 32).decode())
    for secret in (*found, *(text for der in ders for text in (der.hex(), base64.b64encode(der).decode()))):
        with pytest.raises(AssertionError):
            assert_nothing_leaks(f"… {secret} …")


def test_the_known_keys_are_the_ones_that_sign(everything):
    keys = {key.public_key for key in everything.keys.all()}
    assert keys == {signers.import_key(private)[0] for private in PRIVATE}


def test_rows_say_who_they_are_and_no_more(everything):
    rows = all_rows()
    assert {GatewayKey, VendorCredential, Connection, MasterKey, Partner} <= {type(row) for row in rows}
    for row in rows:
        assert_nothing_leaks(f"{row} {row!r} {vars(row)}")


def test_a_dump_of_the_database_holds_sealed_text_only(everything):
    out = io.StringIO()
    call_command("dumpdata", "gateways", "ingest", stdout=out)
    assert_nothing_leaks(out.getvalue())
    assert out.getvalue().count('"uri": "sealed:v1.k1.') == 2
    assert out.getvalue().count('"secrets": "v1.k1.') == 2


def test_signers_show_nothing(everything):
    for key in everything.keys.all():
        signer = vault.signer_for(key.uri, key.public_key)
        assert_nothing_leaks(f"{signer} {signer!r} {vars(signer)} {signers.signer_for}")


def test_logs_at_the_deepest_level_show_nothing(everything, caplog, master_keys, capfd):
    with caplog.at_level(logging.DEBUG):
        key = signing_key(everything)
        vault.signer_for(key.uri, key.public_key).sign(b"x")
        actions.activate_key(owner=everything, **BY)
        actions.ban_key(key=key, reason="stolen", **BY)
        master_keys(k1=1, k2=2)
        call_command("rotate_master_key")
        call_command("verify_events")
        registration_csv(Gateway.objects.filter(partner=everything.partner))
        actions.release_gateway(gateway=everything, **BY)
    captured = capfd.readouterr()
    assert "GatewayKey.uri: 2 of 2 moved" in captured.out
    assert_nothing_leaks(caplog.text + captured.out + captured.err)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_in_the_log_leaves_out_the_variables(settings, log_format):
    formatter = log_config.settings(log_format=log_format, level="DEBUG")["formatters"]["structlog"]
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(ProcessorFormatter(processors=formatter["processors"], foreign_pre_chain=[]))
    logger = logging.Logger("test")  # noqa: LOG001  one of its own, that nobody else listens to
    logger.addHandler(handler)
    settings.VAULT_KEYS = ""
    try:
        vault.seal(SECRET, "here")
    except ImproperlyConfigured:
        logger.exception("sealing failed")
    assert "sealing failed" in out.getvalue()
    assert "ImproperlyConfigured" in out.getvalue()
    assert_nothing_leaks(out.getvalue())


def failures(gateway):
    """Yield calls that fail with a secret in their hands."""
    key, other = gateway.keys.all()
    credential = VendorCredential.objects.get()
    plain = vault.unseal(key.uri.removeprefix("sealed:"), signers._context(key.public_key))
    column = credential._meta.get_field("secrets")
    credential.uid = "00000000-0000-0000-0000-000000000000"
    yield lambda: vault.signer_for(key.uri, other.public_key)
    yield lambda: vault.signer_for(key.uri[:-9], key.public_key)
    yield lambda: vault.signer_for(f"{SECRET}:{SECRET}", key.public_key)
    yield lambda: vault.signer_for("sealed:" + vault.seal(plain[:-8], signers._context(key.public_key)), key.public_key)
    yield lambda: vault.signer_for("sealed:" + vault.seal(plain, signers._context(other.public_key)), other.public_key)
    yield lambda: vault.signer_for("sealed:" + vault.seal(SECRET, signers._context(key.public_key)), key.public_key)
    yield lambda: column.unseal(credential)
    yield lambda: column.resealed(credential)
    yield lambda: vault.unseal(SECRET, "here")
    yield lambda: vault.unseal(f"v1.k1.{SECRET}", "here")
    yield lambda: signers.import_key(K1_PRIVATE + "0")
    yield lambda: signers.import_key(SECRET)
    yield lambda: vault.signer_for(key.uri, key.public_key).__reduce__()
    yield lambda: actions.ban_key(key=key, reason="", **BY)


def test_no_failure_of_the_vault_shows_what_it_had_in_its_hands(everything, master_keys):
    master_keys(k1=1, k2=2)
    for fail in failures(everything):
        with pytest.raises((vault.VaultError, ValidationError)) as caught:
            fail()
        assert_nothing_leaks("\n".join(chain(caught.value)))


def test_no_wrong_master_key_is_shown(everything, settings, master_keys, capfd):
    right = settings.VAULT_KEYS
    for wrong in (f"k1:{SECRET}", right + "x", f"{right},{right}", right.replace("k1:", ""), ""):
        settings.VAULT_KEYS = wrong
        for start in (
            vault.check_master_keys,
            lambda: call_command("rotate_master_key"),
            lambda: vault.seal(SECRET, "here"),
        ):
            with pytest.raises((ImproperlyConfigured, CommandError)) as caught:
                start()
            assert_nothing_leaks("\n".join(chain(caught.value)))
        assert_nothing_leaks("".join(map(str, checks.vault_keys_are_readable())))
    master_keys(k1=9)
    with pytest.raises(ImproperlyConfigured) as caught:
        vault.check_master_keys()
    assert_nothing_leaks("\n".join(chain(caught.value)) + repr(keyring.master_keys()))
