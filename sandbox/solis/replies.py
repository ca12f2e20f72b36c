"""How Solis Cloud words what its plants measure: units that change with size, zeros for what is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.solis.plants import J_PER_KWH, Plant, Sample

_STALE = timedelta(minutes=20)
_BATTERY_V = 51.2
_LARGE_KWH = 1000


def station(plant: Plant, sample: Sample, now: datetime) -> dict[str, Any]:
    """Return a record of userStationList."""
    return {
        "id": plant.station_id, "stationName": plant.name, "userId": "1298491919448630000", "money": "EUR",
        "state": _state(sample, now), **_zone(plant),
        "capacity": plant.home.pv_w / 1000, "capacityStr": "kWp",
        **_power("power", sample.flow.pv_w), **_energy("dayEnergy", sample.today.generated),
        **_energy("allEnergy", sample.total.generated), "allEnergy1": _kwh(sample.total.generated),
        "inverterCount": 1, "stationTypeNew": int(plant.is_hybrid), "nmiCode": "", **_times(plant, sample),
    }  # fmt: skip


def station_detail(plant: Plant, sample: Sample, now: datetime) -> dict[str, Any]:
    """Return the `data` of stationDetail, also a record of stationDetailList."""
    return {**station(plant, sample, now), "timeZoneStandardId": plant.zone, "daylightSwitch": int(_has_dst(plant))}


def collector(plant: Plant, sample: Sample, now: datetime) -> dict[str, Any]:
    """Return a record of collectorList."""
    return {
        "id": str(1306858901387600000 + plant.number), "sn": str(404_000_000 + plant.number),
        "stationId": plant.station_id, "state": _state(sample, now), "model": "WIFI", "dataUploadCycle": "5",
        **_zone(plant), **_times(plant, sample),
    }  # fmt: skip


def inverter(plant: Plant, sample: Sample, now: datetime) -> dict[str, Any]:
    """Return a record of inverterList; it says "etoday" where details say "eToday"."""
    return {
        **_inverter(plant, sample, now), "collectorSn": str(404_000_000 + plant.number),
        **_energy("etoday", sample.today.generated), "etoday1": _kwh(sample.today.generated),
        **_energy("etotal", sample.total.generated), "etotal1": _kwh(sample.total.generated),
        "dcInputType": 1, "updateShelfTime": "null",
    }  # fmt: skip


def inverter_detail(plant: Plant, sample: Sample, now: datetime) -> dict[str, Any]:
    """Return the `data` of inverterDetail, also a record of inverterDetailList."""
    strings = {f"pow{n}": 0 for n in range(1, 33)} | {f"pow{n}Str": "W" for n in range(1, 33)}
    pv_w = round(sample.flow.pv_w)
    direct = {"pow1": pv_w // 2, "pow2": pv_w - pv_w // 2} if plant.is_hybrid else {}
    return {
        **_inverter(plant, sample, now), "timeZoneStandardId": plant.zone,
        "collectorsn": str(404_000_000 + plant.number), "dcInputtype": 1, "porwerPercent": 0.0,
        **_energy("eToday", sample.today.generated), **_energy("eTotal", sample.total.generated),
        "allEnergyOriginal": _kwh(sample.total.generated),
        **_power("dcPac", sample.flow.pv_w if plant.is_hybrid else 0), **strings, **direct, **_ac(sample),
        **_storage(plant, sample), "bstteryCurrent": 0.0, "batteryHealthSoh": 99.0 if plant.is_hybrid else 0.0,
        **_traded(plant, sample), "generatorWarningMsg": "--",
    }  # fmt: skip


def inverter_row(plant: Plant, sample: Sample) -> dict[str, Any]:
    """Return a row of inverterDay: watts, said by `pacPec` for one field and by nothing for the others."""
    flow = sample.flow
    battery_w, grid_w = (flow.battery_w, flow.grid_w) if plant.is_hybrid else (0.0, 0.0)
    return {
        "dataTimestamp": _epoch(sample), "timeStr": _shown(plant, sample), "time": _shown(plant, sample)[11:],
        "state": 1, "timeZone": _hours(plant), "acOutputType": 0, "dcInputType": 1,
        "pac": float(round(flow.pv_w)), "pacStr": "kW", "pacPec": "0.001",
        "eToday": _kwh(sample.today.generated), "eTotal": _kwh(sample.total.generated),
        **_ac(sample), "pSum": float(round(-grid_w)), "batteryPower": float(round(battery_w)),
        "familyLoadPower": float(round(flow.load_w)) if plant.is_hybrid else 0.0, **_storage(plant, sample),
        "homeLoadTodayEnergy": 0.0,
    }  # fmt: skip


def station_row(plant: Plant, sample: Sample) -> dict[str, Any]:
    """Return a row of stationDay."""
    flow = sample.flow
    battery_w, sold_w = (round(flow.battery_w), round(-flow.grid_w)) if plant.is_hybrid else (0, round(flow.pv_w))
    return {
        "time": int(_epoch(sample)), "timeStr": _shown(plant, sample)[11:], "timeZone": _hours(plant),
        "power": float(round(flow.pv_w)), "powerStr": "kW", "powerPec": "0.001",
        "psum": float(sold_w), "psumZheng": max(sold_w, 0), "psumFu": max(-sold_w, 0),
        "batteryPower": float(battery_w), "batteryPowerZheng": max(battery_w, 0),
        "batteryPowerFu": max(-battery_w, 0), "bypassLoadPower": 0.0, "produceEnergy": float(round(flow.pv_w)),
    }  # fmt: skip


def _inverter(plant: Plant, sample: Sample, now: datetime) -> dict[str, Any]:
    hybrid, flow = plant.is_hybrid, sample.flow
    machine = "S6-EH1P6K-L-PLUS" if hybrid else "Solis-1P5K-4G"
    return {
        "id": plant.inverter_id, "sn": plant.sn, "stationId": plant.station_id, "stationName": plant.name,
        "model": "b4", "productModel": "b4", "machine": machine, "inverterMeterModel": plant.meter_model,
        **_power("power", plant.home.pv_w), "acOutputType": 0, "state": _state(sample, now), "stateExceptionFlag": 0,
        **_power("pac", flow.pv_w), **_power("psum", -flow.grid_w if hybrid else 0),
        **_power("batteryPower", flow.battery_w if hybrid else 0), "batteryPowerPec": "1",
        **_power("familyLoadPower", flow.load_w if hybrid else 0),
        "batteryCapacitySoc": _percent(plant, sample), **_zone(plant), **_times(plant, sample),
        "fisTime": "1624441308000", "fullHour": 1.0,
    }  # fmt: skip


def _ac(sample: Sample) -> dict[str, Any]:
    # Phases and strings that are not used read 0.0.
    pv_w = sample.flow.pv_w
    return {
        "uAc1": 231.4, "iAc1": round(pv_w / 231.4, 1), "uAc2": 0.0, "iAc2": 0.0, "uAc3": 0.0, "iAc3": 0.0,
        "fac": 49.98, "inverterTemperature": round(24 + pv_w / 400, 1),
        "uPv1": 245.3 if pv_w else 0.0, "iPv1": -(-pv_w * 10 // 245.3) / 10, "uPv2": 0, "iPv2": 0,
    }  # fmt: skip


def _storage(plant: Plant, sample: Sample) -> dict[str, Any]:
    volts = _BATTERY_V if plant.is_hybrid else 0.0
    amperes = round(sample.flow.battery_w / _BATTERY_V, 1) if plant.is_hybrid else 0.0
    return {
        "storageBatteryVoltage": volts, "storageBatteryCurrent": amperes, "batteryCapacitySoc": _percent(plant, sample),
        "batteryPercent": _percent(plant, sample),
    }  # fmt: skip


def _traded(plant: Plant, sample: Sample) -> dict[str, Any]:
    today, total = sample.today, sample.total
    fields = {
        "batteryTodayChargeEnergy": today.charged, "batteryTotalChargeEnergy": total.charged,
        "batteryTodayDischargeEnergy": today.discharged, "batteryTotalDischargeEnergy": total.discharged,
        "gridPurchasedTodayEnergy": today.imported, "gridPurchasedTotalEnergy": total.imported,
        "gridSellTodayEnergy": today.exported, "gridSellTotalEnergy": total.exported,
        # The bare names are today's.
        "gridPurchasedEnergy": today.imported, "gridSellEnergy": today.exported,
    }  # fmt: skip
    values = fields if plant.is_hybrid else dict.fromkeys(fields, 0)
    return {key: value for name, joules in values.items() for key, value in _energy(name, joules).items()}


def _power(name: str, watts: float) -> dict[str, Any]:
    return {name: round(watts) / 1000, f"{name}Str": "kW", f"{name}Pec": "1"}


def _energy(name: str, joules: int) -> dict[str, Any]:
    kwh = _kwh(joules)
    if kwh < _LARGE_KWH:
        return {name: kwh, f"{name}Str": "kWh"}
    return {name: round(kwh / 1000, 3), f"{name}Str": "MWh"}


def _kwh(joules: int) -> float:
    return joules // (J_PER_KWH // 10) / 10


def _percent(plant: Plant, sample: Sample) -> float:
    return round(sample.flow.soc * 100, 1) if plant.is_hybrid else 0.0


def _state(sample: Sample, now: datetime) -> int:
    return 1 if now - sample.at <= _STALE else 2


def _epoch(sample: Sample) -> str:
    return str(int(sample.at.timestamp() * 1000))


def _shown(plant: Plant, sample: Sample) -> str:
    return sample.at.astimezone(ZoneInfo(plant.zone)).strftime("%Y-%m-%d %H:%M:%S")


def _times(plant: Plant, sample: Sample) -> dict[str, Any]:
    # The time follows daylight saving, its label does not: "2025-07-01 18:00:00 (UTC+01:00)" is 16:00 UTC.
    shown = f"{_shown(plant, sample)} ({_label(plant)})"
    return {"dataTimestamp": _epoch(sample), "dataTimestampStr": shown}


def _zone(plant: Plant) -> dict[str, Any]:
    return {"timeZone": _hours(plant), "timeZoneStr": _label(plant)}


def _hours(plant: Plant) -> float:
    return min(_offsets(plant)).total_seconds() / 3600


def _label(plant: Plant) -> str:
    minutes = round(abs(_hours(plant)) * 60)
    return f"UTC{'-' if _hours(plant) < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _has_dst(plant: Plant) -> bool:
    return len(_offsets(plant)) > 1


def _offsets(plant: Plant) -> set[timedelta]:
    zone = ZoneInfo(plant.zone)
    return {datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() or timedelta() for month in (1, 7)}
