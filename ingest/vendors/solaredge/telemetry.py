"""SolarEdge's series of values, and the readings they are for us.

Times are site-local with an offset. Buckets of power, energy and state of energy are stamped with their START (our `ts`
is the end), voltage and frequency with their END. null is "no data" (night, outage, open bucket), 0.0 is "awake".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingest.readings import DerKey, Kind, Quality, Reading, ReadingInvalid
from ingest.vendors.base import Dropped, Page, VendorSystem
from ingest.vendors.errors import VendorReplyInvalid, VendorUnsupported
from ingest.vendors.http import object_of
from ingest.vendors.solaredge.inventory import objects_of

OF_SITE = ("power", "energy")
BY_SERIAL = {
    "inverters/telemetry": (Kind.PV, "inverters"),
    "meters/telemetry": (Kind.METER, "meters"),
    "storage/telemetry": (Kind.BATTERY, "storage"),
}

_POWER = {"W": Decimal(1), "KW": Decimal(1000), "MW": Decimal(10**6)}
_ENERGY = {"WH": Decimal(1), "KWH": Decimal(1000), "MWH": Decimal(10**6), "GWH": Decimal(10**9)}
# The units each series may come in. What is not named here (consumptionPower, remainingEnergy …) is not read.
_UNITS: Mapping[str, Mapping[str, Decimal]] = {
    "power": _POWER, "importPower": _POWER, "exportPower": _POWER, "chargePower": _POWER, "dischargePower": _POWER,
    "energy": _ENERGY, "importEnergy": _ENERGY, "exportEnergy": _ENERGY,
    "chargeEnergy": _ENERGY, "dischargeEnergy": _ENERGY,
    # The enumeration also has PERCENTAGE_100; no reply with it is known, by its name it is the same scale.
    "stateOfEnergy": {"PERCENTAGE": Decimal("0.01"), "PERCENTAGE_100": Decimal("0.01")},
    "voltage": {"V": Decimal(1), "VOLT": Decimal(1)},
    "current": {"A": Decimal(1), "AMPERE": Decimal(1)},
    "frequency": {"HZ": Decimal(1), "HERTZ": Decimal(1)},
}  # fmt: skip
_STAMPED_AT_END = ("voltage", "frequency")

_STEPS = {"QUARTER_HOUR": timedelta(minutes=15), "HOUR": timedelta(hours=1)}
# The local date on which a bucket ends that begins on a local date: such days have 23 to 25 hours.
_CALENDAR: Mapping[str, Callable[[date], date]] = {
    "DAY": lambda day: day + timedelta(days=1),
    "WEEK": lambda day: day + timedelta(days=7),
    "MONTH": lambda day: (day.replace(day=1) + timedelta(days=31)).replace(day=1),
    "YEAR": lambda day: date(day.year + 1, 1, 1),
}

_Row = dict[str, Decimal]


def asked_for(kinds: AbstractSet[Kind]) -> list[str]:
    """Return the resources to ask for at a site with these kinds of DERs. What the inverters say, the site says too."""
    telemetry = [name for name, (kind, _) in BY_SERIAL.items() if kind in kinds and kind is not Kind.PV]
    return [*(OF_SITE if Kind.PV in kinds else ()), *telemetry]


def readings(system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
    """Turn a page of OF_SITE or BY_SERIAL into readings, oldest first per DER. Raises VendorReplyInvalid."""
    reply = _Reply.of(system, page)
    for key, series in _series_by_der(system, page):
        for (ts, interval_s), row in sorted(reply.rows(series, dropped).items()):
            try:
                values = _VALUES[key.kind](row, interval_s)
                known = {name: value for name, value in values.items() if value is not None}
                if known:
                    yield key, Reading(ts, interval_s, **known)
            except ReadingInvalid as error:
                dropped.add(f"{key.kind} {key.sn} {ts.isoformat()}: {error}")


def _series_by_der(system: VendorSystem, page: Page) -> Iterator[tuple[DerKey, Mapping[str, Any]]]:
    known = [der.key for der in system.ders]
    if page.resource in OF_SITE:
        yield next((key for key in known if key.kind is Kind.PV), DerKey(Kind.PV, "pv")), {page.resource: page.body}
        return
    if page.resource not in BY_SERIAL:
        msg = f"SolarEdge has no resource {page.resource!r}"
        raise VendorUnsupported(msg)
    kind, noun = BY_SERIAL[page.resource]
    for sn, series in object_of(page.body.get(noun), noun).items():
        if not known or DerKey(kind, sn) in known:
            yield DerKey(kind, sn), _own(kind, object_of(series, sn), known)


def _own(kind: Kind, series: Mapping[str, Any], known: list[DerKey]) -> Mapping[str, Any]:
    """Leave out a hybrid inverter's power and energy: they include the battery."""
    hybrid = kind is Kind.PV and any(key.kind is Kind.BATTERY for key in known)
    return {name: one for name, one in series.items() if not (hybrid and name in OF_SITE)}


@dataclass(frozen=True)
class _Reply:
    """What the buckets of one reply have in common, and up to when it knows anything."""

    resolution: str
    zone: ZoneInfo
    until: datetime | None

    @classmethod
    def of(cls, system: VendorSystem, page: Page) -> _Reply:
        body = object_of(page.body, page.resource)
        until = object_of(body.get("period", {}), "period").get("to", page.context.get("to"))
        resolution = str(body.get("resolution") or page.context.get("resolution") or "QUARTER_HOUR")
        zone = ZoneInfo(system.timezone)
        try:
            return cls(resolution, zone, None if until is None else _instant(until, zone))
        except ReadingInvalid as error:
            msg = f"{page.resource}: the period ends with {error}"
            raise VendorReplyInvalid(msg) from error

    def rows(self, series: Mapping[str, Any], dropped: Dropped) -> dict[tuple[datetime, int], _Row]:
        """Join the values of all series by closed bucket: {(end in UTC, length in seconds): {series: value}}."""
        rows: dict[tuple[datetime, int], _Row] = {}
        for name in _UNITS.keys() & series.keys():
            one = object_of(series[name], name)
            samples = objects_of(one.get("values"), name)
            factor, resolution = _factor(name, one), str(one.get("resolution") or self.resolution)
            for sample in samples:
                try:
                    span, value = self._span(name, sample.get("timestamp"), resolution), _number(sample.get("value"))
                except (ValueError, OverflowError) as error:
                    dropped.add(f"{name}: {error}")
                    continue
                if value is not None and (self.until is None or span[0] <= self.until):
                    rows.setdefault(span, {})[name] = value * factor
        return rows

    def _span(self, name: str, stamp: Any, resolution: str) -> tuple[datetime, int]:
        start = _instant(stamp, self.zone)
        step = _STEPS.get(resolution)
        if name in _STAMPED_AT_END:
            return start, int(step.total_seconds()) if step else 0
        end = start + step if step else _calendar_end(start, resolution, self.zone)
        return end, int((end - start).total_seconds())


def _calendar_end(start: datetime, resolution: str, zone: ZoneInfo) -> datetime:
    if resolution not in _CALENDAR:
        msg = f"buckets of unknown length: {resolution}"
        raise VendorReplyInvalid(msg)
    day = _CALENDAR[resolution](start.astimezone(zone).date())
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _instant(stamp: Any, zone: ZoneInfo) -> datetime:
    """Return a vendor's time in UTC; of the nine digits of a second six are kept. Raises ReadingInvalid."""
    try:
        at = datetime.fromisoformat(stamp)
        local = at if at.tzinfo else at.replace(tzinfo=zone)
        utc, other = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"no time: {stamp!r}"
        raise ReadingInvalid(msg) from error
    if utc != other:
        msg = f"a time that comes twice or never: {stamp!r}"
        raise ReadingInvalid(msg)
    return utc


def _number(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        msg = f"no number: {value!r}"
        raise ReadingInvalid(msg)
    return Decimal(str(value))


def _factor(name: str, series: Mapping[str, Any]) -> Decimal:
    unit = str(series.get("unit")).upper()
    if unit in _UNITS[name]:
        return _UNITS[name][unit]
    if series.get("values") == []:  # an importPower without values has been seen with the unit WH
        return Decimal(1)
    msg = f"{name} comes in {unit}, not in {', '.join(_UNITS[name])}"
    raise VendorReplyInvalid(msg)


def _pv(row: _Row, _: int) -> dict[str, Any]:
    if row.get("power", 0) < 0:
        msg = f"PV that takes {-row['power']} W"
        raise ReadingInvalid(msg)
    return {
        "power_w": float(0 - row["power"]) if "power" in row else None,
        "energy_out_wh": row.get("energy"),
        "voltage_v": _float(row, "voltage"),
        "current_a": _float(row, "current"),
        "frequency_hz": _float(row, "frequency"),
    }


def _meter(row: _Row, interval_s: int) -> dict[str, Any]:
    return _both_ways(row, "import", "export", interval_s)


def _battery(row: _Row, interval_s: int) -> dict[str, Any]:
    return {**_both_ways(row, "charge", "discharge", interval_s), "soc": _float(row, "stateOfEnergy")}


def _both_ways(row: _Row, plus: str, minus: str, interval_s: int) -> dict[str, Any]:
    """Return energies and net power; where one direction is unknown, so is the net.

    Meters have been seen with energies and empty series of power: then it is derived from them.
    """
    energies = {"energy_in_wh": row.get(f"{plus}Energy"), "energy_out_wh": row.get(f"{minus}Energy")}
    power = _difference(row, f"{plus}Power", f"{minus}Power")
    if power is not None:
        return {**energies, "power_w": float(power)}
    energy = _difference(row, f"{plus}Energy", f"{minus}Energy")
    if energy is None or not interval_s:
        return energies
    return {**energies, "power_w": float(energy * 3600 / interval_s), "quality": Quality.DERIVED}


def _difference(row: _Row, plus: str, minus: str) -> Decimal | None:
    return row[plus] - row[minus] if plus in row and minus in row else None


def _float(row: _Row, name: str) -> float | None:
    return float(row[name]) if name in row else None


_VALUES: Mapping[Kind, Callable[[_Row, int], dict[str, Any]]] = {
    Kind.PV: _pv, Kind.METER: _meter, Kind.BATTERY: _battery,
}  # fmt: skip
