"""What the stand-in remembers: its settings, and how many calls each key or application has left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.solaredge.problems import Problem
from sandbox.state import State

DEFAULTS: dict[str, Any] = {
    "minute": 600,  # calls a key or application may make in a minute; the real free tier has 10 …
    "month": 1_000_000,  # … and 2,000 in a month
    "window_hours": 12,  # longest window at QUARTER_HOUR
    "settle_s": 90,  # a bucket is null until so long after its end
    "gaps": [],  # [{"site": id, "from": ISO time, "to": ISO time}]: null there
    "revoked": [],  # keys that get 401
    "left": [],  # sites that left the fleet: not listed, 403
    "multi_site": "choose",  # an owner of several sites chooses one; "refuse": such accounts are turned away
    "drop_state": False,  # whether the consent page gives `state` back is not certain
    "denial": {},  # what the redirect says of a no is not known, e.g. {"error": "access_denied"}
}


@dataclass(frozen=True)
class Balance:
    """What a call leaves of the minute. `allowed` is False for a call that was one too many."""

    limit: int
    left: int
    allowed: bool = True
    retry_after: int | None = None
    """seconds; None when it is the month that is used up"""

    @property
    def headers(self) -> dict[str, str]:
        headers = {"x-ratelimit-limit-minute": str(self.limit), "x-ratelimit-remaining-minute": str(self.left)}
        return headers if self.retry_after is None else {**headers, "retry-after": str(self.retry_after)}


class Ledger:
    """Settings and counters in the sandbox's memory."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.script(
            "CREATE TABLE IF NOT EXISTS solaredge_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
            "CREATE TABLE IF NOT EXISTS solaredge_use "
            "(key TEXT PRIMARY KEY, minute TEXT, in_minute INT, month TEXT, in_month INT);"
        )

    @property
    def settings(self) -> dict[str, Any]:
        rows = self._state.rows("SELECT name, value FROM solaredge_setting")
        return {**DEFAULTS, **{row["name"]: json.loads(row["value"]) for row in rows}}

    def change(self, wanted: Any) -> None:
        """Set settings by name. Raises Problem 400 for an unknown one: a test would pass for nothing."""
        if not isinstance(wanted, dict) or not wanted.keys() <= DEFAULTS.keys():
            raise Problem(400, f"Settings are an object with some of {', '.join(DEFAULTS)}.")
        with self._state as state:
            for name, value in wanted.items():
                state.run("REPLACE INTO solaredge_setting VALUES (?, ?)", (name, json.dumps(value)))

    def clear(self) -> None:
        """Forget settings and counts."""
        with self._state as state:
            state.run("DELETE FROM solaredge_setting")
            state.run("DELETE FROM solaredge_use")

    def uses(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._state.rows("SELECT * FROM solaredge_use ORDER BY key")]

    def take(self, key: str, now: datetime, settings: dict[str, Any]) -> Balance:
        """Count a call of `key`, unless its minute or its month (UTC) is used up."""
        minute, month, limit = f"{now:%Y-%m-%dT%H:%M}", f"{now:%Y-%m}", int(settings["minute"])
        with self._state as state:
            row = state.row("SELECT * FROM solaredge_use WHERE key = ?", (key,))
            in_minute = row["in_minute"] if row and row["minute"] == minute else 0
            in_month = row["in_month"] if row and row["month"] == month else 0
            if in_minute >= limit:
                return Balance(limit, 0, allowed=False, retry_after=60 - now.second)
            if in_month >= settings["month"]:
                return Balance(limit, limit - in_minute, allowed=False)
            state.run(
                "REPLACE INTO solaredge_use VALUES (?, ?, ?, ?, ?)", (key, minute, in_minute + 1, month, in_month + 1)
            )
        return Balance(limit, limit - in_minute - 1)
