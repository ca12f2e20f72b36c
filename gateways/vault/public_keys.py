"""Public keys and signatures in the forms that Sourceful has published (sen.md 2)."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_ACCEPTED = "Give it as 128 hex digits (x‖y), as 04 and 128 hex digits, or as a PEM public key."


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
        return public_hex(_from_pem(text))
    digits = text.lower()
    if len(digits) == 130 and digits.startswith("04"):
        digits = digits[2:]
    if not re.fullmatch(r"[0-9a-f]{128}", digits):
        msg = f"This is not a public key. {_ACCEPTED}"
        raise ValueError(msg)
    return public_hex(_from_hex(digits))


def parse_signature(text: str) -> bytes:
    """Return the 64 bytes r‖s of a signature given as hex, base64 or base64url, raw or DER. Raises ValueError."""
    raw = _decode(text.strip())
    if len(raw) == 64:
        return raw
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415

    r, s = decode_dss_signature(raw)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public_key: str, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` (64 bytes r‖s) over SHA-256 of `message` is by `public_key` (128 hex)."""
    if len(signature) != 64:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        _from_hex(public_key).verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _decode(text: str) -> bytes:
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        msg = "This is not a signature: give it as hex or base64."
        raise ValueError(msg) from error


def _from_hex(digits: str) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + bytes.fromhex(digits))
    except ValueError as error:
        msg = "This point is not on the curve P-256. Keys of secp256k1 are not accepted: make a P-256 (prime256v1) key."
        raise ValueError(msg) from error


def _from_pem(text: str) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(text.encode())
    except ValueError as error:
        msg = f"This PEM does not hold a public key. {_ACCEPTED}"
        raise ValueError(msg) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        msg = "Only keys of the curve P-256 (prime256v1) are accepted."
        raise ValueError(msg)  # noqa: TRY004  the text is at fault, not its type
    return key
