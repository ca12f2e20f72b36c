"""What SEN knows of gateways: types, ids, public keys and their bans.

Several keys of a gateway are valid side by side until they are banned, so a rotation leaves no gap. A type's (global)
key is a key of each of its gateways.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.sen import crypto
from sandbox.sen.refusal import Refused
from sandbox.server import World

TABLES = """
CREATE TABLE IF NOT EXISTS sen_types (prefix TEXT PRIMARY KEY, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sen_gateways (
    id TEXT PRIMARY KEY, prefix TEXT NOT NULL, created TEXT NOT NULL,
    banned_through INTEGER NOT NULL DEFAULT 0,  -- keys up to this id are refused from this gateway
    wallet TEXT, latitude REAL, longitude REAL
);
CREATE INDEX IF NOT EXISTS sen_gateways_wallet ON sen_gateways (wallet);
CREATE TABLE IF NOT EXISTS sen_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, public_key TEXT NOT NULL,
    banned INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL, UNIQUE (owner, public_key)
);
CREATE INDEX IF NOT EXISTS sen_keys_public_key ON sen_keys (public_key);
"""

# A gateway id is the owner of its own keys; `acme-*`, which is no id, owns the keys of the whole type.
_KEYS = """
SELECT k.public_key, k.banned OR k.id <= g.banned_through AS banned
FROM sen_gateways g JOIN sen_keys k ON k.owner IN (g.id, g.prefix || '-*') WHERE g.id = ? ORDER BY k.id DESC
"""


class Registry:
    """Types, gateways and keys in the sandbox's memory. Raises Refused for what SEN would not take."""

    def __init__(self, world: World) -> None:
        self._state, self._clock = world.state, world.clock
        self._state.script(TABLES)

    def add_type(self, prefix: str, global_key: str | None) -> bool:
        """Define a gateway type; return False if it was known already, with the same key."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", prefix):
            raise Refused(400, "a prefix has 1 to 32 of A-Z a-z 0-9 _ -")
        with self._state:
            new = self._insert("sen_types (prefix, created)", prefix, self._now())
            if global_key:
                self._identify(f"{prefix}-*", global_key)
        return new

    def add_gateway(self, gateway: str, public_key: str | None) -> bool:
        """Register a gateway; return False if it was known already, with the same key."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{3,64}", gateway):
            raise Refused(400, "a gateway id has 3 to 64 of A-Z a-z 0-9 _ -")
        with self._state:
            new = self._insert("sen_gateways (id, prefix, created)", gateway, self._prefix_of(gateway), self._now())
            if public_key:
                self._identify(gateway, public_key)
            elif not self.keys_of(gateway):
                raise Refused(400, "public_key is missing, and the type has no global key")
        return new

    def add_gateway_key(self, gateway: str, public_key: str) -> bool:
        """Add a key to a gateway, beside those it has; return False if it has it already."""
        self.require(gateway)
        with self._state:
            return self._add_key(gateway, public_key)

    def add_type_key(self, prefix: str, public_key: str) -> bool:
        """Add a global key to a type, beside those it has; return False if it has it already."""
        if not self._state.row("SELECT 1 FROM sen_types WHERE prefix = ?", [prefix]):
            raise Refused(404, f"unknown gateway type {prefix}")
        with self._state:
            return self._add_key(f"{prefix}-*", public_key)

    def ban_key(self, public_key: str) -> None:
        """Ban a key, for good and whoever signs with it."""
        if not self._state.run("UPDATE sen_keys SET banned = 1 WHERE public_key = ?", [_point(public_key)]):
            raise Refused(404, "unknown public key")

    def ban_gateway(self, gateway: str) -> None:
        """Refuse from now on what a gateway signs with any key it has today; a key that it is given later is good."""
        self.require(gateway)
        sql = "UPDATE sen_gateways SET banned_through = (SELECT max(id) FROM sen_keys) WHERE id = ?"
        self._state.run(sql, [gateway])

    def keys_of(self, gateway: str) -> dict[str, bool]:
        """Return the public keys of a gateway and whether each is banned, newest first; nothing if it is unknown."""
        return {row["public_key"]: bool(row["banned"]) for row in self._state.rows(_KEYS, [gateway])}

    def require(self, gateway: str) -> dict[str, Any]:
        """Return what is known of a gateway. Raises Refused(404)."""
        row = self._state.row("SELECT * FROM sen_gateways WHERE id = ?", [gateway])
        if row is None:
            raise Refused(404, f"unknown gateway {gateway}")
        return dict(row)

    def _prefix_of(self, gateway: str) -> str:
        known = [row["prefix"] for row in self._state.rows("SELECT prefix FROM sen_types ORDER BY length(prefix) DESC")]
        for prefix in known:
            if gateway.startswith(f"{prefix}-") and len(gateway) > len(prefix) + 1:
                return str(prefix)
        raise Refused(400, f"the id starts with no known prefix and a hyphen; known are {', '.join(known) or 'none'}")

    def _identify(self, owner: str, public_key: str) -> None:
        """Give `owner` its first key. A key that is another than those it has is a conflict: that is a rotation."""
        known = self._state.rows("SELECT public_key FROM sen_keys WHERE owner = ?", [owner])
        if known and _point(public_key) not in {row["public_key"] for row in known}:
            raise Refused(409, f"{owner} is registered with another key")
        self._add_key(owner, public_key)

    def _add_key(self, owner: str, public_key: str) -> bool:
        digits = _point(public_key)
        if self._state.row("SELECT 1 FROM sen_keys WHERE public_key = ? AND banned", [digits]):
            raise Refused(409, "this key is banned, for good")
        return self._insert("sen_keys (owner, public_key, created)", owner, digits, self._now())

    def _insert(self, into: str, *values: Any) -> bool:
        return bool(self._state.run(f"INSERT OR IGNORE INTO {into} VALUES ({', '.join('?' * len(values))})", values))  # noqa: S608

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _point(public_key: str) -> str:
    try:
        return crypto.read_public_key(public_key)
    except ValueError as error:
        raise Refused(400, str(error)) from error
