"""Apps as the developer portal registers them: credentials, redirect URIs, plan and endpoint groups, calls made."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.enphase import problems
from sandbox.state import State

GROUPS = {
    "system_details": "System details: where it is, its devices and their state",
    "site_production": "Site level production monitoring",
    "site_consumption": "Site level consumption monitoring, with battery and grid",
    "ev_monitoring": "EV charger monitoring",
    "device_level": "Device level monitoring",
    "streaming": "Streaming",
    "system_configuration": "System configuration",
}


@dataclass(frozen=True)
class Plan:
    """What an app pays for: calls in a minute and in a calendar month (UTC), and the groups it may tick."""

    minute: int
    month: int
    groups: tuple[str, ...]


_SITE = ("system_details", "site_production", "site_consumption", "ev_monitoring")
PLANS = {
    "watt": Plan(10, 1_000, _SITE),
    "kilowatt": Plan(50, 50_000, (*_SITE, "device_level", "streaming")),
    "megawatt": Plan(100, 300_000, tuple(GROUPS)),
    "partner": Plan(300, 1_500_000, tuple(GROUPS)),
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS enphase_app
    (client_id TEXT PRIMARY KEY, api_key TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS enphase_use
    (client_id TEXT, period TEXT, start INTEGER, calls INTEGER, PRIMARY KEY (client_id, period));
CREATE TABLE IF NOT EXISTS enphase_call
    (client_id TEXT, resource TEXT, status INTEGER, calls INTEGER, PRIMARY KEY (client_id, resource, status));
"""


@dataclass(frozen=True)
class App:
    """A registered app; `groups` are those its owner ticked, of which the plan may not have all."""

    client_id: str
    client_secret: str
    api_key: str
    name: str
    plan: str = "watt"
    kind: str = "developer"
    groups: tuple[str, ...] = tuple(GROUPS)
    redirect_uris: tuple[str, ...] = ()

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(group for group in PLANS[self.plan].groups if group in self.groups)

    @property
    def public(self) -> dict[str, Any]:
        """What may be shown of it: all but its secrets."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in _SECRETS}


_SECRETS = ("client_secret", "api_key")
# What everyone finds here without registering. It has no redirect URI: the portal's address is not known here.
_DEFAULT = App(
    "sandbox-enphase", "sandbox-enphase-secret", "sandbox-enphase-key", "Partner portal", "megawatt",
    groups=("system_details", "site_production", "site_consumption", "device_level"),
)  # fmt: skip
_NAMES = frozenset(field.name for field in dataclasses.fields(App)) - {"redirect_uris"} | {"redirect_uri"}


class Apps:
    """The developer portal's list, and the meter of each app's calls."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.script(_SCHEMA)
        if self.by_client(_DEFAULT.client_id) is None:
            self._write(_DEFAULT)

    def all(self) -> list[App]:
        return [_app(row) for row in self._state.rows("SELECT document FROM enphase_app ORDER BY client_id")]

    def by_client(self, client_id: str) -> App | None:
        row = self._state.row("SELECT document FROM enphase_app WHERE client_id = ?", (client_id,))
        return _app(row) if row else None

    def by_key(self, api_key: str) -> App | None:
        row = self._state.row("SELECT document FROM enphase_app WHERE api_key = ?", (api_key,))
        return _app(row) if row else None

    def register(self, wanted: Any) -> None:
        """Add an app, or change what is named of one; a redirect URI is added to those there are.

        Raises Problem 400 for what the developer portal would not take.
        """
        order = _checked(wanted)
        redirect_uri = order.pop("redirect_uri", None)
        known = self.by_client(order["client_id"])
        if known is None and not {"client_secret", "api_key"} <= order.keys():
            problems.bad_order("A new app needs client_secret and api_key.")
        app = dataclasses.replace(known, **order) if known else App(**{"name": order["client_id"], **order})
        if redirect_uri and redirect_uri not in app.redirect_uris:
            app = dataclasses.replace(app, redirect_uris=(*app.redirect_uris, redirect_uri))
        try:
            self._write(app)
        except sqlite3.IntegrityError:
            problems.bad_order("Another app has this api_key.")

    def _write(self, app: App) -> None:
        self._state.run(
            "INSERT INTO enphase_app VALUES (?1, ?2, ?3)"
            " ON CONFLICT (client_id) DO UPDATE SET api_key = ?2, document = ?3",
            (app.client_id, app.api_key, json.dumps(dataclasses.asdict(app))),
        )

    def take(self, app: App, now: datetime) -> Mapping[str, Any] | None:
        """Count a call of `app`; return what a refusal says of the quota that is used up, None where none is."""
        plan, at = PLANS[app.plan], now.astimezone(UTC)
        minute = at.replace(second=0, microsecond=0)
        month = minute.replace(day=1, hour=0, minute=0)
        next_month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
        with self._state as state:
            for period, start, end, limit in (
                ("minute", minute, minute + timedelta(minutes=1), plan.minute),
                ("month", month, next_month, plan.month),
            ):
                if self._used(app, period, start) >= limit:
                    return {"period": period, "period_start": epoch(start), "period_end": epoch(end), "limit": limit}
            state.many(
                "INSERT INTO enphase_use VALUES (?1, ?2, ?3, 1) ON CONFLICT (client_id, period)"
                " DO UPDATE SET calls = iif(start = ?3, calls + 1, 1), start = ?3",
                [(app.client_id, "minute", epoch(minute)), (app.client_id, "month", epoch(month))],
            )
        return None

    def _used(self, app: App, period: str, start: datetime) -> int:
        row = self._state.row(
            "SELECT calls FROM enphase_use WHERE (client_id, period, start) = (?, ?, ?)",
            (app.client_id, period, epoch(start)),
        )
        return row["calls"] if row else 0

    def note(self, client_id: str, resource: str, status: int) -> None:
        """Write a call and its outcome into the ledger."""
        self._state.run(
            "INSERT INTO enphase_call VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET calls = calls + 1",
            (client_id, resource, status),
        )

    def ledger(self) -> list[dict[str, Any]]:
        rows = self._state.rows("SELECT * FROM enphase_call ORDER BY client_id, resource, status")
        return [dict(row) for row in rows]

    def forget_calls(self) -> None:
        with self._state as state:
            state.run("DELETE FROM enphase_use")
            state.run("DELETE FROM enphase_call")


def epoch(at: datetime) -> int:
    """Return whole seconds since 1970, the only way in which this vendor tells the time."""
    return int(at.timestamp())


def _app(row: sqlite3.Row) -> App:
    document: dict[str, Any] = json.loads(row["document"])
    lists = {name: tuple(document.pop(name)) for name in ("groups", "redirect_uris")}
    return App(**{**document, **lists})


def _checked(wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict) or "client_id" not in wanted or not wanted.keys() <= _NAMES:
        problems.bad_order(f"An app has client_id and some of {', '.join(sorted(_NAMES))}.")
    if wanted.get("plan", "watt") not in PLANS or wanted.get("kind", "developer") not in ("developer", "partner"):
        problems.bad_order(f"Plans are {', '.join(PLANS)}; kinds are developer and partner.")
    if unknown := set(wanted.get("groups", ())) - GROUPS.keys():
        problems.bad_order(f"Unknown groups: {', '.join(sorted(unknown))}. Known: {', '.join(GROUPS)}.")
    texts = {name: value for name, value in wanted.items() if name != "groups"}
    if not all(isinstance(value, str) and value for value in texts.values()):
        problems.bad_order("Everything but the groups is text.")
    return {**texts, "groups": tuple(wanted["groups"])} if "groups" in wanted else texts
