"""Sun, load and battery of a make-believe home: the same for the same home and moment, always."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

STEP = timedelta(minutes=5)


@dataclass(frozen=True)
class Home:
    """A home: where it is, how large its PV (W), battery (Wh, W) and yearly use (Wh) are."""

    seed: str
    latitude: float
    longitude: float
    pv_w: float
    battery_wh: float = 0
    battery_w: float = 0
    base_load_w: float = 350


@dataclass(frozen=True)
class Flow:
    """Average power of one step, W, all ≥ 0 but `grid_w` (plus is import) and `battery_w` (plus is charging)."""

    pv_w: float
    load_w: float
    battery_w: float
    grid_w: float
    soc: float


def sun_height(latitude: float, longitude: float, at: datetime) -> float:
    """Return the sine of the sun's elevation, 0 at night (declination by season, hour angle by longitude)."""
    day = at.timetuple().tm_yday + (at.hour + at.minute / 60) / 24
    declination = math.radians(-23.44 * math.cos(2 * math.pi * (day + 10) / 365.25))
    hour = at.hour + at.minute / 60 + at.second / 3600 + longitude / 15
    angle = math.radians(15 * (hour - 12))
    phi = math.radians(latitude)
    height = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(angle)
    return max(0.0, height)


def noise(seed: str, at: datetime) -> float:
    """Return a number from 0 to 1 that depends on the seed and the moment alone."""
    digest = hashlib.blake2b(f"{seed}{int(at.timestamp())}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 0xFFFFFFFF


def flow(home: Home, at: datetime) -> Flow:
    """Return the flows of the 5-minute step that ends at or before `at`."""
    at = at.astimezone(UTC)
    at = at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0)
    return _day(home, day)[(at - day) // STEP]


@lru_cache(maxsize=2000)
def _day(home: Home, day: datetime) -> tuple[Flow, ...]:
    """Compute one UTC day; the battery starts every day a third full, so that no day needs the one before."""
    stored, flows = home.battery_wh / 3, []
    cloud = 0.35 + 0.65 * noise(home.seed + "cloud", day)
    for step in range(288):
        at = day + step * STEP
        pv = (
            home.pv_w
            * 0.9
            * sun_height(home.latitude, home.longitude, at)
            * cloud
            * (0.85 + 0.15 * noise(home.seed, at))
        )
        local_hour = (at.hour + at.minute / 60 + home.longitude / 15) % 24
        evening = math.exp(-((local_hour - 19) ** 2) / 6) + 0.6 * math.exp(-((local_hour - 7.5) ** 2) / 2)
        load = home.base_load_w * (0.6 + 2.2 * evening + 0.4 * noise(home.seed + "load", at))
        surplus, hours = pv - load, STEP.total_seconds() / 3600
        battery = 0.0
        if home.battery_wh:
            room, left = (home.battery_wh - stored) / hours, stored / hours
            battery = min(surplus, home.battery_w, room) if surplus > 0 else -min(-surplus, home.battery_w, left)
            stored += battery * hours
        soc = stored / home.battery_wh if home.battery_wh else 0.0
        flows.append(
            Flow(round(pv, 1), round(load, 1), round(battery, 1), round(load + battery - pv, 1), round(soc, 4))
        )
    return tuple(flows)
