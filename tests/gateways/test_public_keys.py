"""The published forms of public keys and signatures that come in, and the one that goes out."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateways import vault
from tests.gateways.test_known_answers import K1, PUBLISHED

SPKI = "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
PUBLIC_KEY, MESSAGE, SIGNATURE = PUBLISHED[0]
RAW = bytes.fromhex(SIGNATURE)
DER = encode_dss_signature(int(SIGNATURE[:64], 16), int(SIGNATURE[64:], 16))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def pem(key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def der_hex(key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form).hex()


def k1_pem() -> str:
    return pem(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex("04" + K1)))


@pytest.mark.parametrize(
    "form",
    [K1, K1.upper(), f"  {K1}\n", "04" + K1, SPKI + K1, (SPKI + K1).lower(), k1_pem(), k1_pem().replace("\n", "\r\n")],
    ids=["hex", "upper", "blanks", "04", "spki", "spki-lower", "pem", "pem-crlf"],
)
def test_every_published_form_of_a_public_key_becomes_128_hex_digits(form):
    assert vault.parse_public_key(form) == K1


@pytest.mark.parametrize(
    "text,says",
    [
        ("", "This is not a public key"),
        (K1[:-2], "This is not a public key"),
        (K1 + "00", "This is not a public key"),
        ("05" + K1, "This is not a public key"),
        ("zz" + K1[2:], "This is not a public key"),
        (K1[:-2] + "83", "not on the curve P-256"),
        ("00" * 64, "not on the curve P-256"),
        ("ff" * 64, "not on the curve P-256"),
        (SPKI + K1[:-2], "does not hold a public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "does not hold a public key"),
        ("-----BEGIN", "does not hold a public key"),
        (pem(ec.generate_private_key(ec.SECP256K1()).public_key()), "Only keys of the curve P-256"),
        (der_hex(ec.generate_private_key(ec.SECP256K1()).public_key()), "Only keys of the curve P-256"),
        (pem(ec.generate_private_key(ec.SECP384R1()).public_key()), "Only keys of the curve P-256"),
        (pem(rsa.generate_private_key(65537, 2048).public_key()), "Only keys of the curve P-256"),
    ],
)
def test_any_other_key_is_refused_with_what_to_do(text, says):
    with pytest.raises(ValueError, match=says) as caught:
        vault.parse_public_key(text)
    assert "Give it as" in str(caught.value) or "make one of that curve" in str(caught.value)


@pytest.mark.parametrize(
    "form",
    [
        SIGNATURE,
        SIGNATURE.upper(),
        f" {SIGNATURE}\n",
        DER.hex(),
        base64.b64encode(RAW).decode(),
        base64.b64encode(RAW).decode().rstrip("="),
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        base64.b64encode(DER).decode(),
        base64.urlsafe_b64encode(DER).decode().rstrip("="),
    ],
)
def test_every_published_form_of_a_signature_becomes_64_bytes(form):
    assert vault.parse_signature(form) == RAW
    assert vault.verify(PUBLIC_KEY, vault.parse_signature(form), MESSAGE.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "signature",
        SIGNATURE[:-2],
        SIGNATURE + "00",
        DER.hex()[:-2],
        "åäö",
        "AAAAA",
        encode_dss_signature(2**256, 1).hex(),
        encode_dss_signature(1, 2**300).hex(),
        "3006020180020101",  # r = -128
    ],
)
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(ValueError, match="not an ES256 signature"):
        vault.parse_signature(text)


@pytest.mark.parametrize("length", [0, 63, 65, 72])
def test_a_signature_of_another_length_does_not_verify(length):
    assert not vault.verify(PUBLIC_KEY, (RAW + RAW)[:length], MESSAGE.encode())


@pytest.mark.parametrize(
    "raw", [bytes(64), b"\xff" * 64, bytes(32) + RAW[32:], RAW[:32] + bytes(32), RAW[32:] + RAW[:32]]
)
def test_numbers_out_of_range_do_not_verify(raw):
    assert not vault.verify(PUBLIC_KEY, raw, MESSAGE.encode())


def test_high_s_is_as_good_as_low_s():
    other_s = ORDER - int.from_bytes(RAW[32:], "big")
    assert vault.verify(PUBLIC_KEY, RAW[:32] + other_s.to_bytes(32, "big"), MESSAGE.encode())
