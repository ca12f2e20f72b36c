"""The homes of the SolarEdge stand-in: what they are, what each key sees, and what they measure in a quarter hour."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import weather
from sandbox.weather import Flow, Home

QUARTER = timedelta(minutes=15)
FLEET_KEY = "sandbox-fleet-key"
OTHER_KEY = "sandbox-other-key"

# The vendor's names of series: {series: value}, W, Wh, percent, V, A, Hz; None where there is no data.
Measured = Mapping[str, float | None]
IMPORT_EXPORT = ("importEnergy", "importPower", "exportEnergy", "exportPower")
PRODUCTION = ("productionEnergy", "productionPower")
STORAGE = ("chargePower", "dischargePower", "chargeEnergy", "dischargeEnergy", "remainingEnergy", "stateOfEnergy")
INVERTER = ("power", "energy", "voltage", "current", "frequency")


@dataclass(frozen=True)
class Site:
    """A site as the vendor knows it; `quarter` tells what was measured in the quarter hour that begins then (UTC)."""

    entry: Mapping[str, Any]
    """its row in /sites"""
    location: Mapping[str, str]
    installed: datetime
    devices: list[dict[str, Any]]
    quarter: Callable[[datetime], Measured]
    meters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """the series each meter has"""
    overview: Mapping[str, Any] | None = None
    """a recorded one"""
    alerts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def site_id(self) -> int:
        return int(self.entry["siteId"])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.location["timezone"])

    def serials(self, kind: str) -> list[str]:
        return [device["serialNumber"] for device in self.devices if device["type"] == kind]


def accounts(recordings: Path | None) -> dict[str, list[Site]]:
    """Return the sites of each key; the fleet has one more if there is a folder of recorded replies."""
    recorded = [_recorded(recordings)] if recordings and recordings.is_dir() else []
    return {FLEET_KEY: [_cottage(), _hybrid(), _far_away(), *recorded], OTHER_KEY: [_foreign(), _pending()]}


def _cottage() -> Site:
    home = Home("1001001", 52.37, 4.9, pv_w=5000)
    return site(home, "Cottage", ("Amsterdam", "Netherlands", "Europe/Amsterdam"), [inverter_device("7E000001-A1")])


def _hybrid() -> Site:
    home = Home("1001002", 40.42, -3.7, pv_w=8000, battery_wh=9700, battery_w=5000)
    serial, meter, production = "7B000002-B2", "5118719", "5118720"
    devices = hybrid_devices(inverter=serial, battery="BT000002", meter=meter, production=production)
    alert = {
        "alertId": 7001, "siteId": 1001002, "category": "COMMUNICATION", "type": "INVERTER_NOT_COMMUNICATING",
        "impact": 1, "status": "CLOSED", "firstTrigger": "2026-07-03T04:10:00+02:00",
        "lastTrigger": "2026-07-03T05:25:00+02:00",
        "component": {"name": "Inverter 1", "serialNumber": serial}, "errorCodes": [],
    }  # fmt: skip
    series = {meter: IMPORT_EXPORT, production: PRODUCTION}
    return site(home, "Hybrid house", ("Madrid", "Spain", "Europe/Madrid"), devices, meters=series, alerts=[alert])


def _far_away() -> Site:
    home = Home("1001003", -36.85, 174.76, pv_w=10000)
    inverters = [inverter_device("7E000003-C3"), inverter_device("7E000004-C4", "Inverter 2")]
    return site(home, "Farm", ("Auckland", "New Zealand", "Pacific/Auckland"), inverters)


def _foreign() -> Site:
    home = Home("2002001", 47.37, 8.54, pv_w=6000)
    return site(home, "Of another fleet", ("Zurich", "Switzerland", "Europe/Zurich"), [inverter_device("7E000005-D5")])


def _pending() -> Site:
    home = Home("2002002", 47.05, 8.31, pv_w=6000)
    return site(home, "Not yet built", ("Lucerne", "Switzerland", "Europe/Zurich"), [], status="PENDING")


def site(
    home: Home,
    name: str,
    place: tuple[str, str, str],
    devices: list[dict[str, Any]],
    *,
    status: str = "ACTIVE",
    **more: Any,
) -> Site:
    city, country, timezone = place
    entry = {
        "siteId": int(home.seed), "name": name, "peakPower": home.pv_w / 1000, "installationDate": "2026-03-02",
        "location": {"country": country, "city": city}, "activationStatus": status, "note": "",
    }  # fmt: skip
    installed = datetime(2026, 3, 2, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    location = {"country": country, "city": city, "timezone": timezone}
    return Site(entry, location, installed, devices, partial(_quarter, home), **more)


def inverter_device(serial: str, name: str = "Inverter 1") -> dict[str, Any]:
    more = {"nameplate": 0, "communicationType": "ETHERNET", "connectedOptimizers": 14, "connectedTo": None}
    return _device("INVERTER", serial, name, partNumber="SE5000H-RW000BNN4", firmwareVersion="4.25.13", **more)


def hybrid_devices(*, inverter: str, battery: str, meter: str, production: str) -> list[dict[str, Any]]:
    """Return the devices of a home with a battery by their serials; the grid meter is listed once per direction."""
    return [
        inverter_device(inverter),
        _device("BATTERY", battery, "Battery 1", partNumber="BAT-10K1PS0B-01", connectedTo=inverter),
        _device("METER", meter, "Export Meter", meterType="FeedIn", connectedTo=inverter),
        _device("METER", meter, "Import Meter", meterType="Purchased", connectedTo=inverter),
        _device("METER", production, "Production Meter", meterType="Production", connectedTo=inverter),
        _device("METER", None, "Consumption Meter", meterType="Consumption"),
    ]


def _device(kind: str, serial: str | None, name: str, **more: Any) -> dict[str, Any]:
    made = {"manufacturer": "SolarEdge", "createdAt": "2026-03-02T13:20:57+01:00", "active": True}
    return {"type": kind, "serialNumber": serial, **made, "name": name, **more}


@lru_cache(maxsize=10_000)
def _quarter(home: Home, start: datetime) -> Measured:
    flows = [weather.flow(home, start + number * weather.STEP) for number in range(3)]
    awake = any(weather.sun_height(home.latitude, home.longitude, start + n * QUARTER) for n in (-1, 0, 1, 2))
    watts: dict[str, float | None] = {
        "import": _mean(max(flow.grid_w, 0) for flow in flows),
        "export": _mean(max(-flow.grid_w, 0) for flow in flows),
        "charge": _mean(max(flow.battery_w, 0) for flow in flows),
        "discharge": _mean(max(-flow.battery_w, 0) for flow in flows),
        "consumption": _mean(flow.load_w for flow in flows),
        "inverter": _mean(flow.pv_w - flow.battery_w for flow in flows) if awake or home.battery_wh else None,
    }
    pv = _mean(flow.pv_w for flow in flows) if awake else None
    named: dict[str, float | None] = {"power": pv, "productionPower": pv}
    named |= {f"{name}Power": value for name, value in watts.items()}
    named |= {name.replace("Power", "Energy").replace("power", "energy"): _wh(value) for name, value in named.items()}
    return {**named, **_state_of(home, flows[-1]), **_grid_quality(home, start, watts["inverter"])}


def _state_of(home: Home, last: Flow) -> Measured:
    return {"stateOfEnergy": round(last.soc * 100, 2), "remainingEnergy": round(last.soc * home.battery_wh, 1)}


def _grid_quality(home: Home, start: datetime, power_w: float | None) -> Measured:
    if power_w is None:
        return {}
    voltage = round(228 + 6 * weather.noise(f"{home.seed}V", start), 1)
    frequency = round(49.98 + 0.04 * weather.noise(f"{home.seed}Hz", start), 2)
    return {"voltage": voltage, "frequency": frequency, "current": round(power_w / voltage, 2)}


def _mean(values: Iterable[float]) -> float:
    return round(sum(values) / 3, 4)


def _wh(watts: float | None) -> float | None:
    """Whole watt-hours, as live replies have them: not exactly the power times the time."""
    return None if watts is None else float(round(watts / 4))


def _recorded(folder: Path) -> Site:
    """Return the home that says what a real one said on 2026-08-24, and null at all other times."""

    def read(name: str) -> Any:
        return json.loads((folder / f"live-{name}.json").read_text(encoding="utf-8"))

    series = {name: _by_start(read(name)["values"]) for name in ("power", "energy")}
    return Site(
        entry=read("sites")["sites"]["site"][0],
        # The zone was not recorded; this one has the offset of the recorded times.
        location={"country": "REDACTED", "city": "REDACTED", "timezone": "Europe/London"},
        installed=datetime(2026, 8, 23, 23, tzinfo=UTC),
        devices=read("devices"),
        quarter=lambda start: {name: values.get(start) for name, values in series.items()},
        overview=read("overview"),
        alerts=read("alerts"),
    )


def _by_start(values: list[dict[str, Any]]) -> dict[datetime, float | None]:
    return {datetime.fromisoformat(one["timestamp"]).astimezone(UTC): one["value"] for one in values}
