"""The homes of people who sign in on the consent pages: every login has its own, and always the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache

from sandbox import logins
from sandbox.solaredge import homes
from sandbox.solaredge.homes import Site
from sandbox.weather import Home

_PLACES = (
    (("Amsterdam", "Netherlands", "Europe/Amsterdam"), 52.37, 4.9),
    (("Madrid", "Spain", "Europe/Madrid"), 40.42, -3.7),
    (("Stockholm", "Sweden", "Europe/Stockholm"), 59.33, 18.07),
    (("Lyon", "France", "Europe/Paris"), 45.76, 4.84),
)


@lru_cache(maxsize=1000)
def sites_of(login: str) -> tuple[Site, ...]:
    """Return the sites of a tidy magic login."""
    match logins.kind_of(login):
        case "ok_two_sites":
            return _hybrid(login), _solar_only(login)
        case "no_devices":
            return (_bare(login),)
    return (_hybrid(login),)


def _hybrid(login: str) -> Site:
    home, place = _home(login, "home", pv_w=8000, battery_wh=9700, battery_w=5000)
    inverter, battery = _inverter_sn(login, "inverter"), f"BT{_number(login, 'battery', 10**8):08}"
    meter, production = (f"5{_number(login, name, 10**8):08}" for name in ("meter", "production"))
    devices = homes.hybrid_devices(inverter=inverter, battery=battery, meter=meter, production=production)
    series = {meter: homes.IMPORT_EXPORT, production: homes.PRODUCTION}
    return homes.site(home, f"Home of {login}", place, devices, meters=series)


def _solar_only(login: str) -> Site:
    home, place = _home(login, "cabin", pv_w=5000)
    return homes.site(home, f"Cabin of {login}", place, [homes.inverter_device(_inverter_sn(login, "cabin inverter"))])


def _bare(login: str) -> Site:
    home, place = _home(login, "home", pv_w=0)
    return replace(homes.site(home, f"Home of {login}", place, []), quarter=lambda _: {})


def _home(login: str, name: str, **sizes: float) -> tuple[Home, tuple[str, str, str]]:
    place, latitude, longitude = _PLACES[_number(login, "place", len(_PLACES))]
    site_id = 10_000_000 + _number(login, name, 90_000_000)
    return Home(str(site_id), latitude, longitude, **sizes), place


def _inverter_sn(login: str, name: str) -> str:
    return f"7E{_number(login, name, 16**6):06X}-{_number(login, f'{name} check', 256):02X}"


def _number(login: str, name: str, below: int) -> int:
    digest = hashlib.blake2b(f"{login}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below
