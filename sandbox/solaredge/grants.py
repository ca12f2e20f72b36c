"""What owners granted to applications: one site each, with a code at first and then a pair of tokens.

SolarEdge's gateway is Kong, which keeps one row per pair: a refresh ends the old access token with the old refresh
token, at once. Times are those of the sandbox's clock, in seconds since 1970.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from sqlite3 import Row
from typing import Any

from sandbox.server import World
from sandbox.solaredge.problems import OAuthProblem, Problem

CODE_LIFE = timedelta(minutes=10)
ACCESS_LIFE = timedelta(seconds=7200)
REFRESH_LIFE = timedelta(days=30)  # unless it is used
MOST_MONTHS = 24
SCOPES = {"SITE_DATA": "your site, its power and its energy", "DEVICE_DATA": "your devices and what each measures"}

_TABLE = """
CREATE TABLE IF NOT EXISTS solaredge_grant (
    id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, login TEXT NOT NULL, site_id INTEGER NOT NULL,
    scopes TEXT NOT NULL, ends REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0,
    code TEXT UNIQUE, code_ends REAL NOT NULL,  -- without a code after the exchange
    access_token TEXT UNIQUE, access_ends REAL NOT NULL DEFAULT 0,
    refresh_token TEXT UNIQUE, refresh_ends REAL NOT NULL DEFAULT 0, refreshes INTEGER NOT NULL DEFAULT 0
);
"""
_SHOWN = "id, client_id, login, site_id, scopes, ends, revoked, access_ends, refresh_ends, refreshes"
_ORDERS = {
    "expire_access": "access_ends = 0",
    "expire_refresh": "refresh_ends = 0",
    "revoke": "revoked = 1",
}


@dataclass(frozen=True)
class Grant:
    """An owner's consent as a data call finds it."""

    id: int
    client_id: str
    login: str
    site_id: int
    scopes: Sequence[str]

    def check(self, path: Sequence[str]) -> None:
        """Raises Problem 403 for what this consent does not open; `path` is the vendor's, below /v2/."""
        match path:
            case ["sites"] | ["alerts"]:
                raise Problem(403, "Site Access tokens cannot list sites or alerts")
            case ["sites", site_id, *_] if site_id != str(self.site_id):
                raise Problem(403, "The site OAuth grant doesn't include this site")
            case ["sites", _, *rest]:
                scope = "DEVICE_DATA" if rest == ["devices"] or rest[-1:] == ["telemetry"] else "SITE_DATA"
                if scope not in self.scopes:
                    raise Problem(403, f"The access token lacks the scope {scope}")


class Grants:
    """Codes and tokens of all consents. Raises OAuthProblem in the words that SolarEdge's users have seen."""

    def __init__(self, world: World) -> None:
        self._state, self._clock = world.state, world.clock
        self._state.script(_TABLE)

    def approve(self, *, client_id: str, login: str, site_id: int, scopes: Sequence[str], months: int) -> str:
        """Record a consent and return its code."""
        now, code = self._clock.now(), secrets.token_urlsafe(24)
        ends, code_ends = _months_later(now, months).timestamp(), (now + CODE_LIFE).timestamp()
        self._state.run(
            "INSERT INTO solaredge_grant (client_id, login, site_id, scopes, ends, code, code_ends) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (client_id, login, site_id, " ".join(scopes), ends, code, code_ends),
        )
        return code

    def login_of(self, client_id: str, code: str) -> str:
        """Return whose consent a code stands for. Raises OAuthProblem for a used, late or foreign one."""
        return str(self._live("code", client_id, code)["login"])

    def exchange(self, client_id: str, code: str) -> dict[str, Any]:
        """Turn a code into the first pair of tokens; it is good for one exchange."""
        with self._state:
            return self._pair(self._live("code", client_id, code)["id"])

    def refresh(self, client_id: str, refresh_token: str) -> dict[str, Any]:
        """Turn a refresh token into a new pair; the old pair is dead at once."""
        with self._state as state:
            grant = self._live("refresh_token", client_id, refresh_token)["id"]
            state.run("UPDATE solaredge_grant SET refreshes = refreshes + 1 WHERE id = ?", (grant,))
            return self._pair(grant)

    def revoke(self, refresh_token: str) -> None:
        """End the grant of a refresh token. Like in RFC 7009, a token that is not known is no error."""
        self._state.run("UPDATE solaredge_grant SET revoked = 1 WHERE refresh_token = ?", (refresh_token,))

    def take_away(self, grant: Grant) -> None:
        self._state.run("UPDATE solaredge_grant SET revoked = 1 WHERE id = ?", (grant.id,))

    def of_bearer(self, access_token: str) -> Grant:
        """Return the grant of a data call. Raises OAuthProblem 401."""
        now = self._now()
        row = self._state.row(
            "SELECT * FROM solaredge_grant WHERE access_token = ? AND access_ends > ? AND ends > ? AND NOT revoked",
            (access_token, now, now),
        )
        if not row:
            raise OAuthProblem(401, "invalid_token", "The access token is invalid or has expired")
        return Grant(row["id"], row["client_id"], row["login"], row["site_id"], row["scopes"].split())

    def listed(self) -> list[dict[str, Any]]:
        """Return all grants without their tokens."""
        return [dict(row) for row in self._state.rows(f"SELECT {_SHOWN} FROM solaredge_grant ORDER BY id")]  # noqa: S608  our own words

    def change(self, wanted: Any) -> None:
        """Do as a test orders with the grants of a login or a site. Raises Problem 400 or 404."""
        if not isinstance(wanted, dict) or not wanted.keys() <= {"login", "site_id", "drop_scope", *_ORDERS}:
            raise Problem(400, f"Give login or site_id and some of {', '.join(_ORDERS)} (true), drop_scope (its name).")
        with self._state as state:
            found = [one for one in self.listed() if _is_meant(one, wanted)]
            if not found:
                raise Problem(404, "Nobody with this login or site has consented.")
            for one in found:
                scopes = [scope for scope in one["scopes"].split() if scope != wanted.get("drop_scope")]
                orders = [sql for name, sql in _ORDERS.items() if wanted.get(name)]
                changes = ", ".join(["scopes = ?", *orders])
                state.run(f"UPDATE solaredge_grant SET {changes} WHERE id = ?", (" ".join(scopes), one["id"]))  # noqa: S608  our own words

    def _live(self, secret: str, client_id: str, value: str) -> Row:
        """Return the grant that a code or a refresh token is good for."""
        ends, now = {"code": "code_ends", "refresh_token": "refresh_ends"}[secret], self._now()
        row = self._state.row(
            f"SELECT id, login FROM solaredge_grant WHERE {secret} = ? AND client_id = ? "  # noqa: S608  our own words
            f"AND {ends} > ? AND ends > ? AND NOT revoked",
            (value, client_id, now, now),
        )
        if not row:
            raise OAuthProblem(400, "invalid_request", f"Invalid {secret}")
        return row

    def _pair(self, grant: int) -> dict[str, Any]:
        now, access, refresh = self._clock.now(), secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        access_ends, refresh_ends = (now + ACCESS_LIFE).timestamp(), (now + REFRESH_LIFE).timestamp()
        self._state.run(
            "UPDATE solaredge_grant SET code = NULL, access_token = ?, access_ends = ?, "
            "refresh_token = ?, refresh_ends = ? WHERE id = ?",
            (access, access_ends, refresh, refresh_ends, grant),
        )
        lifetime = int(ACCESS_LIFE.total_seconds())
        return {"access_token": access, "token_type": "Bearer", "expires_in": lifetime, "refresh_token": refresh}

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _is_meant(grant: dict[str, Any], wanted: dict[str, Any]) -> bool:
    named = {"login", "site_id"} & wanted.keys()
    return bool(named) and all(grant[name] == wanted[name] for name in named)


def _months_later(at: datetime, months: int) -> datetime:
    years, month = divmod(at.month - 1 + months, 12)
    return at.replace(year=at.year + years, month=month + 1, day=min(at.day, 28))
