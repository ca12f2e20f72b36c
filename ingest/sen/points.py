"""SEN's DER objects straight from rows of the table: what `envelope.der_object` makes, for pages of thousands.

No model and no `Reading` is made for a row: that would take several times as long as the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from ingest.readings import Kind
from ingest.sen.envelope import FIELDS, average_power


def columns(kind: Kind) -> tuple[str, ...]:
    """Return the columns of a Reading that the object of this kind is made of, besides its time."""
    return ("interval_s", "power_w", "energy_in_wh", "energy_out_wh", *(column for _, column in FIELDS[kind]))


def der_objects(
    kind: Kind, rows: Iterable[Sequence[Any]], *, make: str = "", rated_power_w: float | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the DER objects of rows: Unix milliseconds, then `columns(kind)`.

    A row whose values have no place in SEN's model yields nothing.
    """
    head = {"type": str(kind), "make": make} if make else {"type": str(kind)}
    tail = {"rated_power_W": round(rated_power_w)} if kind is Kind.PV and rated_power_w else {}
    names = tuple(name for name, _ in FIELDS[kind])
    known, producer = len(head) + 1, kind is Kind.PV
    for timestamp, interval_s, power, into, out, *values in rows:
        point = {**head, "timestamp": timestamp}
        watts = average_power(interval_s, into, out) if power is None else power
        if watts is not None:
            point["W"] = round(min(watts, 0) if producer else watts)
        for name, value in zip(names, values, strict=True):
            if value is not None:
                point[name] = round(value) if value.__class__ is Decimal else value
        if len(point) > known:
            point.update(tail)
            yield point
