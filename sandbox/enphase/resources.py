"""What a system answers, named after the vendor's paths below /systems/{id}/, and the group each path belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from werkzeug.datastructures import MultiDict

from sandbox.enphase import homes, meters, problems, windows
from sandbox.enphase.apps import epoch
from sandbox.enphase.meters import QUARTER, Energies, Interval, Reports
from sandbox.weather import STEP

_SITE = ("5mins", "15mins", "day", "week")
_NO_WEEK = ("5mins", "15mins", "day")
_STALE = timedelta(days=7)

Row = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A question to a system; `serial` is set where the path names a device."""

    args: MultiDict[str, str]
    reports: Reports
    settings: Mapping[str, Any]
    serial: str = ""

    @property
    def known(self) -> dict[str, Any]:
        """Return the id, with which every reply begins."""
        return {"system_id": self.reports.system.system_id}

    @property
    def meta(self) -> dict[str, Any]:
        reports = self.reports
        return {
            "status": "normal", "last_report_at": epoch(reports.reported_at), "last_energy_at": epoch(reports.until),
            "operational_at": epoch(reports.opened),
        }  # fmt: skip


@dataclass(frozen=True)
class Resource:
    """A path. `says_period`: its 429 tells of the quota."""

    group: str
    answer: Callable[[Call], dict[str, Any]]
    says_period: bool = False


# --- the system itself -----------------------------------------------------------------------------------------------


def entry(reports: Reports) -> dict[str, Any]:
    """Return the row of a listing, which is also what /systems/{id} answers."""
    return homes.entry(reports.system, epoch(reports.opened), epoch(reports.reported_at))


def _summary(call: Call) -> dict[str, Any]:
    """Answer /summary. The lifetime is that up to the day before: the day itself comes on top."""
    reports, system = call.reports, call.reports.system
    day = windows.day(call.args["summary_date"]) if "summary_date" in call.args else reports.today
    start = meters.midnight(day, system)
    if not reports.first_day <= day <= reports.today:
        windows.refuse(start, start, reports)
    is_today = day == reports.today
    field = "produced" if system.metered else "micros"
    return {
        **call.known, "current_power": _current_w(reports) if is_today else 0,
        "energy_lifetime": getattr(reports.lifetime(start), field), "energy_today": getattr(reports.day(day), field),
        "last_interval_end_at": epoch(reports.until), "last_report_at": epoch(reports.reported_at),
        "modules": system.micros if is_today else 0, "operational_at": epoch(reports.opened),
        "size_w": system.size_w if is_today else 0, "nmi": None, "source": system.source, "status": "normal",
        "summary_date": day.isoformat(), "battery_charge_w": system.battery_w,
        "battery_discharge_w": system.battery_w, "battery_capacity_wh": system.battery_wh,
    }  # fmt: skip


def _current_w(reports: Reports) -> int:
    produced = reports.total(reports.until - QUARTER, reports.until)
    return 4 * (produced.produced if reports.system.metered else produced.micros)


def _devices(call: Call) -> dict[str, Any]:
    devices = homes.inventory(call.reports.system, epoch(call.reports.reported_at))
    total = sum(len(several) for several in devices.values())
    return {**call.known, "total_devices": total, "items": "devices", "devices": devices}


# --- intervals -------------------------------------------------------------------------------------------------------


def _intervals(
    call: Call, row: Callable[[Interval], Row], granularities: tuple[str, ...], *, width: timedelta = QUARTER
) -> tuple[windows.Window, list[Row]]:
    window = windows.asked(call.args, call.reports, granularities)
    return window, [row(one) for one in call.reports.intervals(window.start, window.end, width)]


def _envelope(call: Call, window: windows.Window, devices: int, rows: list[Any], name: str) -> dict[str, Any]:
    nested = [rows] if name in call.settings["nested"] else rows
    return {
        **call.known, "granularity": window.granularity, "total_devices": devices, **window.echo,
        "items": "intervals", "intervals": nested,
    }  # fmt: skip


def _metered(
    name: str, row: Callable[[Interval], Row], granularities: tuple[str, ...], *, devices: int = 1, meta: bool = True
) -> Callable[[Call], dict[str, Any]]:
    """Answer a series of a meter; a home without has none of it."""

    def answer(call: Call) -> dict[str, Any]:
        width = timedelta(seconds=call.settings["meter_interval_s"]) if name.endswith("production_meter") else QUARTER
        window, rows = _intervals(call, row, granularities, width=width)
        has = call.reports.system.metered
        reply = _envelope(call, window, devices if has else 0, rows if has else [], name)
        return {**reply, "meta": call.meta} if meta else reply

    return answer


def _production_micro(call: Call) -> dict[str, Any]:
    """Answer with all microinverters together: nothing in the dark, and less while the last has not reported."""
    micros = call.reports.system.micros
    window, intervals = _micro_intervals(call)
    rows = [_micro_row(one, micros - (not one.complete), micros) for one in intervals]
    rows = [{**row, "devices_reporting": micros - (not one.complete)} for row, one in zip(rows, intervals, strict=True)]
    return {**_envelope(call, window, micros, rows, "telemetry/production_micro"), "meta": call.meta}


def _one_micro(call: Call) -> dict[str, Any]:
    micros = call.reports.system.serials("micros")
    _check_serial(call, micros)
    window, intervals = _micro_intervals(call)
    is_late = call.serial == micros[-1]
    rows = [_micro_row(one, 1, len(micros)) for one in intervals if one.complete or not is_late]
    return {
        **call.known, "serial_number": call.serial, "granularity": window.granularity, **window.echo,
        "items": "intervals", "intervals": rows,
    }  # fmt: skip


def _micro_intervals(call: Call) -> tuple[windows.Window, list[Interval]]:
    window = windows.asked(call.args, call.reports, _NO_WEEK)
    return window, [one for one in call.reports.intervals(window.start, window.end, STEP) if one.awake]


def _micro_row(one: Interval, share: int, of: int) -> Row:
    wh = one.energies.micros * share // of
    return {"end_at": epoch(one.end), "powr": wh * 12, "enwh": wh}


def _battery(call: Call) -> dict[str, Any]:
    """Answer with all batteries together; while the last has not reported, its share is missing."""
    reports, count = call.reports, call.reports.system.batteries

    def row(one: Interval) -> Row:
        reporting = count if one.complete or count == 1 else count - 1
        by = {"devices_reporting": reporting}
        charged, discharged = (wh * reporting // count for wh in (one.energies.charged, one.energies.discharged))
        return {
            "end_at": epoch(one.end), "charge": {"enwh": charged, **by}, "discharge": {"enwh": discharged, **by},
            "soc": {"percent": round(one.soc * 100), **by},
        }  # fmt: skip

    window = windows.asked(call.args, reports, _SITE)
    rows = [row(one) for one in reports.intervals(window.start, window.end)] if count else []
    reply = _envelope(call, window, count, rows, "telemetry/battery")
    return {**reply, "last_reported_aggregate_soc": _last_soc(reports) if count else None, "meta": call.meta}


def _one_battery(call: Call) -> dict[str, Any]:
    batteries = call.reports.system.serials("encharges")
    _check_serial(call, batteries)

    def row(one: Interval) -> Row:
        charged, discharged = (wh // len(batteries) for wh in (one.energies.charged, one.energies.discharged))
        return {
            "end_at": epoch(one.end), "charge": {"enwh": charged}, "discharge": {"enwh": discharged},
            "soc": {"percent": round(one.soc * 100)},
        }  # fmt: skip

    window, rows = _intervals(call, row, _SITE)
    return {
        **call.known, "serial_number": call.serial, "granularity": window.granularity, **window.echo,
        "last_reported_time": epoch(call.reports.reported_at), "last_reported_soc": _last_soc(call.reports),
        "items": "intervals", "intervals": rows,
    }  # fmt: skip


def _last_soc(reports: Reports) -> str | None:
    newest = list(reports.intervals(reports.until - QUARTER, reports.until))
    return f"{round(newest[-1].soc * 100)}%" if newest else None


def _check_serial(call: Call, serials: list[str]) -> None:
    if call.serial not in serials:
        problems.unprocessable(f"Invalid serial number: {call.serial}")


# --- counters and days -----------------------------------------------------------------------------------------------


def _readings(meter: int, name: str, values: Callable[[Energies], Row]) -> Callable[[Call], dict[str, Any]]:
    """Answer with the counter of a meter at `end_at`; `name` is what this path calls the serial number."""

    def answer(call: Call) -> dict[str, Any]:
        reports = call.reports
        at = min(windows.moment(call.args["end_at"]) if "end_at" in call.args else reports.now, reports.until)
        if at < reports.opened:
            windows.refuse(at, at, reports)
        at -= timedelta(seconds=epoch(at) % QUARTER.total_seconds())
        serials = _meter_serials(reports)[meter : meter + 1]
        rows = [{name: serial, **values(reports.lifetime(at)), "read_at": epoch(at)} for serial in serials]
        return {**call.known, "meter_readings": rows, "meta": call.meta}

    return answer


def _meter_serials(reports: Reports) -> list[str]:
    """Return production, consumption and storage meter; the inventory does not list the last."""
    system = reports.system
    return [*system.serials("meters"), *([f"{system.serials('gateways')[0]}EIM4"] if system.batteries else [])]


def _lifetime(**names: str) -> Callable[[Call], dict[str, Any]]:
    """Answer with arrays of daily Wh, {name in the reply: field of Energies}; a day without data is 0."""

    def answer(call: Call) -> dict[str, Any]:
        first, last = windows.days(call.args, call.reports)
        days = call.reports.days(first, last) if call.reports.system.metered else []
        series = {name: [getattr(day, field) for day in days] for name, field in names.items()}
        return {**call.known, "start_date": first.isoformat(), **series, "meta": call.meta}

    return answer


def _energy_lifetime(call: Call) -> dict[str, Any]:
    """Answer with what was produced each day; production=all adds what each kind of metering says."""
    system = call.reports.system
    first, last = windows.days(call.args, call.reports)
    days = call.reports.days(first, last)
    micros, metered = [day.micros for day in days], [day.produced for day in days]
    reply = {
        **call.known, "start_date": first.isoformat(), "production": metered if system.metered else micros,
        "meta": call.meta,
    }  # fmt: skip
    if call.args.get("production") == "all":
        since = call.reports.first_day.isoformat() if system.metered else None
        meter = metered if system.metered else []
        return {**reply, "micro_production": micros, "meter_production": meter, "meter_start_date": since}
    return reply


def _latest(call: Call) -> dict[str, Any]:
    """Answer with the power of each channel. Consumption counts the battery in: production plus grid."""
    reports, system = call.reports, call.reports.system
    if reports.now - reports.until > _STALE:
        watts: dict[str, int | None] = dict.fromkeys(("production", "consumption", "battery"))
    else:
        last = reports.total(reports.until - QUARTER, reports.until)
        grid, battery = last.imported - last.exported, last.charged - last.discharged
        watts = {"production": 4 * last.produced, "consumption": 4 * (last.produced + grid), "battery": 4 * battery}

    def channel(serial: str, name: str, number: int, power: int | None) -> Row:
        at = None if power is None else epoch(reports.reported_at)
        return {
            "id": system.device_id(serial), "name": name, "channel": number, "last_report_at": at, "power": power,
        }  # fmt: skip

    meter_rows = [
        channel(serial, name, number, watts[name] if number == 1 else None)
        for serial, name in zip(system.serials("meters"), ("production", "consumption"), strict=False)
        for number in (1, 2, 3)
    ]
    power, count = watts["battery"], system.batteries
    mode = "Idle" if not power else "Charging" if power > 0 else "Discharging"
    batteries = [
        {**channel(sn, f"IQ Battery {sn}", 1, None if power is None else power // count), "operational_mode": mode}
        for sn in system.serials("encharges")
    ]
    devices = {"meters": meter_rows, "encharges": batteries, "heat-pump": [], "evse": []}
    return {**call.known, "items": "devices", "devices": devices}


def _end(one: Interval) -> Row:
    return {"end_at": epoch(one.end)}


_PRODUCTION, _CONSUMPTION, _DETAILS, _DEVICE = "site_production", "site_consumption", "system_details", "device_level"
RESOURCES: Mapping[str, Resource] = {
    "": Resource(_DETAILS, lambda call: entry(call.reports)),
    "summary": Resource(_DETAILS, _summary, says_period=True),
    "devices": Resource(_DETAILS, _devices),
    "telemetry/production_micro": Resource(_PRODUCTION, _production_micro, says_period=True),
    "telemetry/production_meter": Resource(
        _PRODUCTION,
        _metered(
            "telemetry/production_meter",
            lambda one: {**_end(one), "devices_reporting": 1, "wh_del": one.energies.produced},
            _SITE,
            meta=False,
        ),
        says_period=True,
    ),
    "telemetry/consumption_meter": Resource(
        _CONSUMPTION,
        _metered(
            "telemetry/consumption_meter",
            lambda one: {**_end(one), "devices_reporting": 1, "enwh": one.energies.consumed},
            _SITE,
        ),
        says_period=True,
    ),
    "telemetry/battery": Resource(_CONSUMPTION, _battery, says_period=True),
    "energy_import_telemetry": Resource(
        _CONSUMPTION,
        _metered(
            "energy_import_telemetry",
            lambda one: {**_end(one), "wh_imported": one.energies.imported},
            _NO_WEEK,
            devices=0,
        ),
        says_period=True,
    ),
    "energy_export_telemetry": Resource(
        _CONSUMPTION,
        _metered(
            "energy_export_telemetry",
            lambda one: {**_end(one), "wh_exported": one.energies.exported},
            _NO_WEEK,
            devices=0,
        ),
        says_period=True,
    ),
    "energy_lifetime": Resource(_PRODUCTION, _energy_lifetime),
    "consumption_lifetime": Resource(_CONSUMPTION, _lifetime(consumption="consumed")),
    "battery_lifetime": Resource(_CONSUMPTION, _lifetime(charge="charged", discharge="discharged")),
    "energy_import_lifetime": Resource(_CONSUMPTION, _lifetime(**{"import": "imported"})),
    "energy_export_lifetime": Resource(_CONSUMPTION, _lifetime(export="exported")),
    "production_meter_readings": Resource(
        _PRODUCTION, _readings(0, "serial_number", lambda life: {"value": life.produced})
    ),
    "consumption_meter_readings": Resource(
        _CONSUMPTION, _readings(1, "serial_num", lambda life: {"value": life.consumed})
    ),
    "storage_meter_readings": Resource(
        _CONSUMPTION,
        _readings(2, "serial_num", lambda life: {"value_charged": life.charged, "value_discharged": life.discharged}),
    ),
    "latest_telemetry": Resource(_CONSUMPTION, _latest),
    "devices/micros/{serial}/telemetry": Resource(_DEVICE, _one_micro, says_period=True),
    "devices/encharges/{serial}/telemetry": Resource(_DEVICE, _one_battery, says_period=True),
}
