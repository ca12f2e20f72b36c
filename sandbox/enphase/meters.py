"""What a system measures, and what of it has reached the vendor. All energies are whole Wh, as the vendor has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sandbox import weather
from sandbox.enphase.homes import System
from sandbox.state import State
from sandbox.weather import STEP

QUARTER, _DAY = timedelta(minutes=15), timedelta(days=1)
# A micro's own metering is about 1 percent off that of the production meter.
_MICRO_ERROR = 1.01


class Energies(NamedTuple):
    """Wh of a span of time. produced + imported + discharged = consumed + exported + charged, to the watt-hour."""

    produced: int = 0
    consumed: int = 0
    imported: int = 0
    exported: int = 0
    charged: int = 0
    discharged: int = 0
    micros: int = 0
    """produced, as the microinverters have it"""


class Interval(NamedTuple):
    """A span of time that ends at `end`."""

    end: datetime
    energies: Energies
    soc: float
    awake: bool
    """whether there was light, without which microinverters report nothing"""
    complete: bool
    """whether every device has reported, also the last"""


class History:
    """Remembers when the sandbox began: every system was switched on so many days before."""

    DAYS = 30

    def __init__(self, state: State) -> None:
        self._state = state
        state.script("CREATE TABLE IF NOT EXISTS enphase_began (at REAL NOT NULL)")

    def reports(self, system: System, now: datetime, settings: Mapping[str, Any]) -> Reports:
        local = (self._began(now) - self.DAYS * _DAY).astimezone(system.zone)
        gaps = tuple(
            (datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"]))
            for gap in settings["gaps"]
            if gap["system"] == system.system_id
        )
        upload, late = (timedelta(seconds=settings[name]) for name in ("upload_s", "late_s"))
        return Reports(system, now, midnight(local.date(), system), upload, late, gaps)

    def _began(self, now: datetime) -> datetime:
        # A clock that is set back takes the beginning with it, so that there is something to see then, too.
        with self._state as state:
            row = state.row("SELECT at FROM enphase_began")
            if row and row["at"] <= now.timestamp():
                return datetime.fromtimestamp(row["at"], UTC)
            state.run("DELETE FROM enphase_began")
            state.run("INSERT INTO enphase_began VALUES (?)", (now.timestamp(),))
        return now


@dataclass(frozen=True)
class Reports:
    """What a system has reported by `now`: all since `opened`, but for the newest quarter hour and for gaps."""

    system: System
    now: datetime
    opened: datetime
    upload: timedelta
    late: timedelta
    gaps: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def until(self) -> datetime:
        """Return the end of the newest interval that was uploaded."""
        end = _floor(self.now - self.upload, QUARTER)
        while end > self.opened and self._is_missing(end - QUARTER):
            end -= QUARTER
        return max(end, self.opened)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.system.zone).date()

    @property
    def first_day(self) -> date:
        return self.opened.astimezone(self.system.zone).date()

    @property
    def reported_at(self) -> datetime:
        return self.until + self.upload

    def intervals(self, start: datetime, end: datetime, width: timedelta = QUARTER) -> Iterator[Interval]:
        """Yield the intervals with start < end of interval <= end."""
        at, last = max(_floor(start, width), self.opened), min(end, self.until)
        while at + width <= last:
            if not self._is_missing(at):
                yield _interval(self.system, at, at + width, complete=self.now >= at + width + self.late)
            at += width

    def total(self, start: datetime, end: datetime) -> Energies:
        """Return the energies from `start` to `end`, as far as they were reported."""
        return _total(self.system, max(start, self.opened), min(end, self.until), self.gaps)

    def day(self, day: date) -> Energies:
        """Return the energies of a day of the system's own calendar."""
        return self.total(midnight(day, self.system), midnight(day + _DAY, self.system))

    def days(self, first: date, last: date) -> list[Energies]:
        """Return the energies of each day from `first` to `last`, both included."""
        return [self.day(first + number * _DAY) for number in range((last - first).days + 1)]

    def lifetime(self, end: datetime) -> Energies:
        """Return the energies since ever up to `end`."""
        last = min(end, self.now).astimezone(self.system.zone).date()
        before = plus(self.days(self.first_day, last - _DAY))
        return plus([before, self.total(midnight(last, self.system), end)])

    def _is_missing(self, start: datetime) -> bool:
        return any(begin <= start < end for begin, end in self.gaps)


def midnight(day: date, system: System) -> datetime:
    return datetime.combine(day, time(), system.zone).astimezone(UTC)


def plus(several: Iterable[Energies]) -> Energies:
    return Energies(*(sum(one) for one in zip(*several, strict=True)))


def _floor(at: datetime, width: timedelta) -> datetime:
    return at - (at - datetime(2000, 1, 1, tzinfo=UTC)) % width


@lru_cache(maxsize=50_000)
def _total(system: System, start: datetime, end: datetime, gaps: tuple[tuple[datetime, datetime], ...]) -> Energies:
    steps = (start + number * STEP for number in range(max(0, (end - start) // STEP)))
    return plus(_step(system, at) for at in steps if not any(begin <= at < over for begin, over in gaps))


def _interval(system: System, start: datetime, end: datetime, *, complete: bool) -> Interval:
    steps = [start + number * STEP for number in range((end - start) // STEP)]
    flow, home = weather.flow(system.home, steps[-1]), system.home
    awake = any(weather.sun_height(home.latitude, home.longitude, at) for at in steps)
    return Interval(end, plus(_step(system, at) for at in steps), flow.soc, awake, complete)


@lru_cache(maxsize=100_000)
def _step(system: System, at: datetime) -> Energies:
    """Return the energies of the 5 minutes from `at`; what is consumed is what the others leave, as meters have it."""
    flow = weather.flow(system.home, at)
    produced, charged, discharged, imported, exported = (
        round(max(watts, 0) / 12) for watts in (flow.pv_w, flow.battery_w, -flow.battery_w, flow.grid_w, -flow.grid_w)
    )
    consumed = produced + imported + discharged - exported - charged
    micros = round(flow.pv_w / 12 * _MICRO_ERROR)
    return Energies(produced, consumed, imported, exported, charged, discharged, micros)
