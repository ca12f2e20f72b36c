"""Solana addresses: base58 of a 32-byte Ed25519 public key that lies on the curve (sen.md 9)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import NoReturn

import base58
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from gateways import vault

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_LONGEST = 44
_KEY, _SIGNATURE = 32, 64


def parse_address(text: str) -> str:
    """Return the address without blanks around it; raise ValidationError that says what to paste instead."""
    address = text.strip()
    if len(address) > _LONGEST:  # decoding takes time that grows with the square of the length
        _refuse_length()
    try:
        raw = base58.b58decode(address)
    except ValueError as error:
        msg = _("This is not a wallet address: it has a character that no address has (0, O, I or l, for example).")
        raise ValidationError(msg) from error
    if len(raw) != _KEY:
        _refuse_length()
    if not _on_curve(raw):
        msg = _(
            "This is no wallet: it is mistyped, or the address of a program or a token account. Copy the wallet's own."
        )
        raise ValidationError(msg)
    return address


def is_signed_by(address: str, message: str, signature: str) -> bool:
    """Tell whether a wallet signed `message`; the signature comes as hex, base64 or base58 (sen.md 9)."""
    public_key = base58.b58decode(address)
    return any(
        len(raw) == _SIGNATURE and vault.verify_ed25519(public_key, raw, message.encode())
        for raw in _decodings(signature.strip())
    )


def _decodings(text: str) -> Iterator[bytes]:
    """Yield what a text may stand for: some are valid in more than one of the encodings."""
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text, validate=True), base58.b58decode):
        try:
            yield decode(text)
        except ValueError:
            continue


def _refuse_length() -> NoReturn:
    msg = _("This is not a wallet address: a Solana address is 32 to 44 characters long. Copy it again, whole.")
    raise ValidationError(msg)


def _on_curve(raw: bytes) -> bool:
    """Tell whether 32 bytes are a point of Ed25519 (RFC 8032, 5.1.3); program-derived addresses are not."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    # 0, 1 and -1 are points that nobody has a key of; 0 is the system program, 111…1.
    if y in {0, 1, _P - 1} or y >= _P:
        return False
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(x_squared, (_P - 1) // 2, _P) == 1
