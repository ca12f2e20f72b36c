"""What an app can have a gateway sign, and that none of it passes for anything else that the key signs."""

from __future__ import annotations

import base64
import json
import re

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import assume, given
from hypothesis import strategies as st

from gateways import crypto
from ingest.sen import graphql
from tests.gateways.lives import NOW, WALLET
from tests.sandbox.partner import Signer, b64url

pytestmark = pytest.mark.once

SERIAL = "acme-0123456789abcdef"
TIME = "2025-01-17T18:20:12Z"
KEY = Signer("4cc43b88635b9eaf81655ed51e062fab4a46296d72f01fc6fd853b08f0c2383a")
PUBLIC = ec.derive_private_key(
    int("4cc43b88635b9eaf81655ed51e062fab4a46296d72f01fc6fd853b08f0c2383a", 16), ec.SECP256R1()
).public_key()

HEADER = b64url(b'{"alg":"ES256","typ":"JWT"}')
UNENCODED = b64url(b'{"alg":"ES256","b64":false,"crit":["b64"]}')
PAYLOAD = base64.urlsafe_b64encode(b'{"1750840420369":{"W":-9}}').decode()
# What somebody would try who wants a JWT, or inception's older form: whole, in parts, and with bits of it moved.
_PIECES = st.sampled_from([HEADER, UNENCODED, PAYLOAD, ".", "=", "==", ":", SERIAL, WALLET, "|", TIME, "{", " ", "\n"])
MESSAGES = st.text(max_size=60) | st.lists(_PIECES | st.text(max_size=8), max_size=8).map("".join)
TIMESTAMPS = st.just(TIME) | st.from_regex(r"[0-9T:Z.|-]{0,22}", fullmatch=True) | _PIECES


def signed(message: str, timestamp: str = TIME) -> str:
    try:
        return crypto.compose(message, timestamp, SERIAL)
    except crypto.Unsignable:
        assume(False)
        raise


@given(message=MESSAGES, timestamp=TIMESTAMPS)
def test_what_is_signed_ends_with_a_nonce_a_time_and_the_gateway(message, timestamp):
    text = signed(message, timestamp)
    said, nonce, at, serial = ("|" + text).rsplit("|", 3)
    assert (said.removeprefix("|"), at, serial) == (message, timestamp, SERIAL)
    assert re.fullmatch(r"[1-9][0-9]{5}", nonce)
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", at, re.ASCII)


@given(message=MESSAGES, timestamp=TIMESTAMPS)
def test_nothing_signed_is_another_text_that_sen_takes(message, timestamp):
    text = signed(message, timestamp)
    assert text != graphql.classic_message(gateway=SERIAL, wallet=WALLET)
    assert text.count("|") in {2, 3}, "ID:WALLET and ID:TIMESTAMP have none, ID|TIMESTAMP has one"
    assert not text.split("|")[-2].isdecimal(), "the time in a claim of the newer network is a number"


@given(message=MESSAGES)
def test_nothing_signed_is_a_jwt_however_it_is_split(message):
    text = signed(message)
    signature = b64url(KEY.sign(text.encode()))
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(f"{text}.{signature}", PUBLIC, algorithms=["ES256"])
    for place in range(len(text) + 1):
        front, rest = text[:place], text[place:]
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(f"{front}.{rest}.{signature}", PUBLIC, algorithms=["ES256"])
        with pytest.raises(jwt.InvalidTokenError):
            jwt.PyJWS().decode(f"{front}..{signature}", PUBLIC, algorithms=["ES256"], detached_payload=rest.encode())
    assert "." not in text, "the two parts that a JWS is signed over have one between them, whoever reads them"


def test_a_pipe_alone_would_not_keep_a_jws_out():
    """Shows what the rule against dots is for: this verifies, were it signed."""
    text = f"{UNENCODED}.anything|123456|{TIME}|{SERIAL}"
    token = f"{UNENCODED}..{b64url(KEY.sign(text.encode()))}"
    payload = text.partition(".")[2].encode()
    assert jwt.PyJWS().decode(token, PUBLIC, algorithms=["ES256"], detached_payload=payload) == payload
    padded = base64.urlsafe_b64decode(f"{PAYLOAD}==|123456|{TIME}|{SERIAL}==")
    assert json.loads(padded) == {"1750840420369": {"W": -9}}, "Python's decoder stops at the padding"
    for message in (f"{UNENCODED}.anything", f"{HEADER}.{PAYLOAD}=="):
        with pytest.raises(crypto.Unsignable, match=r"cannot contain \. characters"):
            crypto.compose(message, TIME, SERIAL)


@pytest.mark.parametrize(
    "message,timestamp,said",
    [
        ("a|b", TIME, "Message cannot contain | characters"),
        ("a.b", TIME, "Message cannot contain . characters"),
        ("a\0b", TIME, "Message must be text"),
        ("a\ud800", TIME, "Message must be text"),
        ("ö" * 257, TIME, "Message cannot be longer than 512 bytes"),
        ("", f"{TIME}|x", "Timestamp cannot contain | characters"),
        ("", "2025-01-17T18:20:12", "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
        ("", "2025-01-17T18:20:12Z\n", "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
        ("", "2025-01-17T18:20:1٢Z", "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
        ("", "1737138012", "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
        ("", "", "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
    ],
)
def test_what_is_not_signed_is_told_why(message, timestamp, said):
    with pytest.raises(crypto.Unsignable) as refused:
        crypto.compose(message, timestamp, SERIAL)
    assert str(refused.value) == said


def test_a_message_may_fill_what_hardware_has_room_for():
    assert crypto.compose("ö" * 256, TIME, SERIAL).startswith("ö" * 256 + "|")


def test_without_a_message_there_is_no_pipe_in_front():
    assert re.fullmatch(rf"\d{{6}}\|{TIME}\|{SERIAL}", crypto.compose("", TIME, SERIAL))


def test_a_nonce_comes_once():
    nonces = {crypto.compose("", TIME, SERIAL).split("|")[0] for _ in range(50)}
    assert len(nonces) > 45


def test_inception_by_the_portal_itself_has_the_same_form():
    message = graphql.app_message(gateway=SERIAL, wallet=WALLET, now=NOW)
    assert re.fullmatch(rf"{WALLET}\|\d{{6}}\|2026-11-20T12:00:00Z\|{SERIAL}", message)
