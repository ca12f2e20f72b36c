"""Enphase's intervals, and the readings they are for us.

`end_at` is the END of an interval in epoch seconds. Energies are whole Wh, all of them positive; only microinverters
have a power of their own. What was not reported is left out, and grows while `devices_reporting` does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard

from ingest.readings import DerKey, Kind, Quality, Reading, ReadingInvalid
from ingest.vendors.base import Dropped, Page, VendorDer, VendorSystem
from ingest.vendors.errors import VendorReplyInvalid, VendorUnsupported
from ingest.vendors.http import redact

PV_METER, PV_MICROS = "telemetry/production_meter", "telemetry/production_micro"
IMPORT, EXPORT, BATTERY = "energy_import_telemetry", "energy_export_telemetry", "telemetry/battery"
KINDS = {
    PV_METER: Kind.PV,
    PV_MICROS: Kind.PV,
    IMPORT: Kind.METER,
    EXPORT: Kind.METER,
    BATTERY: Kind.BATTERY,
}
# Behind the access control Site Level Consumption. The battery's comes last: some plans may lack that alone.
_CONSUMPTION = (IMPORT, EXPORT, BATTERY)
# Documented are 15 minutes, 5 for microinverters; meters of some sites were switched to 5.
_FIVE_MINUTES_S, _QUARTER_S = 300, 900
_MAX_OVER_RATED = 3
_LIMIT = 10**12  # neither infinity nor what is no number lies below it

_Row = Mapping[str, Any]
_Values = dict[str, Any]


def groups(ders: Sequence[VendorDer]) -> list[list[str]]:
    """Return the resources to ask for, by the access control that opens them. A PV's `external_id` is its resource."""
    kinds = {der.key.kind for der in ders}
    pv = [der.external_id for der in ders if KINDS.get(der.external_id) is Kind.PV]
    return [pv, [resource for resource in _CONSUMPTION if KINDS[resource] in kinds]]


def readings(system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
    """Turn a page of a resource in KINDS into readings, oldest first. Raises VendorReplyInvalid."""
    if page.resource not in KINDS:
        msg = f"Enphase has no resource {page.resource!r}"
        raise VendorUnsupported(msg)
    rows, der = _rows(page.body, dropped), _der(system, page.resource)
    if der is None:
        return
    imported = _rows(page.context[IMPORT], Dropped()) if IMPORT in page.context else {}
    for end, width in _widths(sorted(rows)).items():
        try:
            values = _VALUES[page.resource]({**imported.get(end, {}), **rows[end]}, width)
            known = {name: value for name, value in values.items() if value is not None}
            if known.keys() - {"quality"}:
                _check_power(known.get("power_w"), der)
                yield der.key, Reading(datetime.fromtimestamp(end, UTC), width or 0, **known)
        except ReadingInvalid as error:
            dropped.add(f"{page.resource} {end}: {error}")


def _der(system: VendorSystem, resource: str) -> VendorDer | None:
    """Return whose page this is: nobody's, where the system has no such DER or its PV goes by the other metering."""
    kind = KINDS[resource]
    if not system.ders:
        return VendorDer(DerKey(kind, f"{system.external_id}-{kind}"))
    of_kind = (der for der in system.ders if der.key.kind is kind)
    return next((der for der in of_kind if der.external_id in ("", resource)), None)


# --- rows ------------------------------------------------------------------------------------------------------------


def _rows(body: Any, dropped: Dropped) -> dict[int, _Row]:
    """Return the intervals by their end. Raises VendorReplyInvalid."""
    rows: dict[int, _Row] = {}
    for row in _intervals(body):
        end = row.get("end_at")
        if not _is_time(end):
            dropped.add(f"no time: {end!r}"[:100])
        elif end in rows:
            dropped.add(f"{end} comes twice")
        elif row.get("devices_reporting") != 0:  # what no device has reported is no zero
            rows[end] = row
    return rows


def _intervals(body: Any) -> Sequence[_Row]:
    listed = body.get("intervals") if isinstance(body, Mapping) else None
    # Import and export come one level deeper, [[{…}]]; so has production_meter been seen, and all of them flat.
    if isinstance(listed, list) and listed and all(isinstance(one, list) for one in listed):
        listed = list(itertools.chain.from_iterable(listed))
    if not isinstance(listed, list) or not all(isinstance(row, Mapping) for row in listed):
        msg = f"no list of intervals: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return listed


def _is_time(end: Any) -> TypeGuard[int]:
    return isinstance(end, int) and not isinstance(end, bool) and 0 < end < 10**11


def _widths(ends: Sequence[int]) -> dict[int, int | None]:
    """Return how long each interval is, in s, by the distances between their ends.

    A step of 5 minutes shows that intervals have that length from there on; longer steps after it are gaps. None where
    no step tells, as for an interval that is alone: it comes again with its successors.
    """
    steps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    if _FIVE_MINUTES_S not in steps:
        return dict.fromkeys(ends, _QUARTER_S if _QUARTER_S in steps else None)
    switched = steps.index(_FIVE_MINUTES_S)
    before = _QUARTER_S if _QUARTER_S in steps[:switched] else _FIVE_MINUTES_S
    return {**dict.fromkeys(ends[:switched], before), **dict.fromkeys(ends[switched:], _FIVE_MINUTES_S)}


# --- values ----------------------------------------------------------------------------------------------------------


def _pv_of_meter(row: _Row, width: int | None) -> _Values:
    energy = _number(row, "wh_del")
    return {} if energy is None or not width else {"energy_out_wh": energy, **_average(0 - energy, width)}


def _pv_of_micros(row: _Row, width: int | None) -> _Values:
    power, energy = _number(row, "powr"), _number(row, "enwh")
    return {"power_w": None if power is None else float(0 - power), "energy_out_wh": energy if width else None}


def _grid(row: _Row, width: int | None) -> _Values:
    return _both_ways(_number(row, "wh_imported"), _number(row, "wh_exported"), width)


def _battery(row: _Row, width: int | None) -> _Values:
    charged, discharged = (_number(_part(row, name), "enwh") for name in ("charge", "discharge"))
    # `last_reported_aggregate_soc` is not read: it has no time of its own and comes with old windows as well.
    return {**_both_ways(charged, discharged, width), "soc": _fraction(_part(row, "soc"))}


_VALUES: Mapping[str, Callable[[_Row, int | None], _Values]] = {
    PV_METER: _pv_of_meter, PV_MICROS: _pv_of_micros, IMPORT: _grid, EXPORT: _grid, BATTERY: _battery,
}  # fmt: skip


def _both_ways(plus: Decimal | None, minus: Decimal | None, width: int | None) -> _Values:
    """Return energies and net power; where one direction is unknown, so is the net."""
    if not width:
        return {}  # an energy over an unknown time says nothing
    power = {} if plus is None or minus is None else _average(plus - minus, width)
    return {"energy_in_wh": plus, "energy_out_wh": minus, **power}


def _average(energy_wh: Decimal, width: int) -> _Values:
    return {"power_w": float(energy_wh * 3600 / width), "quality": Quality.DERIVED}


def _part(row: _Row, name: str) -> _Row:
    part = row.get(name) or {}
    if not isinstance(part, Mapping):
        msg = f"{name} is no object: {part!r}"[:100]
        raise ReadingInvalid(msg)
    return {} if part.get("devices_reporting") == 0 else part


def _number(row: _Row, name: str) -> Decimal | None:
    value = row.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < _LIMIT:
        msg = f"{name} is {value!r}"[:100]
        raise ReadingInvalid(msg)
    return Decimal(str(value))


def _fraction(part: _Row) -> float | None:
    """Return the state of charge: "percent" is 97, and "97%" where the vendor writes it elsewhere."""
    percent = part.get("percent")
    text = percent.removesuffix("%").strip() if isinstance(percent, str) else ""
    value = _number({"percent": int(text)} if text.isdecimal() and len(text) < 4 else part, "percent")
    return None if value is None else float(value / 100)


def _check_power(power_w: float | None, der: VendorDer) -> None:
    if power_w is not None and der.rated_power_w and abs(power_w) > _MAX_OVER_RATED * der.rated_power_w:
        msg = f"{der.key.kind} power is {power_w:.0f} W with {der.rated_power_w:.0f} W rated"
        raise ReadingInvalid(msg)
