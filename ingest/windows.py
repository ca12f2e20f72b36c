"""One window of one system: which spans of time to read, and what the vendor says of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.models import System
from ingest.readings import DerKey, Kind, Reading, ReadingInvalid
from ingest.vendors.base import Dropped, PullPolicy, Refused, VendorAdapter, VendorDer, VendorSystem, Window
from ingest.vendors.errors import VendorReplyInvalid


@dataclass(frozen=True)
class Pulled:
    """What one window gave."""

    readings: list[tuple[DerKey, Reading]]
    dropped: Dropped
    answered: frozenset[str] = frozenset()
    """resources that the vendor answered for"""
    refused: Mapping[str, str] = field(default_factory=dict)
    """resources that the vendor refused while others went on, and why"""


def of(system: System, policy: PullPolicy, now: datetime, since: datetime | None = None) -> list[Window]:
    """Return the spans to read, oldest first, none longer than the policy's cap.

    A pull starts a little behind the last one, because late data still grows there; a new system starts with the
    policy's first look back.
    """
    return cut(since or _start(system.pulled_through, policy, now), now, policy.window_cap)


def cut(start: datetime, end: datetime, cap: timedelta) -> list[Window]:
    """Cut [start, end) into windows no longer than `cap`, oldest first."""
    windows = []
    while start < end:
        windows.append(Window(start, min(start + cap, end)))
        start = windows[-1].end
    return windows


def read(adapter: VendorAdapter, system: VendorSystem, window: Window, now: datetime) -> Pulled:
    """Fetch and normalize one window. Raises VendorError; single bad records are counted and dropped."""
    readings: list[tuple[DerKey, Reading]] = []
    dropped = Dropped()
    answered: set[str] = set()
    refused: dict[str, str] = {}
    for number, page in enumerate(adapter.fetch(system, window), 1):
        if number > adapter.policy.page_budget:
            msg = f"more than {adapter.policy.page_budget} pages for one window"
            raise VendorReplyInvalid(msg)
        if isinstance(page, Refused):
            refused[page.resource] = page.reason
            continue
        answered.add(page.resource)
        try:
            readings += adapter.normalize(system, page, dropped)
        except ReadingInvalid as error:
            msg = f"{page.resource}: {error}"
            raise VendorReplyInvalid(msg) from error
    return Pulled(_not_ahead(readings, dropped, now), dropped, frozenset(answered), refused)


def described(system: System) -> VendorSystem:
    """Return a stored system in the adapters' words, without what its owner does not share."""
    withheld = system.connection.withheld_kinds
    return VendorSystem(
        external_id=system.external_id,
        name=system.name,
        timezone=system.timezone,
        latitude=system.latitude,
        longitude=system.longitude,
        ders=[
            VendorDer(
                DerKey(Kind(der.kind), der.sn),
                name=der.name,
                make=der.make,
                model=der.model,
                rated_power_w=der.rated_power_w,
                external_id=der.external_id,
            )
            for der in system.ders.all()
            if der.gone_at is None and der.kind not in withheld
        ],
    )


def _start(pulled_through: datetime | None, policy: PullPolicy, now: datetime) -> datetime:
    if pulled_through is None:
        return now - policy.first_lookback
    # A cursor in the future was set by a clock that went wrong: do not wait until that time has come.
    return min(pulled_through, now) - policy.lookback


def _not_ahead(readings: list[tuple[DerKey, Reading]], dropped: Dropped, now: datetime) -> list[tuple[DerKey, Reading]]:
    kept = []
    for key, reading in readings:
        try:
            reading.check_not_ahead(now)
        except ReadingInvalid as error:
            dropped.add(str(error))
        else:
            kept.append((key, reading))
    return kept
