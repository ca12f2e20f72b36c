"""SEN's DER objects straight from rows of the table: what `envelope.der_object` makes, for pages of thousands.

No model and no `Reading` is made for a row: that would take several times as long as the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ingest.readings import Kind
from ingest.sen.envelope import FIELDS, average_power

_FIRST_FIELD = 5


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
    fields = [(place, name, column.endswith("_wh")) for place, (name, column) in enumerate(FIELDS[kind], _FIRST_FIELD)]
    known, producer = len(head) + 1, kind is Kind.PV
    for row in rows:
        timestamp, interval_s, watts, into, out = row[:_FIRST_FIELD]
        point = {**head, "timestamp": timestamp}
        if watts is None:
            watts = average_power(interval_s, into, out)
        if watts is not None:
            point["W"] = 0 if producer and watts > 0 else round(watts)
        for place, name, whole in fields:
            value = row[place]
            if value is not None:
                point[name] = round(value) if whole else value
        if len(point) > known:
            point.update(tail)
            yield point
