"""Questions about a span of time, and the buckets that answer them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.solaredge.homes import QUARTER, Site
from sandbox.solaredge.problems import Problem

RESOLUTIONS = ("QUARTER_HOUR", "HOUR", "DAY", "WEEK", "MONTH", "YEAR", "TOTAL")
POWER_UNITS = {"W": 1, "KW": 1000, "MW": 1_000_000}
ENERGY_UNITS = {"WH": 1, "KWH": 1000, "MWH": 1_000_000, "GWH": 1_000_000_000}
_CAPS = {"HOUR": timedelta(hours=24), "DAY": timedelta(days=31)}
_STAMPED_AT_END = ("voltage", "frequency")


@dataclass(frozen=True)
class Question:
    """A window and how finely to answer; times in UTC."""

    start: datetime
    end: datetime
    resolution: str
    zone: ZoneInfo

    @property
    def period(self) -> dict[str, str]:
        return {"from": _written(self.start, self.zone), "to": _written(self.end, self.zone)}

    def buckets(self) -> Iterator[tuple[datetime, datetime]]:
        if self.resolution == "TOTAL":
            yield self.start, self.end
            return
        start = _floor(self.start, self.resolution, self.zone)
        while start < self.end:
            end = _next(start, self.resolution, self.zone)
            yield start, end
            start = end


def asked(args: Mapping[str, str], site: Site, now: datetime, quarter_hours_cap: timedelta) -> Question:
    """Read `from`, `to` and `resolution`. Default is local midnight to now, which no cap limits. Raises Problem 400."""
    midnight = datetime.combine(now.astimezone(site.zone), time(), site.zone)
    start = _moment(args.get("from"), site.zone) or midnight.astimezone(UTC)
    end = _moment(args.get("to"), site.zone) or now
    resolution = args.get("resolution", "QUARTER_HOUR")
    if resolution not in RESOLUTIONS:
        raise Problem(400, f"Invalid resolution: {resolution}")
    if start >= end:
        raise Problem(400, "'from' must be before 'to'")
    cap = {**_CAPS, "QUARTER_HOUR": quarter_hours_cap}.get(resolution)
    if cap and end - start > cap and ("from" in args or "to" in args):
        raise Problem(400, f"The requested period exceeds {cap} for resolution {resolution}")
    question = Question(start, end, resolution, site.zone)
    # The total says in its period where the data begin.
    return replace(question, start=max(start, site.installed)) if resolution == "TOTAL" else question


def unit_asked(args: Mapping[str, str], known: Mapping[str, int]) -> str:
    unit = args.get("unit", next(iter(known)))
    if unit not in known:
        raise Problem(400, f"Invalid unit: {unit}")
    return unit


@dataclass(frozen=True)
class Seen:
    """What has reached the vendor: everything up to `until` but for gaps, half-open spans of time."""

    until: datetime
    gaps: Sequence[tuple[datetime, datetime]] = ()

    def has(self, start: datetime) -> bool:
        return start + QUARTER <= self.until and not any(begin <= start < end for begin, end in self.gaps)


def values(site: Site, name: str, question: Question, seen: Seen, *, factor: float = 1) -> list[dict[str, Any]]:
    """Answer with one value a bucket; an open quarter hour or hour is null, an open day is what it is so far."""
    answered = []
    for start, end in question.buckets():
        is_open = end > seen.until and question.resolution in ("QUARTER_HOUR", "HOUR")
        value = None if is_open else _value(site, name, start, min(end, seen.until), seen)
        stamp = end if name in _STAMPED_AT_END else start
        value = value if value is None or factor == 1 else round(value / factor, 9)
        answered.append({"timestamp": _written(stamp, question.zone), "value": value})
    return answered


def _value(site: Site, name: str, start: datetime, end: datetime, seen: Seen) -> float | None:
    """Return the sum of energies, the last of states, the mean of the rest; None where nothing was measured."""
    at, found = _floor(max(start, site.installed), "QUARTER_HOUR", site.zone), []
    while at < end:
        value = site.quarter(at).get(name) if seen.has(at) else None
        found += [] if value is None else [value]
        at += QUARTER
    if not found:
        return None
    if len(found) == 1 or name in ("stateOfEnergy", "remainingEnergy"):
        return found[-1]
    return sum(found) if name.lower().endswith("energy") else round(sum(found) / len(found), 4)


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    """Read ISO 8601; without an offset it is site time."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem(400, f"Invalid date-time: {text}") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _written(at: datetime, zone: ZoneInfo) -> str:
    """Write site time with its offset, and a fraction of a second with nine digits."""
    local = at.astimezone(zone)
    if not local.microsecond:
        return local.isoformat()
    whole = local.replace(microsecond=0).isoformat()
    return f"{whole[:19]}.{local.microsecond:06d}237{whole[19:]}"


def _floor(at: datetime, resolution: str, zone: ZoneInfo) -> datetime:
    local = at.astimezone(zone)
    if resolution in ("QUARTER_HOUR", "HOUR"):
        minute = local.minute - local.minute % 15 if resolution == "QUARTER_HOUR" else 0
        return local.replace(minute=minute, second=0, microsecond=0).astimezone(UTC)
    day = local.date()
    first = {
        "DAY": day, "WEEK": day - timedelta(days=day.weekday()),
        "MONTH": day.replace(day=1), "YEAR": day.replace(month=1, day=1),
    }  # fmt: skip
    return datetime.combine(first[resolution], time(), zone).astimezone(UTC)


def _next(start: datetime, resolution: str, zone: ZoneInfo) -> datetime:
    if resolution in ("QUARTER_HOUR", "HOUR"):
        return start + (QUARTER if resolution == "QUARTER_HOUR" else timedelta(hours=1))
    # Well into the next one, and back to where it begins: days have 23 to 25 hours, months 28 to 31 days.
    ahead = {"DAY": timedelta(hours=36), "WEEK": timedelta(days=9), "MONTH": timedelta(days=32)}
    return _floor(start + ahead.get(resolution, timedelta(days=370)), resolution, zone)
