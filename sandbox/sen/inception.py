"""Inception: a gateway's signature binds it to its owner's wallet (sen.md 6 and 13)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sandbox.sen import crypto
from sandbox.sen.ledger import Ledger, Post
from sandbox.sen.registry import Registry
from sandbox.server import World

TABLES = "CREATE TABLE IF NOT EXISTS sen_nonces (gateway TEXT, nonce TEXT, PRIMARY KEY (gateway, nonce)) WITHOUT ROWID;"
TIMESTAMP_WITHIN = timedelta(minutes=10)


class Inception:
    """Binds gateways to wallets; answers only yes or no, as SEN does, and writes the reason of a no into the ledger."""

    def __init__(self, world: World, registry: Registry, ledger: Ledger) -> None:
        self._state, self._clock = world.state, world.clock
        self._registry, self._ledger = registry, ledger
        self._state.script(TABLES)

    def initialize(self, message: str, signature: str, *, dry_run: bool) -> bool:
        """Bind the gateway to the wallet named in `message`, `ID:WALLET` or `WALLET|NONCE|TIMESTAMP|ID`.

        `signature` is r‖s in hex, by a key of the gateway over the message. A dry run changes nothing.
        """
        gateway, wallet, nonce, timestamp = _read(message)
        with self._state:
            reason = (
                self._wrong_signature(gateway, message, signature)
                or self._wrong_wallet(gateway, wallet)
                or (nonce is not None and self._stale(gateway, nonce, timestamp))
            )
            if not reason and not dry_run:
                self._bind(gateway, wallet, nonce)
        self._ledger.record(Post("initialize", device=gateway, size=len(message), reason=reason or None), {})
        return not reason

    def _wrong_signature(self, gateway: str, message: str, signature: str) -> str:
        if not re.fullmatch(r"[0-9a-fA-F]{128}", signature):
            return "the signature is not 128 hex digits"
        good = (key for key, banned in self._registry.keys_of(gateway).items() if not banned)
        if not any(crypto.verifies(key, bytes.fromhex(signature), message.encode()) for key in good):
            return "the gateway is unknown or this is not its signature"
        return ""

    def _wrong_wallet(self, gateway: str, wallet: str) -> str:
        if not crypto.is_wallet(wallet):
            return "the wallet is not base58 of 32 bytes"
        owner = self._registry.require(gateway)["wallet"]
        return "the gateway is owned by another wallet" if owner not in (None, wallet) else ""

    def _stale(self, gateway: str, nonce: str, timestamp: str) -> str:
        try:
            signed = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return "the timestamp is not YYYY-MM-DDTHH:MM:SSZ"
        if abs(self._clock.now() - signed) > TIMESTAMP_WITHIN:
            return "the timestamp is more than 10 minutes off"
        used = self._state.row("SELECT 1 FROM sen_nonces WHERE gateway = ? AND nonce = ?", [gateway, nonce])
        return "the nonce has been used" if used else ""

    def _bind(self, gateway: str, wallet: str, nonce: str | None) -> None:
        self._state.run("UPDATE sen_gateways SET wallet = ? WHERE id = ?", [wallet, gateway])
        if nonce is not None:
            self._state.run("INSERT INTO sen_nonces VALUES (?, ?)", [gateway, nonce])


def _read(message: str) -> tuple[str, str, str | None, str]:
    """Return gateway, wallet, nonce (None in the classic form) and timestamp; all empty for any other form."""
    match message.split("|"), message.split(":"):
        case [wallet, nonce, timestamp, gateway], _:
            return gateway, wallet, nonce, timestamp
        case [_], [gateway, wallet]:
            return gateway, wallet, None, ""
    return "", "", None, ""
