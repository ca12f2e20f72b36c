"""The owners behind the Enphase stand-in: each login has systems, ids and serials of its own, always the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import logins
from sandbox.weather import Home

KINDS = ("micros", "meters", "gateways", "encharges", "enpowers")
METERS = ("production", "consumption")
_MICRO_W = 375
_BATTERY_WH, _BATTERY_W = 5_000, 3_840


@dataclass(frozen=True)
class Place:
    city: str
    state: str
    country: str
    postal_code: str
    timezone: str
    latitude: float
    longitude: float


_PLACES = (
    Place("Stockholm", "AB", "SE", "11122", "Europe/Stockholm", 59.33, 18.07),
    Place("Amsterdam", "NH", "NL", "1012 AB", "Europe/Amsterdam", 52.37, 4.9),
    Place("Berlin", "BE", "DE", "10115", "Europe/Berlin", 52.52, 13.4),
    Place("Lyon", "ARA", "FR", "69001", "Europe/Paris", 45.76, 4.84),
    Place("Valencia", "VC", "ES", "46001", "Europe/Madrid", 39.47, -0.38),
    # The vendor still writes some zones as they were called long ago.
    Place("San Diego", "CA", "US", "92101", "US/Pacific", 32.72, -117.16),
)


@dataclass(frozen=True)
class System:
    """A home. With meters it knows its consumption and its grid; without it has its microinverters alone."""

    login: str
    system_id: int
    name: str
    place: Place
    micros: int
    batteries: int = 0
    metered: bool = True

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.place.timezone)

    @property
    def size_w(self) -> int:
        return self.micros * _MICRO_W

    @property
    def battery_wh(self) -> int:
        return self.batteries * _BATTERY_WH

    @property
    def battery_w(self) -> int:
        return self.batteries * _BATTERY_W

    @property
    def home(self) -> Home:
        place, seed = self.place, f"enphase{self.system_id}"
        return Home(seed, place.latitude, place.longitude, self.size_w, self.battery_wh, self.battery_w)

    @property
    def source(self) -> str:
        return "meter" if self.metered else "microinverters"

    def serials(self, kind: str) -> list[str]:
        """Return the serial numbers of a kind of devices, named as in the vendor's inventory."""
        count = {"micros": self.micros, "gateways": 1, "encharges": self.batteries, "enpowers": bool(self.batteries)}
        if kind == "meters":
            gateway = self.serials("gateways")[0]
            return [f"{gateway}EIM1", f"{gateway}EIM2"] if self.metered else []
        start = {"micros": "4822", "gateways": "1223", "encharges": "4923", "enpowers": "4922"}[kind]
        first = _number(f"{self.system_id}{kind}", 10_000_000, 99_999_000)
        return [f"{start}{first + number}" for number in range(count[kind])]

    def device_id(self, serial: str) -> int:
        return _number(serial, 1_000_000, 999_999_999)


@lru_cache(maxsize=10_000)
def of(login: str) -> tuple[System, ...]:
    """Return the systems of a login, in the order of their ids."""
    kind = logins.kind_of(login)
    if kind == "no_devices":
        return ()
    if kind != "ok_two_sites":
        return (_system(login, 1, micros=16, batteries=1),)
    both = _system(login, 1, micros=20, batteries=2), _system(login, 2, micros=12, metered=False)
    return tuple(sorted(both, key=lambda system: system.system_id))


def owner_id(login: str) -> str:
    return str(_number(login, 100_000, 9_999_999))


def meter(system: System, kind: str) -> str | None:
    """Return the serial of a production, consumption or storage meter; the inventory does not list the last."""
    if kind == "storage":
        return f"{system.serials('gateways')[0]}EIM4" if system.batteries else None
    return dict(zip(METERS, system.serials("meters"), strict=False)).get(kind)


def entry(system: System, operational_at: int, last_report_at: int, last_energy_at: int) -> dict[str, Any]:
    """Return the row of a system in a listing; three figures have been the constant -1 since 2023."""
    place = system.place
    return {
        "system_id": system.system_id, "name": system.name, "public_name": "Residential System",
        "timezone": place.timezone,
        "address": {
            "city": place.city, "state": place.state, "country": place.country, "postal_code": place.postal_code,
        },
        "connection_type": "ethernet", "energy_lifetime": -1, "energy_today": -1, "system_size": -1,
        "status": "normal", "last_report_at": last_report_at, "last_energy_at": last_energy_at,
        "operational_at": operational_at, "attachment_type": None, "interconnect_date": None,
        "reference": str(system.system_id), "other_references": [str(system.system_id)],
    }  # fmt: skip


def inventory(system: System, last_report_at: int) -> dict[str, list[dict[str, Any]]]:
    """Return the devices of a system by kind; what it does not have is missing."""
    meter = {"state": "enabled", "config_phase": "single"}
    found = {
        "micros": [_device(system, sn, "IQ8+ Microinverter", last_report_at) for sn in system.serials("micros")],
        "meters": [
            _device(system, sn, "IQ Meter", last_report_at, name=name, config_type=config, **meter)
            for sn, name, config in zip(system.serials("meters"), METERS, ("Production", "Net"), strict=False)
        ],
        "gateways": [
            _device(system, sn, "IQ Gateway", last_report_at, emu_sw_version="D8.2.4264", cellular_modem=None)
            for sn in system.serials("gateways")
        ],
        "encharges": [_device(system, sn, "IQ Battery 5P", last_report_at) for sn in system.serials("encharges")],
        "enpowers": [
            _device(system, sn, "IQ System Controller 3", last_report_at) for sn in system.serials("enpowers")
        ],
    }
    return {kind: devices for kind, devices in found.items() if devices}


def _system(login: str, number: int, *, micros: int, batteries: int = 0, metered: bool = True) -> System:
    seed = f"{login}#{number}"
    system_id = _number(seed, 1_000_000, 9_999_999)
    place = _PLACES[_number(f"{seed}place", 0, len(_PLACES) - 1)]
    return System(login, system_id, f"Home in {place.city}", place, micros, batteries, metered)


def _device(system: System, serial: str, product: str, last_report_at: int, **more: Any) -> dict[str, Any]:
    return {
        "id": system.device_id(serial), "last_report_at": last_report_at, "name": f"{product} {serial}",
        "serial_number": serial, "part_number": "800-01714-r02", "sku": product.upper().replace(" ", "-"),
        "model": product, "status": "normal", "active": True, "product_name": product, **more,
    }  # fmt: skip


def _number(seed: str, low: int, high: int) -> int:
    digest = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    return low + int.from_bytes(digest, "big") % (high - low + 1)
