"""The plants behind the Solis stand-in: who sees which, and what they measure at any moment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sandbox import weather
from sandbox.weather import STEP, Flow, Home

GRID_TIED, HYBRID = 1, 5  # "inverterMeterModel": without meter, and storage with a meter at the grid
HISTORY = timedelta(days=30)
J_PER_KWH = 3_600_000
_DAY = timedelta(days=1)
_GAP = 0.03  # share of samples that never arrived


@dataclass(frozen=True)
class Plant:
    """A station with one inverter. Energies that were there before the sandbox began are `*_kwh`."""

    number: int
    name: str
    home: Home
    zone: str
    meter_model: int
    generated_kwh: float = 8_824.0
    traded_kwh: float = 412.5
    silent: bool = False

    @property
    def station_id(self) -> str:
        return str(1298491919448631000 + self.number)

    @property
    def inverter_id(self) -> str:
        return str(1308675217944611000 + self.number)

    @property
    def sn(self) -> str:
        return f"{120_400_000_000_000 + self.number:015d}"

    @property
    def is_hybrid(self) -> bool:
        return self.meter_model == HYBRID

    @property
    def upload_offset(self) -> timedelta:
        """Seconds into the 5 minutes at which the logger uploads: never the same, never round."""
        return timedelta(seconds=31 + self.number * 67 % 240)


_GRID = Plant(
    1, "Amsterdam roof", Home("solis-grid", 52.37, 4.90, 5_000), "Europe/Amsterdam", GRID_TIED, generated_kwh=995.2
)
_STORAGE = Plant(
    2, "Cape Town home", Home("solis-hybrid", -33.93, 18.42, 6_000, 10_000, 5_000, 450), "Africa/Johannesburg", HYBRID
)
_OFFLINE = Plant(3, "Silent roof", Home("solis-off", 48.1, 11.6, 4_000), "Europe/Berlin", GRID_TIED, silent=True)
_HALF_HOUR = Plant(4, "Pune home", Home("solis-half", 18.52, 73.86, 5_000, 7_000, 3_000, 300), "Asia/Kolkata", HYBRID)
_SUMMER_TIME = Plant(
    5, "Berlin home", Home("solis-dst", 52.52, 13.40, 5_000, 7_000, 3_000, 300), "Europe/Berlin", HYBRID
)
_ROOF = Home("solis-many", 38.72, -9.14, 3_000)

# Key id → its secret and what it sees. The installer has more than one page of everything.
ACCOUNTS: dict[str, tuple[str, tuple[Plant, ...]]] = {
    "sandbox-key": ("sandbox-secret", (_GRID, _STORAGE)),
    "offline-key": ("offline-secret", (_OFFLINE,)),
    "half-hour-key": ("half-hour-secret", (_HALF_HOUR,)),
    "summer-time-key": ("summer-time-secret", (_SUMMER_TIME,)),
    "installer-key": (
        "installer-secret",
        tuple(Plant(n, f"Lisbon roof {n}", _ROOF, "Europe/Lisbon", GRID_TIED) for n in range(101, 221)),
    ),
    "empty-key": ("empty-secret", ()),
}


@dataclass(frozen=True)
class Energies:
    """Energies since ever in J: whole numbers, so that no sum of them ever falls."""

    generated: int = 0
    imported: int = 0
    exported: int = 0
    charged: int = 0
    discharged: int = 0

    def plus(self, other: Energies) -> Energies:
        return Energies(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self, other: Energies) -> Energies:
        return Energies(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    def __iter__(self) -> Iterator[int]:
        return iter((self.generated, self.imported, self.exported, self.charged, self.discharged))


@dataclass(frozen=True)
class Sample:
    """What a logger uploaded: the flows of the moment, and energies since ever and since the local midnight."""

    at: datetime
    flow: Flow
    total: Energies
    today: Energies


@dataclass(frozen=True)
class Meters:
    """Reads a plant. `since` is when the sandbox began: counters start there, and the silent plant fell silent then."""

    since: datetime

    def latest(self, plant: Plant, now: datetime) -> Sample:
        """Return the newest sample; at night a grid-tied inverter keeps the last one of the evening."""
        until = self._until(plant, now)
        at = self._grid(plant, until)
        for _ in range(2 * 288):
            if at <= until and _arrived(plant, at):
                break
            at -= STEP
        return self._sample(plant, at)

    def rows(self, plant: Plant, start: datetime, end: datetime, now: datetime) -> Iterator[Sample]:
        """Yield the samples of [start, end) that have arrived by now."""
        at = self._grid(plant, start)
        while at < min(end, self._until(plant, now)):
            if at >= start and _arrived(plant, at):
                yield self._sample(plant, at)
            at += STEP

    def local_day(self, plant: Plant, day: date, now: datetime) -> Iterator[Sample]:
        """Yield the samples of a day of the plant's calendar, which has 23 or 25 hours twice a year."""
        zone = ZoneInfo(plant.zone)
        start, end = (datetime.combine(at, datetime.min.time(), zone).astimezone(UTC) for at in (day, day + _DAY))
        return self.rows(plant, start, end, now)

    def _until(self, plant: Plant, now: datetime) -> datetime:
        return min(now, self.since - 3 * _DAY) if plant.silent else now

    def _grid(self, plant: Plant, at: datetime) -> datetime:
        return at - (at - datetime(2000, 1, 1, tzinfo=UTC)) % STEP + plant.upload_offset

    def _sample(self, plant: Plant, at: datetime) -> Sample:
        local = at.astimezone(ZoneInfo(plant.zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        total, before = self._total(plant, at), self._total(plant, midnight - STEP)
        return Sample(at, weather.flow(plant.home, at), total, total.minus(before))

    def _total(self, plant: Plant, at: datetime) -> Energies:
        first, today = _midnight(self.since - HISTORY), _midnight(at)
        traded = round(plant.traded_kwh * J_PER_KWH) if plant.is_hybrid else 0
        before = Energies(round(plant.generated_kwh * J_PER_KWH), traded, traded, traded, traded)
        if today < first:
            return before
        return before.plus(_between(plant.home, first, today)).plus(_energies(plant.home, today)[(at - today) // STEP])


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _arrived(plant: Plant, at: datetime) -> bool:
    """Tell whether a sample exists: some are lost, and without sun or battery the inverter sleeps and sends nothing."""
    awake = plant.is_hybrid or weather.flow(plant.home, at).pv_w > 0
    return awake and weather.noise(f"{plant.sn}gap", at) >= _GAP


@lru_cache(maxsize=4000)
def _between(home: Home, first: datetime, day: datetime) -> Energies:
    """Return the energies of the whole days from `first` to before `day`."""
    if day <= first:
        return Energies()
    return _between(home, first, day - _DAY).plus(_energies(home, day - _DAY)[-1])


@lru_cache(maxsize=2000)
def _energies(home: Home, day: datetime) -> tuple[Energies, ...]:
    """Return the energies of a UTC day up to the end of each of its 5-minute steps."""
    flows = (weather.flow(home, day + step * STEP) for step in range(288))
    return tuple(itertools.accumulate((_step(flow) for flow in flows), Energies.plus))


def _step(flow: Flow) -> Energies:
    watts = (flow.pv_w, flow.grid_w, -flow.grid_w, flow.battery_w, -flow.battery_w)
    return Energies(*(round(max(power, 0) * STEP.total_seconds()) for power in watts))
