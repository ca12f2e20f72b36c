"""The accounts that a live question goes to: those the caller brought access to, or those of its partner."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.db.models import QuerySet

from gateways.models import Partner
from gateways.oauth import reach
from gateways.oauth.tokens import Caller
from gateways.rest.problems import Problem
from ingest import adapters, vendors
from ingest.adapters import Clock
from ingest.models import Connection, System
from ingest.passthrough.headers import Brought
from ingest.vendors.base import Quota, VendorAdapter, VendorDer, VendorSystem
from ingest.vendors.errors import VendorAuthFailed, VendorUnsupported

_Status = Connection.Status
_SHORT = timedelta(seconds=2)


@dataclass(frozen=True)
class Account:
    """One account at a vendor, by the access to it."""

    vendor: str
    partner: Partner
    way: Brought | Connection

    def opened(self, *, clock: Clock, until: float) -> VendorAdapter:
        """Return the adapter, which begins no request after `until` (time.monotonic). Raises VendorError, VaultError.

        What is asked with the partner's own access counts against its quotas, which are shared with the pulls.
        """
        adapter = self._of_caller(self.way, clock) if isinstance(self.way, Brought) else _of_partner(self.way, clock)
        adapter.http.deadline = until
        return adapter

    def shown(self, system: VendorSystem) -> VendorSystem:
        """Return a system without what its owner does not share with the partner; who brought access sees all."""
        if isinstance(self.way, Brought):
            return system
        withheld = self.way.withheld_kinds
        kept = [der for der in system.ders if der.key.kind not in withheld]
        return replace(system, ders=kept, latitude=None, longitude=None)

    @property
    def sees_all(self) -> bool:
        """Tell whether no kind of device is withheld from who asks."""
        return isinstance(self.way, Brought) or not self.way.withheld_kinds

    def scrubbed(self, problem: Problem) -> Problem:
        """Return a problem without what the caller brought."""
        return self.way.scrubbed(problem) if isinstance(self.way, Brought) else problem

    def _of_caller(self, way: Brought, clock: Clock) -> VendorAdapter:
        pace = _Pace(vendors.adapter_class(self.vendor).policy.quotas)
        return adapters.open_brought(
            partner=self.partner, vendor=self.vendor, scheme=way.scheme, secrets=way.secrets,
            access_token=way.access_token, before_request=pace.keep, clock=clock,
        )  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Systems as their vendor tells of them now, and by id why it does not tell of others."""

    systems: list[VendorSystem] = field(default_factory=list)
    refused: dict[str, VendorUnsupported] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """A device at a site of a vendor."""

    vendor: str
    system: VendorSystem
    der: VendorDer


def of_partner(caller: Caller, *, with_readings: bool = False) -> QuerySet[System]:
    """Return the systems that a caller reaches, of accounts that can be asked or that wait for their owner."""
    homes = reach.with_readings(caller) if with_readings else reach.gateways(caller)
    rows = System.objects.filter(
        gateway__in=homes, gone_at=None, connection__status__in=[_Status.ACTIVE, _Status.NEEDS_RECONNECT]
    )
    return rows.select_related("connection__partner", "connection__credential").prefetch_related("ders")


def described(adapter: VendorAdapter, listed: Sequence[VendorSystem]) -> Found:
    """Ask for what a list does not tell of its systems. Raises VendorError for what is not about one of them."""
    found = Found()
    for system in listed:
        try:
            found.systems.append(system if system.described else adapter.describe(system))
        except VendorUnsupported as error:
            found.refused[system.external_id] = error
    return found


def looked_up(adapter: VendorAdapter, known: Sequence[VendorSystem]) -> Found:
    """Ask for systems whose ids are known, and for no others where the vendor allows that. Raises VendorError."""
    if adapter.lists_all:
        ids = {system.external_id for system in known}
        return Found([listed for listed in adapter.systems() if listed.external_id in ids])
    return described(adapter, [replace(system, described=False) for system in known])


def _of_partner(connection: Connection, clock: Clock) -> VendorAdapter:
    if connection.status == _Status.NEEDS_RECONNECT:
        msg = "The account waits for its owner."
        raise VendorAuthFailed(msg)
    return adapters.open_account(connection, clock=clock)


class _Pace:
    """Keeps to a vendor's quotas of a second within one question; others of the caller's keys are its own business."""

    def __init__(self, quotas: Sequence[Quota]) -> None:
        gaps = [quota.period.total_seconds() / quota.limit for quota in quotas if quota.period <= _SHORT]
        self._gap = max(gaps, default=0.0)
        self._next = 0.0

    def keep(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._gap
