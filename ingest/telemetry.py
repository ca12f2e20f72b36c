"""What a DER measured, a page at a time: points as SEN got them, read straight from the table, or buckets of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingest import statistics
from ingest.models import Der, Reading
from ingest.readings import Kind
from ingest.sen import points
from ingest.statistics import Bucket, Step
from ingest.unix_time import Milliseconds, milliseconds, time_of

# What flows through a kind of DER, as people call it, and where a bucket has it.
FLOWS = {
    Kind.PV: {"generation_wh": "energy_out_wh"},
    Kind.BATTERY: {"charge_wh": "energy_in_wh", "discharge_wh": "energy_out_wh"},
    Kind.METER: {"import_wh": "energy_in_wh", "export_wh": "energy_out_wh"},
}


@dataclass(frozen=True)
class Page:
    """Points or buckets, oldest first, and from where the next page goes on; None: this was the last one."""

    data: Sequence[Any]
    then: datetime | None


def raw(der: Der, start: datetime, end: datetime, *, limit: int, received_after: datetime | None = None) -> Page:
    """Return SEN's DER objects of the readings of [start, end), made of at most `limit` readings.

    Readings that have no place in SEN's model make no point. One range of the key (der, ts) is read, whatever else is
    in the table. `received_after`: only what came or changed later than that.
    """
    kind = Kind(der.kind)
    found = Reading.objects.filter(der=der, ts__gte=start, ts__lt=end).order_by("ts")
    if received_after:
        found = found.filter(received_at__gt=received_after)
    rows = list(found.values_list(Milliseconds("ts"), *points.columns(kind))[: limit + 1])
    then = time_of(rows[limit - 1][0]) + timedelta(milliseconds=1) if len(rows) > limit else None
    data = points.der_objects(kind, rows[:limit], make=der.make, rated_power_w=der.rated_power_w)
    return Page(list(data), then)


def in_buckets(der: Der, start: datetime, end: datetime, step: Step, *, limit: int) -> Page:
    """Return the buckets, at most `limit`, in the home's time zone, from the one `start` is in up to `end`."""
    zone, kind = der.system.zone, Kind(der.kind)
    edges, then = edges_of_page(start, end, step, zone, limit=limit)
    found = statistics.buckets(der, edges[0], edges[-1], step, zone)
    return Page([{**_span(bucket), **shown(kind, bucket)} for bucket in found], then)


def edges_of_page(
    start: datetime, end: datetime, step: Step, zone: ZoneInfo, *, limit: int
) -> tuple[list[datetime], datetime | None]:
    """Return the edges of the first `limit` buckets of [start, end), and where the others begin, if there are more."""
    edges = statistics.edges_of(start, end, step, zone)
    return edges[: limit + 1], edges[limit] if len(edges) > limit + 1 else None


def shown(kind: Kind, bucket: Bucket) -> dict[str, Any]:
    """Return the values of a bucket as they are served: W, and Wh named by what they are for this kind of DER."""
    return {
        "power_w": None if bucket.power_w is None else round(bucket.power_w, 3),
        **{name: number(energy) for name, energy in flows(kind, bucket).items()},
        **({"soc": bucket.soc} if kind is Kind.BATTERY else {}),
        "points": bucket.readings,
        "quality": bucket.quality,
        "complete": bucket.complete,
    }


def flows(kind: Kind, bucket: Bucket) -> dict[str, Decimal | None]:
    """Return the energies (Wh, ≥ 0) of a bucket by what they are for this kind of DER."""
    return {name: getattr(bucket, energy) for name, energy in FLOWS[kind].items()}


def number(energy: Decimal | None) -> float | None:
    """Return an energy as JSON has it: three decimals are far from what a double cannot hold."""
    return None if energy is None else float(energy)


def _span(bucket: Bucket) -> dict[str, int]:
    return {"start": milliseconds(bucket.start), "end": milliseconds(bucket.end)}
