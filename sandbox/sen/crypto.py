"""Public keys and signatures as SEN knows them; SEN has no private key of anybody (sen.md 2 and 9)."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

import base58
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

SIGNATURE_BYTES = 64  # of ES256 (r‖s) and of Ed25519 alike
_SHA256 = ec.ECDSA(hashes.SHA256())


def read_public_key(text: str) -> str:
    """Return x‖y as 128 lower-case hex digits; `04` before them is accepted (newer documentation shows it).

    Raises ValueError for what is no point of P-256, a secp256k1 key for example.
    """
    form = re.fullmatch(r"(?:04)?([0-9a-f]{128})", text.lower())
    if form is None:
        msg = "A public key is 128 hex digits, x and y."
        raise ValueError(msg)
    try:
        _point(form[1])
    except ValueError as error:
        msg = "This public key is not a point of the curve P-256."
        raise ValueError(msg) from error
    return form[1]


def verifies(public_key: str, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` (r‖s, 64 bytes) over SHA-256 of `message` was made with the key of `public_key`."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        _point(public_key).verify(der, message, _SHA256)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=20_000)
def _point(digits: str) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + bytes.fromhex(digits))


def is_wallet(address: str) -> bool:
    """Tell whether `address` is base58 of 32 bytes, as a Solana address is."""
    return _unbase58(address, 32) is not None


def wallet_signed(address: str, signature: str, message: str) -> bool:
    """Tell whether `signature` (base64, base58 or hex of 64 bytes) over `message` is by the wallet's Ed25519 key."""
    key, raw = _unbase58(address, 32), _wallet_signature(signature)
    if key is None or raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(raw, message.encode())
    except InvalidSignature:
        return False
    return True


def _wallet_signature(text: str) -> bytes | None:
    if re.fullmatch(r"[0-9a-fA-F]{128}", text):
        return bytes.fromhex(text)
    if re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{64,88}", text):
        return _unbase58(text, SIGNATURE_BYTES)
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return raw if len(raw) == SIGNATURE_BYTES else None


def _unbase58(text: str, length: int) -> bytes | None:
    try:
        raw: bytes = base58.b58decode(text)
    except ValueError:
        return None
    return raw if len(raw) == length else None
