"""Solana addresses: base58 of a 32-byte Ed25519 public key that lies on the curve (sen.md 9)."""

from __future__ import annotations

import base58
from django.core.exceptions import ValidationError

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def parse_address(text: str) -> str:
    """Return the address without blanks around it; raise ValidationError that says what to paste instead."""
    address = text.strip()
    try:
        raw = base58.b58decode(address)
    except ValueError as error:
        msg = "This is not a wallet address: it has a character that base58 does not use (0, O, I or l, for example)."
        raise ValidationError(msg) from error
    if len(raw) != 32:
        msg = "This is not a wallet address: a Solana address is 32 to 44 characters long. Copy it again, whole."
        raise ValidationError(msg)
    if not _on_curve(raw):
        msg = "This address belongs to a program or a token account, which cannot sign. Paste the wallet's own address."
        raise ValidationError(msg)
    return address


def _on_curve(raw: bytes) -> bool:
    """Tell whether 32 bytes are a point of Ed25519 (RFC 8032, 5.1.3); program-derived addresses are not."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P:
        return False
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if x_squared == 0:
        return raw[31] >> 7 == 0
    return pow(x_squared, (_P - 1) // 2, _P) == 1
