"""The span of time a call asks for. There is no free end: it is the start and a granularity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from sandbox.enphase import meters, problems
from sandbox.enphase.apps import epoch
from sandbox.enphase.meters import QUARTER, Reports

_SPANS = {
    "5mins": timedelta(minutes=5),
    "15mins": timedelta(minutes=15),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
_OLDEST = timedelta(days=2 * 365)


@dataclass(frozen=True)
class Window:
    """From `start` to `end`, aware UTC."""

    start: datetime
    end: datetime
    granularity: str
    echo: Mapping[str, Any]
    """the two as the reply says them: epochs, or dates if the question had one"""


def asked(args: Mapping[str, str], reports: Reports, granularities: tuple[str, ...]) -> Window:
    """Read start_at or start_date and granularity; the default is today from the local midnight.

    A start before the first report becomes that day's midnight. Raises Problem 422 for what is no window.
    """
    granularity = args.get("granularity", "day")
    if granularity not in granularities:
        problems.unprocessable(f"granularity should be one of {', '.join(granularities)}")
    start = _start(args, reports)
    end = min(reports.now, _after(start, granularity, reports))
    if start > reports.now or start < reports.now - _OLDEST:
        refuse(start, end, reports)
    start = max(start, reports.opened)
    end = max(start, min(reports.now, _after(start, granularity, reports)))
    return Window(start, end, granularity, _echo(args, start, end, reports))


def refuse(start: datetime, end: datetime, reports: Reports) -> NoReturn:
    """Raise 422 in the vendor's words, which tell what there is."""
    marks = {
        "start_at": start, "end_at": end, "first_interval": reports.opened + QUARTER, "last_interval": reports.until,
    }  # fmt: skip
    said = ", ".join(f":{name}=>{epoch(at)}" for name, at in marks.items())
    problems.unprocessable(f"Requested date range is invalid for this system. {{{said}}}")


def moment(text: str) -> datetime:
    """Read an epoch. Raises Problem 422."""
    # Twelve digits would be a year that no datetime has; ten are enough until 2286.
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        problems.unprocessable(f"Invalid time: {text}")
    return datetime.fromtimestamp(int(text), UTC)


def day(text: str) -> date:
    """Read YYYY-MM-DD. Raises Problem 422."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        problems.unprocessable(f"Invalid date: {text}")


def days(args: Mapping[str, str], reports: Reports) -> tuple[date, date]:
    """Read start_date and end_date of a series of days: from the first to yesterday, to today if it starts today."""
    first = max(day(args["start_date"]), reports.first_day) if "start_date" in args else reports.first_day
    yesterday = reports.today - timedelta(days=1)
    last = day(args["end_date"]) if "end_date" in args else max(first, yesterday)
    if not first <= last <= reports.today:
        refuse(meters.midnight(first, reports.system), meters.midnight(last, reports.system), reports)
    return first, last


def _start(args: Mapping[str, str], reports: Reports) -> datetime:
    if "start_at" in args:
        return moment(args["start_at"])
    return meters.midnight(day(args["start_date"]) if "start_date" in args else reports.today, reports.system)


def _after(start: datetime, granularity: str, reports: Reports) -> datetime:
    """Return the end of a window; days are those of the calendar, also where one has 23 or 25 hours."""
    if granularity in ("5mins", "15mins"):
        return start + _SPANS[granularity]
    local = start.astimezone(reports.system.zone)
    return (local + _SPANS[granularity]).astimezone(UTC)


def _echo(args: Mapping[str, str], start: datetime, end: datetime, reports: Reports) -> dict[str, Any]:
    if "start_at" in args or "start_date" not in args:
        return {"start_at": epoch(start), "end_at": epoch(end)}
    zone = reports.system.zone
    return {
        "start_date": start.astimezone(zone).date().isoformat(),
        "end_date": end.astimezone(zone).date().isoformat(),
    }
