"""Posting to a real server on loopback."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import ssl
import time
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest.sen import client
from ingest.sen.errors import Answer
from tests.ingest.sen import receiver as stand_in
from tests.ingest.sen.receiver import Reply


def post(url, *messages, until=math.inf, **options):
    """Post messages in one lane; return the answers."""
    answers: list[Answer] = []
    poster = client.Poster(url, user_agent="portal-test", **options)
    poster.run([lane(answers, *messages)], until=until)
    return answers


def lane(answers, *messages):
    for message in messages:
        answers.append((yield message))


def test_a_token_is_posted_as_plain_text_and_200_is_the_answer(receiver):
    (answer,) = post(receiver.url, b"a.b.c")
    assert (answer.status, answer.body, answer.error) == (200, b"", "")
    ((_, path, headers, body),) = receiver.got
    assert (path, body) == ("/gw/data/", b"a.b.c")
    assert (headers["Content-Type"], headers["User-Agent"]) == ("text/plain", "portal-test")


def test_a_lane_goes_in_order_over_one_connection(receiver):
    messages = [b"%d" % number for number in range(50)]
    answers = post(receiver.url, *messages)
    assert [answer.status for answer in answers] == [200] * 50
    assert receiver.bodies == messages
    assert len(receiver.connections) == 1


def test_lanes_go_side_by_side_and_connections_are_kept_between_runs(receiver):
    receiver.reply = lambda _: Reply(delay_s=0.02)
    poster = client.Poster(receiver.url, user_agent="portal-test", concurrency=8)
    for _ in range(2):
        answers: list[Answer] = []
        poster.run(
            [lane(answers, *[b"%d-%d" % (of, number) for number in range(3)]) for of in range(20)], until=math.inf
        )
        assert [answer.status for answer in answers] == [200] * 60
    assert 1 < receiver.most_under_way <= 8
    assert len(receiver.connections) <= 8
    for of in range(20):
        mine = [body for body in receiver.bodies if body.startswith(b"%d-" % of)]
        assert mine == [b"%d-%d" % (of, number) for number in range(3)] * 2


@pytest.mark.parametrize(
    "reply, status, retry_after_s",
    [
        (Reply(204), 204, None),
        (Reply(400, b"bad payload"), 400, None),
        (Reply(429, headers={"Retry-After": "7"}), 429, 7.0),
        (Reply(429), 429, None),
        (Reply(503, headers={"Retry-After": "nonsense"}), 503, None),
        (Reply(429, headers={"Retry-After": "99999999999"}), 429, 21_600.0),
    ],
)
def test_other_answers_come_with_status_body_and_retry_after(receiver, reply, status, retry_after_s):
    receiver.reply = lambda _: reply
    (answer,) = post(receiver.url, b"a")
    assert (answer.status, answer.body, answer.retry_after_s) == (status, reply.body, retry_after_s)


def test_a_redirect_is_not_followed(receiver):
    receiver.reply = lambda _: Reply(302, headers={"Location": receiver.url})
    (answer,) = post(receiver.url, b"a")
    assert (answer.status, len(receiver.got)) == (302, 1)


def test_of_a_huge_body_the_first_500_bytes_are_kept(receiver):
    receiver.reply = lambda _: Reply(500, b"x" * 5_000_000)
    (answer,) = post(receiver.url, b"a")
    assert (answer.status, answer.body) == (500, b"x" * 500)


def test_the_body_of_one_answer_does_not_reach_the_next(receiver):
    bodies = iter([Reply(500, b"first"), Reply(500, b"2"), Reply(500)])
    receiver.reply = lambda _: next(bodies)
    assert [answer.body for answer in post(receiver.url, b"a", b"b", b"c", concurrency=1)] == [b"first", b"2", b""]


@pytest.mark.parametrize(
    "reply, words",
    [
        (Reply(reset=True), "reset|closed|empty|Recv failure"),
        (Reply(raw=b""), "Empty reply"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "HTTP/0.9"),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            "96 bytes",
        ),
    ],
)
def test_what_is_no_whole_answer_is_an_answer_without_status(receiver, reply, words):
    receiver.reply = lambda _: reply
    (answer,) = post(receiver.url, b"a")
    assert answer.status is None
    assert any(word in answer.error for word in words.split("|")), answer.error


def test_a_server_that_does_not_answer_is_given_up(receiver, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT_MS", 200)
    receiver.reply = lambda _: Reply(delay_s=30)
    begin = time.monotonic()
    (answer,) = post(receiver.url, b"a")
    assert time.monotonic() - begin < 20
    assert answer.status is None
    assert "timed out" in answer.error


def test_a_closed_port_is_an_answer_without_status(receiver):
    url = receiver.url
    receiver.socket.close()
    (answer,) = post(url, b"a")
    assert answer.status is None


def test_after_the_end_of_its_time_no_message_is_started_and_each_sent_one_is_answered(receiver, monkeypatch):
    # Time goes on with the messages that came.
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: len(receiver.got)))
    answers: list[Answer] = []
    lanes = [lane(answers, *[b"%d-%d" % (of, number) for number in range(100)]) for of in range(10)]
    poster = client.Poster(receiver.url, user_agent="portal-test", concurrency=2)
    poster.run(lanes, until=3)
    assert len(answers) == len(receiver.got) in {3, 4}  # what goes out beside the last one
    assert {answer.status for answer in answers} == {200}


def test_nothing_is_sent_when_time_is_over(receiver):
    assert post(receiver.url, b"a", until=time.monotonic()) == []
    assert receiver.got == []


def test_a_lane_that_breaks_ends_the_run_and_the_poster_works_on(receiver):
    def broken():
        yield b"a"
        msg = "no"
        raise RuntimeError(msg)

    poster = client.Poster(receiver.url, user_agent="portal-test", concurrency=4)
    receiver.reply = lambda body: Reply(delay_s=0.05 if body == b"slow" else 0)
    answers: list[Answer] = []
    with pytest.raises(RuntimeError, match="no"):
        poster.run([lane(answers, b"slow"), broken()], until=math.inf)
    answers.clear()
    poster.run([lane(answers, b"x%d" % of) for of in range(4)], until=math.inf)
    assert [answer.status for answer in answers] == [200] * 4
    assert receiver.most_under_way <= 5


def certificate(folder):
    """A key and a certificate for 127.0.0.1 that nobody signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    made = made.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_receiver(tmp_path):
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with stand_in.running(context) as running:
        yield running, path


def test_a_server_that_cannot_prove_itself_gets_nothing(tls_receiver):
    receiver, _ = tls_receiver
    (answer,) = post(receiver.url, b"secret")
    assert answer.status is None
    assert "certificate" in answer.error.lower()
    assert receiver.got == []


def test_a_server_known_by_the_ca_bundle_is_trusted(tls_receiver):
    receiver, path = tls_receiver
    (answer,) = post(receiver.url, b"a", ca_bundle=str(path))
    assert answer.status == 200


def test_a_proxy_of_the_environment_is_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (answer,) = post(receiver.url, b"a")
    assert answer.status == 200
