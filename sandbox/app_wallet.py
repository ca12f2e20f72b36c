"""The wallet in the homeowner's App: an Ed25519 key that signs what SEN asks its owner to sign (sen.md 9)."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import base58
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Wallet:
    """A Solana wallet, from a seed of 32 bytes or a new one."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed) if seed else Ed25519PrivateKey.generate()
        self.address: str = base58.b58encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, message: str) -> str:
        """Return the signature over a message, in base64."""
        return base64.b64encode(self._key.sign(message.encode())).decode()


def location_message(address: str, gateway: str, position: str, now: datetime) -> str:
    """Return what a wallet signs to say where a gateway stands; `position` as `latitude, longitude` in degrees."""
    return "\n".join(
        (
            "https://srcful.io/ wants you to sign data with your Ed25519 key:",
            address,
            "",
            "Set the location of my gateway",
            "",
            f"Gateways: {gateway}",
            f"Position: {position}",
            f"Issued At (UTC): {_instant(now)}",
            f"Expiration Time (UTC): {_instant(now + timedelta(minutes=10))}",
        )
    )


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
