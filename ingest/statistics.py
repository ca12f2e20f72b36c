"""Readings put together into buckets of time: energy, average power, the last state of charge.

Buckets follow the calendar of a time zone: a day of a clock change has 23 or 25 hours, and quarters and hours begin at
local midnight. Energies are Wh, ≥ 0 and named as in `ingest.readings`: in is import or charge, out is export, discharge
or generation. What is not known stays None.

An energy comes from the best source that a bucket has: energies over intervals, else the difference of counters, else
power over time, which makes it `derived`. An interval that reaches over the edge of a bucket is shared out by time.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.models import Der, Reading
from ingest.readings import Quality
from ingest.unix_time import Milliseconds, time_of

LONGEST_HOLD = timedelta(minutes=30)  # two samples of power further apart say nothing of the time between them
_LONGEST_SPAN = timedelta(days=1)  # likewise two counts: nobody could say which day the energy belongs to
_MILLI = Decimal("0.001")
_ALL = Decimal(1)


class Step(enum.StrEnum):
    """How long a bucket is."""

    QUARTER = "15min"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


_BY_DOUBT = (Quality.SUSPECT, Quality.ESTIMATED, Quality.DERIVED, Quality.MEASURED)
_FIXED = {Step.QUARTER: timedelta(minutes=15), Step.HOUR: timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is known of a DER from `start` up to `end` (UTC)."""

    start: datetime
    end: datetime
    energy_in_wh: Decimal | None = None
    energy_out_wh: Decimal | None = None
    power_w: float | None = None
    """average; plus flows into the site, minus out"""
    soc: float | None = None
    """the last one, 0 to 1"""
    readings: int = 0
    qualities: frozenset[Quality] = frozenset()
    derived: bool = False
    """whether an energy was computed from power"""
    complete: bool = False
    """whether everything up to its end was read at the vendor; until then it may grow"""

    @property
    def quality(self) -> Quality | None:
        """How far it can be trusted, which is as far as the least of its readings; None where there is none."""
        found = self.qualities | ({Quality.DERIVED} if self.derived else set())
        return next((one for one in _BY_DOUBT if one in found), None)


class Row(NamedTuple):
    """The columns of a Reading that are put together."""

    ts: datetime
    interval_s: int
    power_w: float | None
    energy_in_wh: Decimal | None
    energy_out_wh: Decimal | None
    total_in_wh: Decimal | None
    total_out_wh: Decimal | None
    soc: float | None
    quality: str


def buckets(der: Der, start: datetime, end: datetime, step: Step, zone: ZoneInfo) -> list[Bucket]:
    """Return the buckets of a DER from the one that `start` is in up to `end`, oldest first, also those without data.

    Reads one row for each reading, by the key (der, ts): a year of 5 minutes is about 100,000, half a second.
    """
    edges = edges_of(start, end, step, zone)
    margin = timedelta(hours=1) if step in _FIXED else _LONGEST_SPAN
    span = Reading.objects.filter(der=der, ts__gte=edges[0] - margin, ts__lte=edges[-1] + margin).order_by("ts")
    found = span.values_list(Milliseconds("ts"), *Row._fields[1:]).iterator(chunk_size=2000)
    rows = (Row(time_of(unix_ms), *values) for unix_ms, *values in found)
    through = max(filter(None, (der.system.pulled_through, der.last_reading_at)), default=None)
    return fold(rows, edges, through)


def edges_of(start: datetime, end: datetime, step: Step, zone: ZoneInfo) -> list[datetime]:
    """Return the edges (UTC) of the buckets that cover [start, end), at least one."""
    day = start.astimezone(zone).date()
    if step is Step.MONTH:
        day = day.replace(day=1)
    edges = _edges_from(day, step, zone)
    found = [next(edges)]
    for edge in edges:
        if edge <= start:
            found = [edge]
            continue
        found.append(edge)
        if edge >= end:
            break
    return found


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins in a zone (UTC); where the clock skips midnight, when the skip ends."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def fold(rows: Iterable[Row], edges: Sequence[datetime], through: datetime | None) -> list[Bucket]:
    """Put rows, oldest first, into the buckets between edges; `through` is up to when the vendor was read."""
    sums = [_Sums() for _ in edges[1:]]
    before: Row | None = None
    counted: Row | None = None
    for row in rows:
        _note(row, edges, sums)
        _share_interval(row, edges, sums)
        if before:
            _share_power(before, row, edges, sums)
        if row.total_in_wh is not None or row.total_out_wh is not None:
            if counted:
                _share_count(counted, row, edges, sums)
            counted = row
        before = row
    return [
        made.bucket(start, end, complete=through is not None and through >= end)
        for made, (start, end) in zip(sums, pairwise(edges), strict=True)
    ]


@dataclass(slots=True)
class _Flow:
    """Energy one way, by source."""

    measured: Decimal | None = None
    counted: Decimal | None = None
    computed: Decimal | None = None

    def best(self) -> tuple[Decimal | None, bool]:
        """Return the energy by the best source, and whether that is power over time."""
        for value, derived in ((self.measured, False), (self.counted, False), (self.computed, True)):
            if value is not None:
                return value.quantize(_MILLI), derived
        return None, False


@dataclass(slots=True)
class _Sums:
    """What adds up to a bucket."""

    into: _Flow = field(default_factory=_Flow)
    out: _Flow = field(default_factory=_Flow)
    known_s: float = 0.0
    powers: list[float] = field(default_factory=list)
    soc: float | None = None
    readings: int = 0
    qualities: set[str] = field(default_factory=set)

    def bucket(self, start: datetime, end: datetime, *, complete: bool) -> Bucket:
        (into, into_derived), (out, out_derived) = self.into.best(), self.out.best()
        return Bucket(
            start, end, into, out, self._power(into, out), self.soc, self.readings,
            frozenset(map(Quality, self.qualities)), complete=complete,
            derived=bool((into_derived and into) or (out_derived and out)),
        )  # fmt: skip

    def _power(self, into: Decimal | None, out: Decimal | None) -> float | None:
        if self.powers:
            return sum(self.powers) / len(self.powers)
        if not self.known_s or (into is None and out is None):
            return None
        return float((into or 0) - (out or 0)) * 3600 / self.known_s


def _note(row: Row, edges: Sequence[datetime], sums: Sequence[_Sums]) -> None:
    """Count a reading where it ends: at 12:00, that is still in the bucket up to 12:00 if it is of an interval."""
    place = (bisect_left if row.interval_s else bisect_right)(edges, row.ts) - 1
    if not 0 <= place < len(sums):
        return
    into = sums[place]
    into.readings += 1
    into.qualities.add(row.quality)
    if row.soc is not None:
        into.soc = row.soc
    if row.power_w is not None:
        into.powers.append(row.power_w)


def _share_interval(row: Row, edges: Sequence[datetime], sums: Sequence[_Sums]) -> None:
    """Add the energies of an interval, or those of its average power."""
    if not row.interval_s:
        return
    start = row.ts - timedelta(seconds=row.interval_s)
    into, out = row.energy_in_wh, row.energy_out_wh
    if into is not None or out is not None:
        for made, share, seconds in _shares(start, row.ts, edges, sums):
            made.into.measured = _plus(made.into.measured, into, share)
            made.out.measured = _plus(made.out.measured, out, share)
            made.known_s += seconds
    elif row.power_w is not None:
        _add_power(start, row.ts, row.power_w, row.power_w, edges, sums)


def _share_power(before: Row, row: Row, edges: Sequence[datetime], sums: Sequence[_Sums]) -> None:
    """Add what flowed between two samples of power."""
    if row.interval_s or before.power_w is None or row.power_w is None or row.ts - before.ts > LONGEST_HOLD:
        return
    _add_power(before.ts, row.ts, before.power_w, row.power_w, edges, sums)


def _add_power(
    start: datetime, end: datetime, first: float, last: float, edges: Sequence[datetime], sums: Sequence[_Sums]
) -> None:
    hours = (end - start).total_seconds() / 3600
    into = Decimal(str((max(first, 0.0) + max(last, 0.0)) / 2 * hours))
    out = Decimal(str((max(-first, 0.0) + max(-last, 0.0)) / 2 * hours))
    for made, share, _seconds in _shares(start, end, edges, sums):
        made.into.computed = _plus(made.into.computed, into, share)
        made.out.computed = _plus(made.out.computed, out, share)


def _share_count(before: Row, row: Row, edges: Sequence[datetime], sums: Sequence[_Sums]) -> None:
    """Add what counters went up by. One that went down was set back (a new inverter): nothing is known of that time."""
    if row.ts - before.ts > _LONGEST_SPAN:
        return
    into, out = _rise(before.total_in_wh, row.total_in_wh), _rise(before.total_out_wh, row.total_out_wh)
    for made, share, _seconds in _shares(before.ts, row.ts, edges, sums):
        made.into.counted = _plus(made.into.counted, into, share)
        made.out.counted = _plus(made.out.counted, out, share)


def _rise(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return after - before if before is not None and after is not None and after >= before else None


def _plus(known: Decimal | None, more: Decimal | None, share: Decimal) -> Decimal | None:
    return known if more is None else (known or Decimal(0)) + more * share


def _shares(
    start: datetime, end: datetime, edges: Sequence[datetime], sums: Sequence[_Sums]
) -> list[tuple[_Sums, Decimal, float]]:
    """Return the buckets that a stretch of time lies in, each with its share of the stretch and its seconds of it."""
    whole = (end - start).total_seconds()
    place = bisect_right(edges, start) - 1
    if 0 <= place < len(sums) and start < end <= edges[place + 1]:  # nearly always, and a year is 100,000 times that
        return [(sums[place], _ALL, whole)]
    place, shares = max(place, 0), []
    while whole and place < len(sums) and edges[place] < end:
        seconds = (min(end, edges[place + 1]) - max(start, edges[place])).total_seconds()
        if seconds > 0:
            shares.append((sums[place], Decimal(str(seconds)) / Decimal(str(whole)), seconds))
        place += 1
    return shares


def _edges_from(day: date, step: Step, zone: ZoneInfo) -> Iterator[datetime]:
    while True:
        following = (day.replace(day=28) + timedelta(days=4)).replace(day=1) if step is Step.MONTH else _next_day(day)
        edge, end = midnight(day, zone), midnight(following, zone)
        while edge < end:
            yield edge
            edge += _FIXED.get(step, end - edge)
        day = following


def _next_day(day: date) -> date:
    return day + timedelta(days=1)
