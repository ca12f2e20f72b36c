"""What a system answers, by the vendor's paths below /systems/{id}/, and the group each path belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sandbox.enphase import calls, homes, intervals, meters
from sandbox.enphase.apps import epoch
from sandbox.enphase.calls import Call
from sandbox.enphase.intervals import Answer
from sandbox.enphase.meters import QUARTER, Energies, Reports

_STALE = timedelta(days=7)

# --- the system itself -----------------------------------------------------------------------------------------------


def entry(reports: Reports) -> dict[str, Any]:
    """Return the row of a listing, which is also what /systems/{id} answers."""
    return homes.entry(reports.system, epoch(reports.opened), epoch(reports.reported_at), epoch(reports.until))


def _summary(call: Call) -> dict[str, Any]:
    """Answer with power and energies. The lifetime is that up to the day before: the day itself comes on top."""
    reports, system = call.reports, call.reports.system
    day = calls.day(call.args["summary_date"]) if "summary_date" in call.args else reports.today
    start = meters.midnight(day, system)
    if not reports.first_day <= day <= reports.today:
        call.out_of_range(start, start)
    is_today = day == reports.today
    return {
        **call.known, "current_power": 4 * _produced(reports, _newest(reports)) if is_today else 0,
        "energy_lifetime": _produced(reports, reports.lifetime(start)),
        "energy_today": _produced(reports, reports.day(day)),
        "last_interval_end_at": epoch(reports.until), "last_report_at": epoch(reports.reported_at),
        "modules": system.micros if is_today else 0, "operational_at": epoch(reports.opened),
        "size_w": system.size_w if is_today else 0, "nmi": None, "source": system.source, "status": "normal",
        "summary_date": day.isoformat(), "battery_charge_w": system.battery_w,
        "battery_discharge_w": system.battery_w, "battery_capacity_wh": system.battery_wh,
    }  # fmt: skip


def _produced(reports: Reports, energies: Energies) -> int:
    return energies.produced if reports.system.metered else energies.micros


def _newest(reports: Reports) -> Energies:
    return reports.total(reports.until - QUARTER, reports.until)


def _devices(call: Call) -> dict[str, Any]:
    devices = homes.inventory(call.reports.system, epoch(call.reports.reported_at))
    total = sum(len(several) for several in devices.values())
    return {**call.known, "total_devices": total, "items": "devices", "devices": devices}


def _latest(call: Call) -> dict[str, Any]:
    """Answer with the power of each channel. Consumption counts the battery in: it is production plus grid."""
    reports, system, newest = call.reports, call.reports.system, _newest(call.reports)
    channels = [(serial, name, number) for serial, name in zip(system.serials("meters"), homes.METERS, strict=False)
                for number in (1, 2, 3)]  # fmt: skip
    produced, stored = newest.produced, newest.charged - newest.discharged
    watts = {"production": 4 * produced, "consumption": 4 * (produced + newest.imported - newest.exported)}
    mode = "Idle" if not stored else "Charging" if stored > 0 else "Discharging"

    def channel(serial: str, name: str, number: int, power: int | None) -> dict[str, Any]:
        known = power is not None and reports.now - reports.until <= _STALE
        seen = {"last_report_at": epoch(reports.reported_at), "power": power}
        row = {"id": system.device_id(serial), "name": name, "channel": number}
        return {**row, **(seen if known else dict.fromkeys(seen))}

    rows = [channel(serial, name, number, watts[name] if number == 1 else None) for serial, name, number in channels]
    batteries = [
        {**channel(sn, f"IQ Battery {sn}", 1, 4 * stored // system.batteries), "operational_mode": mode}
        for sn in system.serials("encharges")
    ]
    devices = {"meters": rows, "encharges": batteries, "heat-pump": [], "evse": []}
    return {**call.known, "items": "devices", "devices": devices}


# --- counters and days -----------------------------------------------------------------------------------------------


def _readings(kind: str, serial_name: str, **values: str) -> Answer:
    """Answer with the counters of a meter at `end_at`, {name in the reply: field of Energies}."""

    def answer(call: Call) -> dict[str, Any]:
        reports = call.reports
        at = min(calls.moment(call.args["end_at"]) if "end_at" in call.args else reports.now, reports.until)
        if at < reports.opened:
            call.out_of_range(at, at)
        at -= timedelta(seconds=epoch(at) % QUARTER.total_seconds())
        life, serial = reports.lifetime(at), homes.meter(reports.system, kind)
        row = {serial_name: serial, **{name: getattr(life, field) for name, field in values.items()}}
        return {**call.known, "meter_readings": [{**row, "read_at": epoch(at)}] if serial else [], "meta": call.meta}

    return answer


def _lifetime(**names: str) -> Answer:
    """Answer with arrays of daily Wh, {name in the reply: field of Energies}; a day without data is 0."""

    def answer(call: Call) -> dict[str, Any]:
        first, last = call.days()
        days = call.reports.days(first, last) if call.reports.system.metered else []
        series = {name: [getattr(day, field) for day in days] for name, field in names.items()}
        return {**call.known, "start_date": first.isoformat(), **series, "meta": call.meta}

    return answer


def _energy_lifetime(call: Call) -> dict[str, Any]:
    """Answer with what was produced each day; production=all adds what each kind of metering says."""
    reports, (first, last) = call.reports, call.days()
    days = reports.days(first, last)
    every: dict[str, Any] = {}
    if call.args.get("production") == "all":
        metered = reports.system.metered
        every["micro_production"] = [day.micros for day in days]
        every["meter_production"] = [day.produced for day in days] if metered else []
        every["meter_start_date"] = reports.first_day.isoformat() if metered else None
    series = {"start_date": first.isoformat(), "production": [_produced(reports, day) for day in days]}
    return {**call.known, **series, **every, "meta": call.meta}


DETAILS, PRODUCTION, CONSUMPTION, DEVICE = "system_details", "site_production", "site_consumption", "device_level"
RESOURCES: Mapping[str, tuple[str, Callable[[Call], dict[str, Any]]]] = {
    "": (DETAILS, lambda call: entry(call.reports)),
    "summary": (DETAILS, _summary),
    "devices": (DETAILS, _devices),
    "telemetry/production_micro": (PRODUCTION, intervals.production_micro),
    "telemetry/production_meter": (PRODUCTION, intervals.metered("wh_del", "produced", has_meta=False)),
    "telemetry/consumption_meter": (CONSUMPTION, intervals.metered("enwh", "consumed")),
    "telemetry/battery": (CONSUMPTION, intervals.battery),
    "energy_import_telemetry": (
        CONSUMPTION,
        intervals.metered("wh_imported", "imported", weeks=False, counts_devices=False),
    ),
    "energy_export_telemetry": (
        CONSUMPTION,
        intervals.metered("wh_exported", "exported", weeks=False, counts_devices=False),
    ),
    "energy_lifetime": (PRODUCTION, _energy_lifetime),
    "consumption_lifetime": (CONSUMPTION, _lifetime(consumption="consumed")),
    "battery_lifetime": (CONSUMPTION, _lifetime(charge="charged", discharge="discharged")),
    "energy_import_lifetime": (CONSUMPTION, _lifetime(**{"import": "imported"})),
    "energy_export_lifetime": (CONSUMPTION, _lifetime(export="exported")),
    "production_meter_readings": (PRODUCTION, _readings("production", "serial_number", value="produced")),
    "consumption_meter_readings": (CONSUMPTION, _readings("consumption", "serial_num", value="consumed")),
    "storage_meter_readings": (
        CONSUMPTION,
        _readings("storage", "serial_num", value_charged="charged", value_discharged="discharged"),
    ),
    "latest_telemetry": (CONSUMPTION, _latest),
    "devices/micros/{serial}/telemetry": (DEVICE, intervals.one_micro),
    "devices/encharges/{serial}/telemetry": (DEVICE, intervals.one_battery),
}
