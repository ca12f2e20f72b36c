"""Interval telemetry: what each resource says of the intervals of a window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.enphase import problems
from sandbox.enphase.apps import epoch
from sandbox.enphase.calls import Call, Window
from sandbox.enphase.meters import QUARTER, Interval, Reports
from sandbox.weather import STEP

Answer = Callable[[Call], dict[str, Any]]


def metered(
    field: str, energy: str, *, weeks: bool = True, counts_devices: bool = True, has_meta: bool = True
) -> Answer:
    """Answer with an energy of the meters under the name `field`; a home without meters has none of it."""

    def answer(call: Call) -> dict[str, Any]:
        window, system = call.window(weeks=weeks), call.reports.system
        found = call.reports.intervals(window.start, window.end, _width(call)) if system.metered else ()
        reporting = {"devices_reporting": 1} if counts_devices else {}
        rows = [{"end_at": epoch(one.end), **reporting, field: getattr(one.energies, energy)} for one in found]
        devices = int(counts_devices and system.metered)
        return {**_envelope(call, window, devices, rows), **({"meta": call.meta} if has_meta else {})}

    return answer


def production_micro(call: Call) -> dict[str, Any]:
    """Answer with all microinverters together: nothing in the dark, and less while the last has not reported."""
    count, window = call.reports.system.micros, call.window(weeks=False)
    rows = []
    for one in _awake(call, window):
        reporting = count if one.complete else count - 1
        rows.append({**_produced(one, reporting, count), "devices_reporting": reporting})
    return {**_envelope(call, window, count, rows), "meta": call.meta}


def one_micro(call: Call) -> dict[str, Any]:
    """Answer with one microinverter; the last of them reports late."""
    micros, window = _with(call, call.reports.system.serials("micros")), call.window(weeks=False)
    is_late = call.serial == micros[-1]
    rows = [_produced(one, 1, len(micros)) for one in _awake(call, window) if one.complete or not is_late]
    return {**_envelope(call, window, 1, rows), "serial_number": call.serial}


def battery(call: Call) -> dict[str, Any]:
    """Answer with all batteries together; while the last of several has not reported, its share is missing."""
    window, reports, count = call.window(weeks=True), call.reports, call.reports.system.batteries
    rows = []
    for one in reports.intervals(window.start, window.end) if count else ():
        reporting = count if one.complete or count == 1 else count - 1
        by = {"devices_reporting": reporting}
        parts = {name: {**part, **by} for name, part in _stored(one, reporting, count).items()}
        rows.append({"end_at": epoch(one.end), **parts})
    newest = {"last_reported_aggregate_soc": _newest_soc(reports) if count else None}
    return {**_envelope(call, window, count, rows), **newest, "meta": call.meta}


def one_battery(call: Call) -> dict[str, Any]:
    """Answer with one battery."""
    count, window = len(_with(call, call.reports.system.serials("encharges"))), call.window(weeks=True)
    found = call.reports.intervals(window.start, window.end)
    rows = [{"end_at": epoch(one.end), **_stored(one, 1, count)} for one in found]
    newest = {
        "last_reported_time": epoch(call.reports.reported_at), "last_reported_soc": _newest_soc(call.reports),
    }  # fmt: skip
    return {**_envelope(call, window, 1, rows), "serial_number": call.serial, **newest}


def _envelope(call: Call, window: Window, devices: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **call.known, "granularity": call.granularity, "total_devices": devices, **window.echo,
        "items": "intervals", "intervals": [rows] if call.name in call.settings["nested"] else rows,
    }  # fmt: skip


def _width(call: Call) -> timedelta:
    is_production = call.name == "telemetry/production_meter"
    return timedelta(seconds=call.settings["meter_interval_s"]) if is_production else QUARTER


def _awake(call: Call, window: Window) -> list[Interval]:
    return [one for one in call.reports.intervals(window.start, window.end, STEP) if one.awake]


def _produced(one: Interval, share: int, of: int) -> dict[str, Any]:
    wh = one.energies.micros * share // of
    return {"end_at": epoch(one.end), "powr": wh * 12, "enwh": wh}


def _stored(one: Interval, share: int, of: int) -> dict[str, dict[str, int]]:
    charged, discharged = (wh * share // of for wh in (one.energies.charged, one.energies.discharged))
    return {"charge": {"enwh": charged}, "discharge": {"enwh": discharged}, "soc": {"percent": round(one.soc * 100)}}


def _newest_soc(reports: Reports) -> str | None:
    newest = list(reports.intervals(reports.until - QUARTER, reports.until))
    return f"{round(newest[-1].soc * 100)}%" if newest else None


def _with(call: Call, serials: list[str]) -> list[str]:
    """Return the serials of a kind of devices, if the one that is asked for is among them."""
    return serials if call.serial in serials else problems.unprocessable(f"Invalid serial number: {call.serial}")
