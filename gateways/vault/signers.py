"""Signers: what can sign with a private key without showing it. A new key store is one class and one line here.

The database keeps a URI. `sealed:<envelope>` is a key sealed by the keyring in the row itself.
"""

from __future__ import annotations

import base64
import functools
import re
from typing import NoReturn, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateways.vault import keyring
from gateways.vault.public_keys import public_hex

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# Deterministic (RFC 6979): as quick, needs no luck with random numbers, and what is signed twice is the same bytes.
_ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class Signer(Protocol):
    """Signs with one private key."""

    public_key: str

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature r‖s (64 bytes) over `message`."""
        ...


class SealedSigner:
    """Signs with a key that the keyring sealed; the key object lives in this process alone."""

    def __init__(self, public_key: str, private: ec.EllipticCurvePrivateKey) -> None:
        self.public_key = public_key
        self._private = private

    def __repr__(self) -> str:
        return f"<SealedSigner {self.public_key[:16]}…>"

    def __reduce__(self) -> NoReturn:
        msg = "A signer cannot be copied or pickled: its key would leave the vault."
        raise keyring.VaultError(msg)

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._private.sign(message, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    @classmethod
    def open(cls, rest: str, public_key: str) -> SealedSigner:
        """Open the envelope of a `sealed:` URI; raise VaultError if it is not the key of `public_key`."""
        plain = keyring.unseal(rest, _context(public_key))
        try:
            private = serialization.load_der_private_key(base64.b64decode(plain), password=None)
        except ValueError as error:
            msg = f"What is sealed as the private key of {public_key[:16]}… is no private key."
            raise keyring.VaultError(msg) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or public_hex(private.public_key()) != public_key:
            msg = f"The sealed key does not belong to the public key {public_key[:16]}…"
            raise keyring.VaultError(msg)
        return cls(public_key, private)


_STORES = {"sealed": SealedSigner.open}


def create_key() -> tuple[str, str]:
    """Make a P-256 key pair; return (public key as 128 hex digits, URI of the private key)."""
    return _seal_private(ec.generate_private_key(_CURVE))


def import_key(private_hex: str) -> tuple[str, str]:
    """Take a private key of 64 hex digits that SEN knows already into the vault; same answer as `create_key`.

    Raises VaultError, which does not show what was given.
    """
    number = int(private_hex, 16) if re.fullmatch(r"[0-9a-fA-F]{64}", private_hex) else 0
    if not 0 < number < _ORDER:
        msg = "This is not a private key of P-256: give its 32 bytes as 64 hex digits."
        raise keyring.VaultError(msg)
    return _seal_private(ec.derive_private_key(number, _CURVE))


@functools.lru_cache(maxsize=20_000)
def signer_for(uri: str, public_key: str) -> Signer:
    """Return the signer of the key at `uri`; raise VaultError if it cannot be opened or is not that of `public_key`.

    The signers used last are kept, which takes 1.7 kB each; opening one costs about as much as two signatures.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in _STORES:
        msg = "No key store handles this URI: the column was altered, or a key store is gone."
        raise keyring.VaultError(msg)
    return _STORES[scheme](rest, public_key)


def _context(public_key: str) -> str:
    """Return what binds the key to its row: the context of the column GatewayKey.uri."""
    return f"gateways_gatewaykey:uri:{public_key}"


def _seal_private(private: ec.EllipticCurvePrivateKey) -> tuple[str, str]:
    public_key = public_hex(private.public_key())
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return public_key, f"sealed:{keyring.seal(base64.b64encode(der).decode(), _context(public_key))}"
