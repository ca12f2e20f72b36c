"""The switches of the Enphase stand-in: what is not known of the real one, and what goes wrong there."""

from __future__ import annotations

import json
from typing import Any

from sandbox.enphase import problems
from sandbox.state import State

DEFAULTS: dict[str, Any] = {
    "access_ttl_s": 86_400,
    "refresh_ttl_s": 30 * 86_400,
    "code_ttl_s": 600,
    "old_refresh_allowed": False,  # True: a refresh token still works after it was used
    "limits": True,  # False: the plans' quotas of calls do not count
    "nested": ["energy_import_telemetry", "energy_export_telemetry"],  # whose rows come one level deeper
    "meter_interval_s": 900,  # 300 as of sites that were switched to 5-minute telemetry: production_meter alone
    "upload_s": 120,  # an interval is there so long after its end …
    "late_s": 1200,  # … and the last of several devices has reported it so long after its end
    "gaps": [],  # [{"system": id, "from": ISO time, "to": ISO time}]: nothing was reported there
}


class Settings:
    """Settings in the sandbox's memory."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.script("CREATE TABLE IF NOT EXISTS enphase_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)")

    @property
    def all(self) -> dict[str, Any]:
        rows = self._state.rows("SELECT name, value FROM enphase_setting")
        return {**DEFAULTS, **{row["name"]: json.loads(row["value"]) for row in rows}}

    def __getitem__(self, name: str) -> Any:
        return self.all[name]

    def change(self, wanted: Any) -> None:
        """Set settings by name. Raises Problem 400 for an unknown one: a test would pass for nothing."""
        if not isinstance(wanted, dict) or not wanted.keys() <= DEFAULTS.keys():
            problems.bad_order(f"Settings are an object with some of {', '.join(DEFAULTS)}.")
        rows = [(name, json.dumps(value)) for name, value in wanted.items()]
        self._state.many("REPLACE INTO enphase_setting VALUES (?, ?)", rows)

    def clear(self) -> None:
        self._state.run("DELETE FROM enphase_setting")
