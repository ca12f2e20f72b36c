"""One site or device by its id, and what it measured: only its own vendor is asked, whose trouble is the answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from rest_framework.exceptions import NotFound

from gateways.oauth.tokens import Caller
from gateways.rest.problems import Problem, invalid
from ingest import balance, windows
from ingest.adapters import Clock
from ingest.balance import Balance
from ingest.passthrough import accounts, fanout, intervals
from ingest.passthrough.accounts import Account, Device
from ingest.passthrough.headers import Brought
from ingest.passthrough.ids import Native
from ingest.statistics import Bucket, Step
from ingest.vendors.base import VendorAdapter, VendorDer, VendorSystem

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Asked:
    """Who asks, with what access to vendors, and until when (time.monotonic) it waits."""

    caller: Caller
    brought: Mapping[str, Brought | Problem]
    clock: Clock
    until: float


def site(asked: Asked, native: Native) -> VendorSystem:
    """Return a site as its vendor tells of it now. Raises Problem, NotFound."""
    account, known = _place(asked, native, with_readings=False)
    return _answer(asked, account, functools.partial(_site, account, known))


def device(asked: Asked, native: Native) -> Device:
    """Return a device as its vendor tells of it now. Raises Problem, NotFound."""
    told = site(asked, native)
    return Device(native.vendor, told, _der(told, native))


def measured(asked: Asked, native: Native, *, start: datetime, end: datetime, step: Step) -> tuple[str, list[Bucket]]:
    """Return the zone of a device's site and its buckets that cover [start, end). Raises Problem, NotFound.

    A home of the partner is asked for as it is known here: to describe it anew would cost more calls.
    """
    account, known = _place(asked, native, with_readings=True)

    def question(adapter: VendorAdapter) -> tuple[str, list[Bucket]]:
        system = known if known.described else _site(account, known, adapter)
        key = _der(system, native).key
        narrowed = adapter.narrowed(system, key)
        found = intervals.read(adapter, narrowed, [key], start=start, end=end, step=step, now=asked.clock())
        return system.timezone, found[key]

    return _answer(asked, account, question)


def balanced(asked: Asked, native: Native, *, start: datetime, end: datetime, step: Step) -> tuple[str, list[Balance]]:
    """Return the zone of a site and its energy balances that cover [start, end). Raises as `measured`.

    What a site used itself is only told where all of its devices are seen.
    """
    account, known = _place(asked, native, with_readings=True)

    def question(adapter: VendorAdapter) -> tuple[str, list[Balance]]:
        system = known if known.described else _site(account, known, adapter)
        keys = [der.key for der in system.ders]
        found = intervals.read(adapter, system, keys, start=start, end=end, step=step, now=asked.clock())
        return system.timezone, balance.of_devices(found, whole=account.sees_all)

    return _answer(asked, account, question)


def not_brought(vendor: str) -> Problem:
    """Return the problem of a vendor that is asked for beside headers of others."""
    msg = f"This is asked of {vendor}: send `X-Authorization-{vendor}`, or no header of any vendor."
    return invalid(msg, slug="vendor-authorization-missing")


def _place(asked: Asked, native: Native, *, with_readings: bool) -> tuple[Account, VendorSystem]:
    """Return the account to ask, and what is known of the site before."""
    partner = asked.caller.partner
    if asked.brought:
        way = asked.brought.get(native.vendor)
        if way is None:
            raise not_brought(native.vendor)
        if isinstance(way, Problem):
            raise way
        return Account(native.vendor, partner, way), VendorSystem(native.system, described=False)
    rows = accounts.of_partner(asked.caller, with_readings=with_readings)
    row = rows.filter(connection__vendor=native.vendor, external_id=native.system).order_by("pk").first()
    if row is None:
        raise NotFound
    return Account(native.vendor, partner, row.connection), windows.described(row)


def _site(account: Account, known: VendorSystem, adapter: VendorAdapter) -> VendorSystem:
    found = accounts.looked_up(adapter, [known])
    for error in found.refused.values():
        raise error
    for system in found.systems:
        return account.shown(system)
    raise NotFound


def _der(system: VendorSystem, native: Native) -> VendorDer:
    for der in system.ders:
        if der.key == native.key:
            return der
    raise NotFound


def _answer(asked: Asked, account: Account, question: Callable[[VendorAdapter], Answer]) -> Answer:
    """Open an account, once, and return what it answers. Raises Problem."""

    def put() -> Answer:
        return question(account.opened(clock=asked.clock, until=asked.until))

    answer = fanout.ask({"": put}, until=asked.until)[""]
    if isinstance(answer, Problem):
        raise account.scrubbed(answer)
    return answer
