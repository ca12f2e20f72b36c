"""What a site answers, resource by resource, named after the vendor's paths below /sites/{id}/."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from werkzeug.datastructures import MultiDict

from sandbox.solaredge import homes, series
from sandbox.solaredge.homes import Site
from sandbox.solaredge.problems import Problem
from sandbox.solaredge.series import Question, Seen

_DEVICE_TYPES = ("INVERTER", "BATTERY", "BATTERY_MODULE", "METER", "OPTIMIZER", "EV_CHARGER", "BUI", "GATEWAY")
_UNITS = {"power": "W", "energy": "WH", "voltage": "VOLT", "current": "AMPERE", "frequency": "HERTZ"}
_CO2_KG_PER_KWH, _MILES_PER_KWH = 0.392, 4.0


@dataclass(frozen=True)
class Call:
    """A question to a site at a time."""

    args: MultiDict[str, str]
    site: Site
    now: datetime
    settings: Mapping[str, Any]

    def question(self) -> Question:
        return series.asked(self.args, self.site, self.now, timedelta(hours=self.settings["window_hours"]))

    def seen(self) -> Seen:
        gaps = [gap for gap in self.settings["gaps"] if gap["site"] == self.site.site_id]
        return Seen(
            self.now - timedelta(seconds=self.settings["settle_s"]),
            [(datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"])) for gap in gaps],
        )


def sites(args: MultiDict[str, str], of_key: Sequence[Site]) -> dict[str, Any]:
    """Answer /sites, a page of them."""
    rows = _page([dict(site.entry) for site in of_key], args, "sites-in-page", most=1000)
    return {"sites": {"count": len(of_key), "site": rows}}


def alerts(args: MultiDict[str, str], of_sites: Sequence[Site]) -> list[dict[str, Any]]:
    """Answer /alerts and /sites/{id}/alerts, a page of them."""
    only_open = args.get("only-open") == "true"
    listed = [alert for site in of_sites for alert in site.alerts if not (only_open and alert["status"] == "CLOSED")]
    return _page(listed, args, "alerts-in-page", most=100)


def details(call: Call) -> dict[str, Any]:
    """Answer /sites/{id}."""
    row = {name: value for name, value in call.site.entry.items() if name not in ("location", "note")}
    updated = call.now.astimezone(call.site.zone).replace(microsecond=0).isoformat()
    return {**row, "accountId": 42, "lastUpdateTime": updated, "location": call.site.location}


def _page(rows: list[dict[str, Any]], args: MultiDict[str, str], size_name: str, *, most: int) -> list[dict[str, Any]]:
    page, size = args.get("page", "1"), args.get(size_name, str(most))
    if not (page.isdecimal() and int(page) and size.isdecimal() and 0 < int(size) <= most):
        raise Problem(400, f"'page' counts from 1, '{size_name}' goes to {most}")
    return rows[(int(page) - 1) * int(size) : int(page) * int(size)]


def _devices(call: Call) -> list[dict[str, Any]]:
    wanted = [kind for value in call.args.getlist("types") for kind in value.split(",")] or ["INVERTER"]
    if unknown := set(wanted) - set(_DEVICE_TYPES):
        raise Problem(400, f"Invalid device types: {', '.join(sorted(unknown))}")
    return [device for device in call.site.devices if device["type"] in wanted]


def _overview(call: Call) -> dict[str, Any]:
    """Sums of a window, of today unless asked otherwise: they begin again at midnight."""
    if call.site.overview:
        return dict(call.site.overview)
    day = {**call.args.to_dict(), "resolution": "TOTAL"}
    question = series.asked(day, call.site, call.now, timedelta.max)

    def total(name: str) -> float:
        return float(series.values(call.site, name, question, call.seen())[0]["value"] or 0)

    production, export = total("energy"), total("exportEnergy") if call.site.meters else None
    storage = total("chargeEnergy") if call.site.serials("BATTERY") else None
    consumption = total("consumptionEnergy") if call.site.meters else None
    bought = total("importEnergy") if call.site.meters else None
    return {
        "siteId": call.site.site_id,
        "production": {
            "total": production, "unit": "WH", "toSelfConsumption": None, "toStorage": storage, "toGrid": export,
        },
        "consumption": {"total": consumption, "unit": "WH", "fromPv": None, "fromStorage": None, "fromGrid": bought},
    }  # fmt: skip


def _measurements(name: str, units: Mapping[str, int]) -> Callable[[Call], dict[str, Any]]:
    def answer(call: Call) -> dict[str, Any]:
        question, unit = call.question(), series.unit_asked(call.args, units)
        values = series.values(call.site, name, question, call.seen(), factor=units[unit])
        return {"period": question.period, "unit": unit, "resolution": question.resolution, "values": values}

    return answer


def _inverters(call: Call) -> dict[str, Any]:
    serials = call.site.serials("INVERTER")
    renamed = {"power": "inverterPower", "energy": "inverterEnergy"}
    return _telemetry(call, "inverters", dict.fromkeys(serials, homes.INVERTER), renamed, shared_by=len(serials))


def _meters(call: Call) -> dict[str, Any]:
    # `unit` is not honored here: it stays W and WH.
    return _telemetry(call, "meters", call.site.meters)


def _storage(call: Call) -> dict[str, Any]:
    return _telemetry(call, "storage", dict.fromkeys(call.site.serials("BATTERY"), homes.STORAGE))


def _telemetry(
    call: Call,
    noun: str,
    names_by_serial: Mapping[str, Sequence[str]],
    renamed: Mapping[str, str] | None = None,
    *,
    shared_by: int = 1,
) -> dict[str, Any]:
    """Answer {serial: {series: values}}; power, energy and current of the home are shared by its devices."""
    question, seen = call.question(), call.seen()

    def one(name: str) -> dict[str, Any]:
        factor = shared_by if name in ("power", "energy", "current") else 1
        measured = series.values(call.site, (renamed or {}).get(name, name), question, seen, factor=factor)
        return {"unit": _unit(name), "values": measured}

    found = {serial: {name: one(name) for name in names} for serial, names in names_by_serial.items()}
    return {"period": question.period, "resolution": question.resolution, noun: found}


def _unit(name: str) -> str:
    if name == "stateOfEnergy":
        return "PERCENTAGE"
    return next(unit for ending, unit in _UNITS.items() if name.lower().endswith(ending))


def _benefits(call: Call) -> dict[str, Any]:
    if call.args.get("unit", "METRIC") not in ("METRIC", "IMPERIAL"):
        raise Problem(400, f"Invalid unit: {call.args['unit']}")
    question = series.asked({"from": "2000-01-01", "resolution": "TOTAL"}, call.site, call.now, timedelta.max)
    kwh = float(series.values(call.site, "energy", question, call.seen())[0]["value"] or 0) / 1000
    return {"co2Emissions": round(kwh * _CO2_KG_PER_KWH, 1), "evMiles": round(kwh * _MILES_PER_KWH, 1)}


def _power_flow(_: Call) -> dict[str, Any]:
    raise Problem(403, "This endpoint needs the Advanced Monitoring tier")


RESOURCES: Mapping[str, Callable[[Call], Any]] = {
    "devices": _devices,
    "overview": _overview,
    "power": _measurements("power", series.POWER_UNITS),
    "energy": _measurements("energy", series.ENERGY_UNITS),
    "inverters/telemetry": _inverters,
    "meters/telemetry": _meters,
    "storage/telemetry": _storage,
    "alerts": lambda call: alerts(call.args, [call.site]),
    "environmental-benefits": _benefits,
    "power-flow": _power_flow,
}
