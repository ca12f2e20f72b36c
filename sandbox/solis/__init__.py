"""Stand-in of Solis Cloud: signed POST calls at /api/v1/api/<name>.

The `Date` header has to be within 15 minutes of the real time (callers' clocks run at the real speed) or of the
sandbox's clock, both moved by the setting `skew_s`. Rows of a day go by the station's own calendar, as live accounts
do; with the setting `day_by` "timeZone" they go by the whole hours the caller sends, as the vendor's document has it.

Refusals by code (1, B0115 and so on) and HTTP faults are ordered from the server's /__admin/faults, by `body` or
`status`.

/__admin/settings   GET, POST some of `Settings`, DELETE sets everything back and forgets what was counted
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from werkzeug.exceptions import abort
from werkzeug.wrappers import Request, Response

from sandbox.server import World
from sandbox.solis import replies
from sandbox.solis.plants import ACCOUNTS, Meters, Plant, Sample

_MAX_SKEW = timedelta(minutes=15)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS solis_use (key TEXT, name TEXT, day TEXT, used INTEGER, PRIMARY KEY (key, name, day));
CREATE TABLE IF NOT EXISTS solis_began (at TEXT);
"""


@dataclass
class Settings:
    """What the admin call can change."""

    daily_quota: int = 200
    """calls of one interface with one key in a UTC day"""
    per_second: int = 2
    skew_s: float = 0
    check_md5: bool = False
    """refuse a Content-MD5 that is not the body's; else it is only counted, as the real cloud seems not to look"""
    always_positive_battery: bool = False
    day_by: str = "station"


class Refused(Exception):
    """A reply that says no: HTTP 200 with a code."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.body = body


class Solis:
    """The cloud: checks who asks, how often and for what, and answers from the plants."""

    def __init__(self, world: World) -> None:
        self._world, self._settings = world, Settings()
        self._md5_mismatches, self._recent = 0, dict[tuple[str, str], deque[float]]()
        world.state.script(_SCHEMA)
        with world.state as state:
            if state.row("SELECT at FROM solis_began") is None:
                state.run("INSERT INTO solis_began VALUES (?)", [world.clock.now().isoformat()])
        began = world.state.rows("SELECT at FROM solis_began")[0]["at"]
        self._meters = Meters(datetime.fromisoformat(began))
        self._calls: dict[str, Callable[[tuple[Plant, ...], dict[str, Any]], Any]] = {
            "userStationList": self._stations,
            "stationDetail": self._station,
            "stationDetailList": self._station_details,
            "collectorList": self._collectors,
            "inverterList": self._inverters,
            "inverterDetail": self._inverter,
            "inverterDetailList": self._inverter_details,
            "inverterDay": self._inverter_day,
            "stationDay": self._station_day,
            "alarmList": self._alarms,
        }

    def __call__(self, request: Request) -> Response:
        if request.path == "/__admin/settings":
            return self._admin(request)
        name = request.path.removeprefix("/api/v1/api/")
        if name not in self._calls:
            abort(404)
        if request.method != "POST":
            abort(405)
        try:
            key = self._authenticated(request)
            self._count(key, name)
            body = self._parsed(request)
            reply = {"success": True, "code": "0", "msg": "success", "data": self._calls[name](ACCOUNTS[key][1], body)}
        except Refused as refusal:
            reply = refusal.body
        return _json(reply)

    # --- who asks ----------------------------------------------------------------------------------------------------

    def _authenticated(self, request: Request) -> str:
        """Return the key id of a request whose signature is right; its own path is what the caller signed."""
        headers = request.headers
        self._check_date(headers.get("Date", ""))
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        key, _, sign = rest.partition(":")
        if scheme != "API" or not sign:
            abort(403, "Authorization is missing")
        if key not in ACCOUNTS:
            _refuse("R0000", "No authority")
        lines = [
            "POST", headers.get("Content-MD5", ""), headers.get("Content-Type", ""), headers["Date"],
            request.path.removeprefix("/api"),
        ]  # fmt: skip
        wanted = hmac.new(ACCOUNTS[key][0].encode(), "\n".join(lines).encode(), hashlib.sha1)
        if not hmac.compare_digest(base64.b64encode(wanted.digest()), sign.encode()):
            abort(403, "wrong sign")
        self._check_md5(headers.get("Content-MD5", ""), request.get_data())
        return key

    def _check_date(self, text: str) -> None:
        try:
            sent = parsedate_to_datetime(text)
        except ValueError:
            abort(408, "Date is missing or not RFC 1123")
        skew = timedelta(seconds=self._settings.skew_s)
        clocks = (datetime.now(UTC) + skew, self._world.clock.now() + skew)
        if not text.endswith("GMT") or all(abs(clock - sent) > _MAX_SKEW for clock in clocks):
            abort(408, "Date differs from the server's time by more than 15 minutes")

    def _check_md5(self, sent: str, body: bytes) -> None:
        if base64.b64decode(sent) == hashlib.md5(body, usedforsecurity=False).digest():
            return
        self._md5_mismatches += 1
        if self._settings.check_md5:
            abort(403, "wrong Content-MD5")

    def _count(self, key: str, name: str) -> None:
        """Count a call of an interface against both limits; what is refused counts for neither."""
        day = self._world.clock.now().date().isoformat()
        with self._world.state as state:
            recent = self._recent.setdefault((key, name), deque())
            while recent and recent[0] <= time.monotonic() - 1:
                recent.popleft()
            if len(recent) >= self._settings.per_second:
                _too_many(self._settings.per_second, "1SECONDS")
            used = state.row("SELECT used FROM solis_use WHERE (key, name, day) = (?, ?, ?)", (key, name, day))
            if (used["used"] if used else 0) >= self._settings.daily_quota:
                _too_many(self._settings.daily_quota, "1DAYS")
            recent.append(time.monotonic())
            state.run(
                "INSERT INTO solis_use VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET used = used + 1", (key, name, day)
            )

    def _parsed(self, request: Request) -> dict[str, Any]:
        try:
            body = json.loads(request.get_data())
        except ValueError:
            body = None
        return body if isinstance(body, dict) else _invalid()

    # --- what is answered --------------------------------------------------------------------------------------------

    def _stations(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        listed = {"page": self._page(plants, body, replies.station), "mpptSwitch": 0}
        return {"stationStatusVo": {"all": len(plants)}, **listed}

    def _station_details(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        return self._page(plants, body, replies.station_detail)

    def _station(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        plant = _wanted(plants, body, "station_id")
        return replies.station_detail(plant, self._latest(plant), self._now())

    def _inverters(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        at = [plant for plant in plants if plant.station_id == str(body.get("stationId", plant.station_id))]
        return {"inverterStatusVo": {"all": len(at)}, "page": self._page(at, body, replies.inverter), "mpptSwitch": 0}

    def _inverter_details(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        return self._page(plants, body, replies.inverter_detail)

    def _inverter(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        plant = _wanted(plants, body, "inverter_id")
        return self._repaired(replies.inverter_detail(plant, self._latest(plant), self._now()))

    def _inverter_day(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        plant = _wanted(plants, body, "inverter_id")
        return [self._repaired(replies.inverter_row(plant, sample)) for sample in self._day(plant, body)]

    def _station_day(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        plant = _wanted(plants, body, "station_id")
        return [self._repaired(replies.station_row(plant, sample)) for sample in self._day(plant, body)]

    def _collectors(self, plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        return {"page": self._page(plants, body, replies.collector)}

    def _alarms(self, _plants: tuple[Plant, ...], body: dict[str, Any]) -> Any:
        return self._page((), body, replies.station)

    def _page(
        self, plants: Iterable[Plant], body: dict[str, Any], record: Callable[[Plant, Sample, datetime], dict[str, Any]]
    ) -> dict[str, Any]:
        every, number, size = list(plants), _whole(body, "pageNo", 1, 10**6), _whole(body, "pageSize", 1, 100)
        shown = every[(number - 1) * size : number * size]
        now = self._now()
        return {
            "records": [self._repaired(record(plant, self._latest(plant), now)) for plant in shown],
            "total": len(every), "size": size, "current": number, "orders": [],
            "optimizeCountSql": True, "searchCount": True, "pages": -(-len(every) // size),
        }  # fmt: skip

    def _day(self, plant: Plant, body: dict[str, Any]) -> Iterable[Sample]:
        if "money" not in body:
            _invalid()
        hours = _whole(body, "timeZone", -12, 14)
        try:
            day = date.fromisoformat(body.get("time", ""))
        except (TypeError, ValueError):
            _invalid()
        if self._settings.day_by == "station":
            return self._meters.local_day(plant, day, self._now())
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=hours)
        return self._meters.rows(plant, start, start + timedelta(days=1), self._now())

    def _now(self) -> datetime:
        return self._world.clock.now()

    def _latest(self, plant: Plant) -> Sample:
        return self._meters.latest(plant, self._now())

    def _repaired(self, record: dict[str, Any]) -> dict[str, Any]:
        # Firmware that loses the sign of the battery's power still sends that of its current.
        if self._settings.always_positive_battery and "batteryPower" in record:
            record["batteryPower"] = abs(record["batteryPower"])
        return record

    # --- the admin call ----------------------------------------------------------------------------------------------

    def _admin(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = request.get_json()
            unknown = wanted.keys() - {field.name for field in dataclasses.fields(Settings)}
            if unknown or wanted.get("day_by", "station") not in ("station", "timeZone"):
                abort(400, f"Unknown: {', '.join(sorted(unknown)) or wanted['day_by']}. See `Settings`.")
            self._settings = dataclasses.replace(self._settings, **wanted)
        elif request.method == "DELETE":
            self._settings, self._md5_mismatches = Settings(), 0
            self._recent.clear()
            self._world.state.run("DELETE FROM solis_use")
        used: Counter[str] = Counter()
        for row in self._world.state.rows("SELECT key, name, SUM(used) AS used FROM solis_use GROUP BY key, name"):
            used[f"{row['key']} {row['name']}"] = row["used"]
        return _json({**dataclasses.asdict(self._settings), "used": used, "md5_mismatches": self._md5_mismatches})


def _json(body: Any) -> Response:
    return Response(json.dumps(body), content_type="application/json;charset=UTF-8")


def _refuse(code: str, text: str, *, success: bool = False) -> NoReturn:
    raise Refused({"success": success, "code": code, "msg": text, "data": None})


def _too_many(limit: int, period: str) -> NoReturn:
    # Seen with "200 times in 1DAYS"; the same wording for a second is a guess.
    _refuse("R0000", f"No authority too many request {limit} times in {period}", success=True)


def _invalid() -> NoReturn:
    _refuse("I0000", "The necessary parameters are empty or invalid")


def _whole(body: dict[str, Any], field: str, low: int, high: int) -> int:
    """Return a whole number, also one that comes as text (the document's samples do that)."""
    try:
        value = int(str(body.get(field)))
    except ValueError:
        _invalid()
    return value if low <= value <= high else _invalid()


def _wanted(plants: tuple[Plant, ...], body: dict[str, Any], id_field: str) -> Plant:
    if not body.get("id") and not body.get("sn"):
        _refuse("I0003", "Please enter SN")
    for plant in plants:
        if str(body.get("id", "")) == getattr(plant, id_field) or body.get("sn") == plant.sn:
            return plant
    _refuse("B0049", "The device does not exist or there is no permission")
