"""The applications that the developer portal knows, in the sandbox's memory.

An application's redirect URI is registered with it and never a parameter of a request to the consent pages.
"""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

from sandbox.solaredge.problems import OAuthProblem, Problem
from sandbox.state import State

CLIENT_ID, CLIENT_SECRET = "sandbox-solaredge", "sandbox-solaredge-secret"
_FIELDS = ("client_id", "client_secret", "redirect_uri")


class Apps:
    """One application is there from the start, without a redirect URI."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.script(
            "CREATE TABLE IF NOT EXISTS solaredge_app "
            "(client_id TEXT PRIMARY KEY, client_secret TEXT NOT NULL, redirect_uri TEXT NOT NULL DEFAULT '');"
        )
        state.run("INSERT OR IGNORE INTO solaredge_app VALUES (?, ?, '')", (CLIENT_ID, CLIENT_SECRET))

    def register(self, wanted: Any) -> None:
        """Add or replace an application. Raises Problem 400 for what the developer portal would not take."""
        if not isinstance(wanted, dict) or wanted.keys() != {*_FIELDS} or not all(map(_is_text, wanted.values())):
            raise Problem(400, f"An application is an object with {', '.join(_FIELDS)}, all of them texts.")
        uri = urlsplit(wanted["redirect_uri"])
        if uri.scheme not in ("http", "https") or not uri.netloc or uri.fragment:
            raise Problem(400, "The redirect_uri is an absolute http or https address without a fragment.")
        self._state.run("REPLACE INTO solaredge_app VALUES (?, ?, ?)", [wanted[name] for name in _FIELDS])

    def listed(self) -> list[dict[str, str]]:
        return [dict(row) for row in self._state.rows("SELECT client_id, redirect_uri FROM solaredge_app ORDER BY 1")]

    def redirect_uri(self, client_id: str) -> str | None:
        """Return the registered address, "" if there is none yet, None for an unknown application."""
        row = self._state.row("SELECT redirect_uri FROM solaredge_app WHERE client_id = ?", (client_id,))
        return row["redirect_uri"] if row else None

    def authenticate(self, client_id: str, client_secret: str) -> None:
        """Raises OAuthProblem for a wrong pair."""
        row = self._state.row("SELECT client_secret FROM solaredge_app WHERE client_id = ?", (client_id,))
        if not row or not hmac.compare_digest(row["client_secret"].encode(), client_secret.encode()):
            raise OAuthProblem(400, "invalid_client", "Invalid client authentication")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
