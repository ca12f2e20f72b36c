"""What homeowners approved: the dialog with the browser, one-time codes, grants and their tokens."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import string
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.enphase import homes, problems
from sandbox.enphase.apps import App, epoch
from sandbox.enphase.settings import Settings
from sandbox.state import State

_CODE_LENGTH = 6
_SCHEMA = """
CREATE TABLE IF NOT EXISTS enphase_dialog (id TEXT PRIMARY KEY, step TEXT NOT NULL, client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL, state TEXT, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS enphase_code (code TEXT PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
    login TEXT NOT NULL, expires_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS enphase_grant (id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, login TEXT NOT NULL,
    granted_at INTEGER NOT NULL, refreshes INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS enphase_token (token TEXT PRIMARY KEY, kind TEXT NOT NULL, grant_id INTEGER NOT NULL,
    expires_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS enphase_token_of_grant ON enphase_token (grant_id);
"""
_STATUS = """
SELECT g.id AS "grant", g.client_id, g.login, g.granted_at, g.refreshes, CASE WHEN g.revoked THEN 'revoked'
    WHEN EXISTS (SELECT 1 FROM enphase_token t WHERE t.grant_id = g.id AND t.kind = 'refresh' AND t.expires_at > ?)
    THEN 'active' ELSE 'expired' END AS status
FROM enphase_grant g ORDER BY g.id
"""
_ORDERS = {
    "expire_access": "UPDATE enphase_token SET expires_at = ?1 WHERE grant_id = ?2 AND kind = 'access'",
    "expire_refresh": "UPDATE enphase_token SET expires_at = ?1 WHERE grant_id = ?2 AND kind = 'refresh'",
    "revoke": "UPDATE enphase_grant SET revoked = ?1 > 0 WHERE id = ?2",
}


@dataclass(frozen=True)
class Dialog:
    """Where a browser stands between the app that sent it and the app it goes back to."""

    client_id: str
    redirect_uri: str
    state: str | None
    """as it stood in the query, still percent-encoded; None when there was none"""
    step: str = "login"
    login: str = ""


@dataclass(frozen=True)
class Grant:
    """One approval by one owner for one app."""

    number: int
    client_id: str
    login: str


class Grants:
    """Everything between the consent page and a valid token."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state, self._settings = state, settings
        state.script(_SCHEMA)

    # --- the dialog --------------------------------------------------------------------------------------------------

    def keep(self, dialog: Dialog) -> str:
        """Return the one-time id under which the next page finds the dialog again."""
        number = secrets.token_urlsafe(16)
        row = (number, dialog.step, dialog.client_id, dialog.redirect_uri, dialog.state, dialog.login)
        self._state.run("INSERT INTO enphase_dialog VALUES (?, ?, ?, ?, ?, ?)", row)
        return number

    def resume(self, number: str, step: str) -> Dialog | None:
        """Return the dialog once and only if it stands at `step`."""
        with self._state as state:
            row = state.row("SELECT * FROM enphase_dialog WHERE id = ? AND step = ?", (number, step))
            state.run("DELETE FROM enphase_dialog WHERE id = ?", (number,))
        if row is None:
            return None
        return Dialog(row["client_id"], row["redirect_uri"], row["state"], row["step"], row["login"])

    def approve(self, dialog: Dialog, now: datetime) -> str:
        """Return the code for an approved dialog."""
        code = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_CODE_LENGTH))
        row = (code, dialog.client_id, dialog.redirect_uri, dialog.login, epoch(now) + self._settings["code_ttl_s"])
        self._state.run("INSERT INTO enphase_code VALUES (?, ?, ?, ?, ?)", row)
        return code

    # --- tokens ------------------------------------------------------------------------------------------------------

    def login_of(self, code: str) -> str | None:
        """Return who approved `code`, without using it up."""
        row = self._state.row("SELECT login FROM enphase_code WHERE code = ?", (code,))
        return row["login"] if row else None

    def redeem(self, app: App, code: str, redirect_uri: str | None, now: datetime) -> dict[str, Any]:
        """Return the first tokens for a code. Like Spring it uses the code up before it looks at the redirect URI."""
        with self._state as state:
            row = state.row("SELECT * FROM enphase_code WHERE code = ?", (code,))
            state.run("DELETE FROM enphase_code WHERE code = ?", (code,))
        if row is None or row["expires_at"] <= epoch(now):
            problems.token_refused(400, "invalid_grant", f"Invalid authorization code: {code}")
        if redirect_uri != row["redirect_uri"]:
            problems.token_refused(400, "invalid_grant", "Redirect URI mismatch.")
        if app.client_id != row["client_id"]:
            problems.token_refused(401, "invalid_client", "Client ID mismatch")
        return self.grant(app, row["login"], now)

    def grant(self, app: App, login: str, now: datetime) -> dict[str, Any]:
        """Return the first tokens of a new grant."""
        with self._state as state:
            row = state.rows(
                "INSERT INTO enphase_grant (client_id, login, granted_at) VALUES (?, ?, ?) RETURNING id",
                (app.client_id, login, epoch(now)),
            )[0]
            return self._issue(app, Grant(row["id"], app.client_id, login), now)

    def refresh(self, app: App, token: str, now: datetime) -> dict[str, Any]:
        """Return the next pair for a refresh token, which is dead from then on (setting `old_refresh_allowed`).

        Access tokens of before go on until they expire: they are JWTs, which nobody can call back.
        """
        allowed = self._settings["old_refresh_allowed"]
        with self._state as state:
            row = self._token("refresh", token)
            if row is None or row["revoked"] or row["client_id"] != app.client_id:
                problems.token_refused(400, "invalid_grant", f"Invalid refresh token: {token}")
            if row["expires_at"] <= epoch(now):
                problems.token_refused(401, "invalid_token", f"Invalid refresh token (expired): {token}")
            if not allowed:
                state.run("DELETE FROM enphase_token WHERE token = ?", (token,))
            state.run("UPDATE enphase_grant SET refreshes = refreshes + 1 WHERE id = ?", (row["id"],))
            return self._issue(app, _grant(row), now)

    def _issue(self, app: App, grant: Grant, now: datetime) -> dict[str, Any]:
        settings, uid = self._settings.all, homes.owner_id(grant.login)
        pair = {
            kind: (_jwt(kind, uid, epoch(now) + settings[f"{kind}_ttl_s"]), epoch(now) + settings[f"{kind}_ttl_s"])
            for kind in ("access", "refresh")
        }
        rows = [(token, kind, grant.number, expires_at) for kind, (token, expires_at) in pair.items()]
        self._state.many("INSERT INTO enphase_token VALUES (?, ?, ?, ?)", rows)
        return {
            "access_token": pair["access"][0], "token_type": "bearer", "refresh_token": pair["refresh"][0],
            "expires_in": settings["access_ttl_s"], "scope": "read write", "enl_uid": uid, "enl_cid": "",
            "enl_password_last_changed": "1638870641", "is_internal_app": False,
            "app_type": "partner" if app.kind == "partner" else "system", "jti": secrets.token_hex(16),
        }  # fmt: skip

    def bearer(self, token: str, now: datetime) -> Grant | None:
        """Return the grant of a live access token."""
        row = self._token("access", token)
        return _grant(row) if row and not row["revoked"] and row["expires_at"] > epoch(now) else None

    def _token(self, kind: str, token: str) -> sqlite3.Row | None:
        return self._state.row(
            "SELECT g.*, t.expires_at FROM enphase_token t JOIN enphase_grant g ON g.id = t.grant_id"
            " WHERE t.token = ? AND t.kind = ?",
            (token, kind),
        )

    # --- grants ------------------------------------------------------------------------------------------------------

    def revoke(self, grant: Grant) -> None:
        self._state.run("UPDATE enphase_grant SET revoked = 1 WHERE id = ?", (grant.number,))

    def logins(self) -> list[str]:
        """Return every owner that ever approved something."""
        return [row["login"] for row in self._state.rows("SELECT DISTINCT login FROM enphase_grant ORDER BY login")]

    def all(self, now: datetime) -> list[dict[str, Any]]:
        return [dict(row) for row in self._state.rows(_STATUS, (epoch(now),))]

    def order(self, wanted: Any, now: datetime) -> None:
        """Expire or revoke what is named by `grant` or `login`. Raises Problem 400 where that is nothing."""
        wanted = wanted if isinstance(wanted, dict) else {}
        orders = [sql for name, sql in _ORDERS.items() if wanted.get(name) is True]
        named = "SELECT id FROM enphase_grant WHERE id = ? OR login = ?"
        rows = self._state.rows(named, (wanted.get("grant"), wanted.get("login")))
        if not orders or not rows:
            problems.bad_order(f"Name a grant or login there is, and one of {', '.join(_ORDERS)}: true.")
        for sql in orders:
            self._state.many(sql, [(epoch(now), row["id"]) for row in rows])


def _grant(row: sqlite3.Row) -> Grant:
    return Grant(row["id"], row["client_id"], row["login"])


def _jwt(kind: str, uid: str, expires_at: int) -> str:
    """Return what looks like Spring's token: as long as a real one, signed by nobody, for nobody to look into."""
    claims = {"aud": ["oauth2-resource"], "scope": ["read", "write"], "enl_uid": uid, "exp": expires_at}
    parts = ({"alg": "RS256", "typ": "JWT"}, {**claims, "kind": kind, "jti": secrets.token_hex(16)})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, secrets.token_urlsafe(256)])
