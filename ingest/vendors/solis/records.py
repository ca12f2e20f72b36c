"""Solis samples turned into readings, be it a record of a list, a detail or a row of a day.

What is not there comes as 0. The vendor's battery power is plus when charging, as ours; its grid power is plus when
exporting and its PV power is plus, both against ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.readings import DerKey, Kind, Reading, ReadingInvalid
from ingest.vendors.base import Dropped, Page, VendorSystem, Window
from ingest.vendors.solis.replies import SHAPES, Record, Shape, instant, measured, number, records, text, unit_of

STALE = timedelta(minutes=20)
_OFFLINE = "2"
_MAX_OVER_RATED = 3  # DC strings and batteries may exceed the rated AC power, by less than this
_KW_OR_W = 30  # about the root of 1000: what differs more is in the other unit


# --- which hardware --------------------------------------------------------------------------------------------------


def serial(record: Record) -> str:
    return text(record, "sn") or text(record, "id")


def der_key(kind: Kind, sn: str) -> DerKey:
    """Return the key of a DER behind inverter `sn`: battery and meter have no serial of their own."""
    return DerKey(kind, sn if kind is Kind.PV else f"{sn}-{kind}")


def rated_power_w(record: Record) -> float | None:
    return _float(measured(record, "power", bare="kW"))


def hardware(samples: Iterable[Record]) -> frozenset[Kind]:
    """Return what is wired to an inverter. Absent hardware reads 0, so a zero alone is no sign of any.

    inverterMeterModel: 1 no meter, 2 and 3 grid-tied with meter, 4 and 5 storage with meter, 7 off-grid, 8 two meters,
    1001 and 1002 AC-coupled.
    """
    found = {Kind.PV}
    for record in samples:
        model = text(record, "inverterMeterModel")
        if model in ("4", "5") or _nonzero(
            record, "batteryPower", "batteryCapacitySoc", "batteryTotalChargeEnergy", "batteryTotalDischargeEnergy"
        ):
            found.add(Kind.BATTERY)
        if model not in ("", "0", "1", "7") or _nonzero(
            record, "psum", "pSum", "gridPurchasedTotalEnergy", "gridSellTotalEnergy"
        ):
            found.add(Kind.METER)
    return frozenset(found)


def _nonzero(record: Record, *keys: str) -> bool:
    return any(isinstance(value := record.get(key), int | float) and value != 0 for key in keys)


# --- readings --------------------------------------------------------------------------------------------------------


def readings(system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
    """Yield the readings of a page, of the system's inverters and the page's window only.

    Raises VendorReplyInvalid for a page of another shape; records that cannot be true go to `dropped`.
    """
    samples = records(page.resource, page.body)
    shape = SHAPES[page.resource]
    known = {der.key: der.rated_power_w for der in system.ders}
    of_inverter: dict[str, list[Record]] = {}
    for record in samples if shape.samples else ():
        if page.context.get("station", text(record, "stationId")) != text(record, "stationId"):
            continue  # a list of the whole account
        of_inverter.setdefault(_serial_on(record, system, page), []).append(record)
    for sn, own in of_inverter.items():
        try:
            keys = {kind: der_key(kind, sn) for kind in Kind}
        except ReadingInvalid as error:
            dropped.add(str(error))
            continue
        listed = {kind for kind, key in keys.items() if key in known}
        if known and not listed:
            continue
        kinds = sorted(listed or hardware(own))
        for record in own:
            reader = _Reader(record, shape, sn, kinds, known.get(keys[Kind.PV]))
            yield from reader.readings(page.context, dropped)


def _serial_on(record: Record, system: VendorSystem, page: Page) -> str:
    """Return the inverter a record is about. Rows do not say it: the asker does, else the system has only one."""
    inverters = [der.key.sn for der in system.ders if der.key.kind is Kind.PV]
    only = inverters[0] if len(inverters) == 1 else system.external_id
    return str(page.context.get("sn") or text(record, "sn") or only)


@dataclass(frozen=True)
class _Reader:
    """Reads one sample of one inverter."""

    record: Record
    shape: Shape
    sn: str
    kinds: Sequence[Kind]
    rated_w: float | None

    def readings(self, context: Mapping[str, Any], dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        try:
            ts = self._time(context)
        except ReadingInvalid as error:
            dropped.add(f"{self.sn}: {error}")
            return
        if ts is None:
            return
        for kind in self.kinds:
            try:
                values = self._values(kind, counters_only=self.sn in context.get("counters_only", ()))
                if values:
                    yield der_key(kind, self.sn), Reading(ts=ts, **values)
            except ReadingInvalid as error:
                dropped.add(f"{self.sn} {kind} {ts.isoformat()}: {error}")

    def _time(self, context: Mapping[str, Any]) -> datetime | None:
        """Return the sample's time, None if it is outside the window or the values are leftovers of an earlier one."""
        ts = instant(self.record, self.shape.time)
        window: Window | None = context.get("window")
        if window is not None and not window.start <= ts < window.end:
            return None
        # "state": 2 is offline, every night for inverters without a battery: the last values stay, with their old time.
        if text(self.record, "state") == _OFFLINE or ts < context.get("fetched_at", ts) - STALE:
            return None
        # Seen in rows that are wrong as a whole.
        load = number(self.record, "homeLoadTodayEnergy")
        if load is not None and load < 0:
            msg = f"homeLoadTodayEnergy is {load}"
            raise ReadingInvalid(msg)
        return ts

    def _values(self, kind: Kind, *, counters_only: bool) -> dict[str, Any]:
        counters = {Kind.PV: self._pv_counters, Kind.BATTERY: self._battery_counters, Kind.METER: self._meter_counters}
        state = {Kind.PV: self._pv_state, Kind.BATTERY: self._battery_state, Kind.METER: self._meter_state}
        values = counters[kind]() if counters_only else {**counters[kind](), **state[kind]()}
        return {name: value for name, value in values.items() if value is not None}

    # PV

    def _pv_counters(self) -> dict[str, Any]:
        # 8.824 MWh steps by 1 kWh; "etotal1" (lists) and "allEnergyOriginal" (details) are kWh and finer.
        total = measured(self.record, "etotal1", "allEnergyOriginal", bare="kWh") or self._energy("eTotal", "etotal")
        today = self._energy("eToday", "etoday")
        if total is not None and today is not None and total + 1000 < today:
            msg = f"{today} Wh today are more than {total} Wh in all"
            raise ReadingInvalid(msg)
        return {"total_out_wh": total}

    def _pv_state(self) -> dict[str, Any]:
        power = self._plausible("PV power", self._pv_power())
        if power is not None and power < 0:
            msg = f"PV power is {power} W"
            raise ReadingInvalid(msg)
        return {
            "power_w": None if power is None else _float(0 - power),
            # 0 is the vendor's null for both.
            "frequency_hz": _float(number(self.record, "fac") or None),
            "temperature_c": _float(number(self.record, "inverterTemperature") or None),
        }

    def _pv_power(self) -> Decimal | None:
        """Return PV power: AC output of a string inverter, DC input of a hybrid (whose AC includes the battery)."""
        if Kind.BATTERY in self.kinds:
            strings = [measured(self.record, f"pow{n}", bare="W") or Decimal(0) for n in range(1, 33)]
            direct = measured(self.record, "dcPac", bare="kW") or sum(strings)
            if direct:
                return Decimal(direct)
            if self._dark():
                return Decimal(0)
        return measured(self.record, self.shape.pv, bare=self.shape.bare)

    def _dark(self) -> bool:
        """Tell that no string carries current. `pac` of some hybrid series is AC output: at night, the battery's."""
        currents = [number(self.record, f"iPv{n}") for n in range(1, 33)]
        return any(current is not None for current in currents) and not any(currents)

    # battery

    def _battery_counters(self) -> dict[str, Any]:
        return {
            "total_in_wh": self._energy("batteryTotalChargeEnergy"),
            "total_out_wh": self._energy("batteryTotalDischargeEnergy"),
        }

    def _battery_state(self) -> dict[str, Any]:
        voltage = number(self.record, "storageBatteryVoltage", "batteryVoltage") or None
        current = number(self.record, "storageBatteryCurrent", "bstteryCurrent")  # sic
        power = self._plausible("battery power", self._battery_power(voltage, current))
        percent = self._soc_percent()
        if not (voltage or current or power or percent):
            return {}  # all zero: the inverter has lost sight of its battery
        return {
            "power_w": _float(power),
            "soc": None if percent is None else float(percent / 100),
            "voltage_v": _float(voltage),
            # Its sign differs by firmware; the power's has been set right.
            "current_a": math.copysign(float(abs(current)), power or 0) if voltage and current is not None else None,
        }

    def _battery_power(self, voltage: Decimal | None, current: Decimal | None) -> Decimal | None:
        power = measured(self.record, "batteryPower", bare=self.shape.bare)
        if not power or not current:
            return power
        # Clients disagree whether a bare value in a row is watts or kilowatts; volts times amperes settle it.
        if voltage and not unit_of(self.record, "batteryPower") and abs(power) * _KW_OR_W < abs(voltage * current):
            power *= 1000
        # Some firmware sends the power always positive, and only the current tells the direction.
        return -power if power > 0 > current else power

    def _soc_percent(self) -> Decimal | None:
        """Return the state of charge in %; 0 means unknown more often than empty, so another source may know better."""
        modules = self.record.get("batteryList")
        sources = [self.record, *(modules if isinstance(modules, list) else ())]
        keys = ("batteryCapacitySoc", "batteryPercent")
        said = [number(source, key) for source in sources if isinstance(source, Mapping) for key in keys]
        known = [percent for percent in said if percent is not None]
        return next((percent for percent in known if percent), known[0] if known else None)

    # meter

    def _meter_counters(self) -> dict[str, Any]:
        return {
            "total_in_wh": self._energy("gridPurchasedTotalEnergy"),
            "total_out_wh": self._energy("gridSellTotalEnergy"),
        }

    def _meter_state(self) -> dict[str, Any]:
        power = measured(self.record, "psum", "pSum", bare=self.shape.bare)
        return {"power_w": None if power is None else _float(0 - power)}

    def _energy(self, *keys: str) -> Decimal | None:
        return measured(self.record, *keys, bare="kWh")

    def _plausible(self, what: str, power: Decimal | None) -> Decimal | None:
        # In a station's rows "power" is what flows, elsewhere what the inverter is made for.
        rated = self.rated_w or (rated_power_w(self.record) if self.shape.pv != "power" else None)
        if power is not None and rated and abs(power) > rated * _MAX_OVER_RATED:
            msg = f"{what} is {power:.0f} W with {rated:.0f} W rated"
            raise ReadingInvalid(msg)
        return power


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
