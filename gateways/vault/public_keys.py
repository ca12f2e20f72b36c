"""Public keys and signatures in the forms that Sourceful has published (sen.md 2)."""

from __future__ import annotations

import base64
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_SIGNATURE = 64
_ACCEPTED = "Give it as 128 hex digits (x‖y), as 04 and 128 hex digits, as a PEM public key or as its DER in hex."
_WRONG_CURVE = "Only keys of the curve P-256 (prime256v1, SECP256R1) are accepted: make one of that curve."
_NO_SIGNATURE = "This is not an ES256 signature: give its 64 bytes r‖s, or its DER form, as hex or base64."


def public_hex(key: ec.EllipticCurvePublicKey) -> str:
    """Return x‖y as 128 lower-case hex digits, the form we emit."""
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return point[1:].hex()


def parse_public_key(text: str) -> str:
    """Return the 128 hex digits of a P-256 public key given in any published form.

    Raises ValueError that says what is wrong; a secp256k1 key (published once by mistake) is refused.
    """
    text = text.strip()
    if text.startswith("-----BEGIN"):
        return public_hex(_from_spki(text.encode()))
    digits = text.lower()
    if re.fullmatch(r"30(?:[0-9a-f]{2}){80,100}", digits):
        return public_hex(_from_spki(bytes.fromhex(digits)))
    match = re.fullmatch(r"(?:04)?([0-9a-f]{128})", digits)
    if match is None:
        msg = f"This is not a public key. {_ACCEPTED}"
        raise ValueError(msg)
    return public_hex(_from_hex(match[1]))


def parse_signature(text: str) -> bytes:
    """Return the 64 bytes r‖s of a signature given as hex, base64 or base64url, raw or DER. Raises ValueError."""
    raw = _decode(text.strip())
    if len(raw) == _SIGNATURE:
        return raw
    try:
        r, s = decode_dss_signature(raw)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError) as error:
        raise ValueError(_NO_SIGNATURE) from error


def verify(public_key: str, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` (64 bytes r‖s) over SHA-256 of `message` is by `public_key` (128 hex).

    High s is as good as low s: no published verifier minds (sen.md 2).
    """
    if len(signature) != _SIGNATURE:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        _from_hex(public_key).verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def verify_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` (64 bytes) over `message` is by an Ed25519 key (32 bytes), such as a wallet's."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _decode(text: str) -> bytes:
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise ValueError(_NO_SIGNATURE) from error


def _from_hex(digits: str) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + bytes.fromhex(digits))
    except ValueError as error:
        msg = f"This point is not on the curve P-256; is it a key of secp256k1? {_WRONG_CURVE}"
        raise ValueError(msg) from error


def _from_spki(encoded: bytes) -> ec.EllipticCurvePublicKey:
    key = _load(encoded)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(_WRONG_CURVE)  # noqa: TRY004  the text is at fault, not its type
    return key


def _load(encoded: bytes) -> PublicKeyTypes:
    pem = encoded.startswith(b"-----")
    try:
        return serialization.load_pem_public_key(encoded) if pem else serialization.load_der_public_key(encoded)
    except ValueError as error:
        msg = f"This does not hold a public key. {_ACCEPTED}"
        raise ValueError(msg) from error
