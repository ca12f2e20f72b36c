"""The partner's side of SEN, made without any code of the portal: keys, JWTs and wallets."""

from __future__ import annotations

import base64
import json
from typing import Any

import base58
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

GATEWAY = "acme-0000000000000001"
NOW_MS = 1_750_840_800_000  # 2025-06-25T08:40:00Z, some minutes after the points of K1_JWT
HEADER = {"alg": "ES256", "typ": "JWT", "device": GATEWAY, "opr": "production"}
HEADER |= {"model": "sunny", "dtype": "json", "sn": "PV1"}


class Signer:
    """A P-256 key; a new one unless its private number is given in hex."""

    def __init__(self, private: str | None = None) -> None:
        curve = ec.SECP256R1()
        self._key = ec.derive_private_key(int(private, 16), curve) if private else ec.generate_private_key(curve)
        form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        self.public = self._key.public_key().public_bytes(*form)[1:].hex()

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwt(self, payload: Any, **header: Any) -> str:
        """Return the data JWT of `payload`; fields of the header are replaced, or left out where they are None."""
        fields = {name: value for name, value in {**HEADER, **header}.items() if value is not None}
        return self.seal(json.dumps(fields).encode(), json.dumps(payload).encode())

    def seal(self, header: bytes, payload: bytes) -> str:
        """Sign two byte strings as they are, JSON or not."""
        signed = f"{b64url(header)}.{b64url(payload)}"
        return f"{signed}.{b64url(self.sign(signed.encode()))}"


class Wallet:
    """The Ed25519 wallet of sen.md 15, or one from another seed."""

    def __init__(self, seed: bytes = bytes(range(32))) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.address = base58.b58encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, message: str) -> bytes:
        return self._key.sign(message.encode())


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def pv(ts: int = NOW_MS, **fields: Any) -> dict[str, Any]:
    """Return a payload with one PV reading."""
    return {str(ts): {"type": "pv", "timestamp": ts, "W": -1500, **fields}}
