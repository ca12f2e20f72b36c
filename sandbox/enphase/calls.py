"""A question to a system, and the span of time it asks for: there is no free end, only a start and a granularity."""

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
    """From `start` to `end`, aware UTC; `echo` is how the reply says it: epochs, or dates if the question had one."""

    start: datetime
    end: datetime
    echo: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """What a system is asked: the name of the resource, the query, and a serial where the path has one."""

    name: str
    args: Mapping[str, str]
    reports: Reports
    settings: Mapping[str, Any]
    serial: str = ""

    @property
    def known(self) -> dict[str, Any]:
        """Return the id, with which every reply begins."""
        return {"system_id": self.reports.system.system_id}

    @property
    def meta(self) -> dict[str, Any]:
        reports = self.reports
        return {
            "status": "normal", "last_report_at": epoch(reports.reported_at), "last_energy_at": epoch(reports.until),
            "operational_at": epoch(reports.opened),
        }  # fmt: skip

    def window(self, *, weeks: bool) -> Window:
        """Read start_at or start_date and granularity; the default is the local day so far.

        A start before the first report becomes that day's midnight. Raises Problem 422 for what is no window, and for
        a week where the resource gives a day at most.
        """
        if self.granularity not in _SPANS or (self.granularity == "week" and not weeks):
            problems.unprocessable(f"Invalid granularity: {self.granularity}")
        start, now = self._start(), self.reports.now
        if not now - _OLDEST <= start <= now:
            self.out_of_range(start, self._after(start))
        start = max(start, self.reports.opened)
        end = max(start, min(now, self._after(start)))
        return Window(start, end, self._echo(start, end))

    @property
    def granularity(self) -> str:
        return self.args.get("granularity", "day")

    def days(self) -> tuple[date, date]:
        """Read start_date and end_date of daily values: from the first to yesterday, to today if they start today."""
        reports = self.reports
        first = max(day(self.args["start_date"]), reports.first_day) if "start_date" in self.args else reports.first_day
        yesterday = reports.today - timedelta(days=1)
        last = day(self.args["end_date"]) if "end_date" in self.args else max(first, yesterday)
        if not first <= last <= reports.today:
            self.out_of_range(meters.midnight(first, reports.system), meters.midnight(last, reports.system))
        return first, last

    def out_of_range(self, start: datetime, end: datetime) -> NoReturn:
        """Raise 422 in the vendor's words, which tell what there is."""
        marks = {
            "start_at": start, "end_at": end,
            "first_interval": self.reports.opened + QUARTER, "last_interval": self.reports.until,
        }  # fmt: skip
        said = ", ".join(f":{name}=>{epoch(at)}" for name, at in marks.items())
        problems.unprocessable(f"Requested date range is invalid for this system. {{{said}}}")

    def _start(self) -> datetime:
        if "start_at" in self.args:
            return moment(self.args["start_at"])
        first = day(self.args["start_date"]) if "start_date" in self.args else self.reports.today
        return meters.midnight(first, self.reports.system)

    def _after(self, start: datetime) -> datetime:
        """Return the end of a window; days are those of the calendar, also where one has 23 or 25 hours."""
        span = _SPANS[self.granularity]
        if span < _SPANS["day"]:
            return start + span
        return (start.astimezone(self.reports.system.zone) + span).astimezone(UTC)

    def _echo(self, start: datetime, end: datetime) -> dict[str, Any]:
        if "start_at" in self.args or "start_date" not in self.args:
            return {"start_at": epoch(start), "end_at": epoch(end)}
        first, last = (at.astimezone(self.reports.system.zone).date() for at in (start, end))
        return {"start_date": first.isoformat(), "end_date": last.isoformat()}


def moment(text: str) -> datetime:
    """Read an epoch. Raises Problem 422."""
    # Twelve digits would be a year that no datetime has; ten are enough until 2286.
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        problems.unprocessable(f"Invalid time: {text}")
    return datetime.fromtimestamp(int(text), UTC)


def day(text: str) -> date:
    """Read YYYY-MM-DD of a year that epochs have. Raises Problem 422."""
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        found = date.min
    return found if 1970 < found.year < 2286 else problems.unprocessable(f"Invalid date: {text}")
