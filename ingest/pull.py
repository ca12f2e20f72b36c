"""Fetch → normalize → hand over to the store: one pull of one connection.

A pull works in slices: it takes a lease on the connection, reads window after window, and each window is stored with
its cursor. When time or quota is over, the rest waits in `next_pull_at`; nothing is read twice, nothing is skipped.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q

from gateways import events, vault
from ingest import connections, store, tallies, vendors
from ingest.models import Connection, Der, PullRun, System, Tally
from ingest.readings import DerKey, Kind, Reading, ReadingInvalid
from ingest.vendors.base import Dropped, PullPolicy, VendorAdapter, VendorDer, VendorSystem, Window
from ingest.vendors.errors import (
    Scope,
    VendorAuthFailed,
    VendorError,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
_OUTCOMES = {
    VendorUnavailable: PullRun.Outcome.UNAVAILABLE,
    VendorThrottled: PullRun.Outcome.THROTTLED,
    VendorAuthFailed: PullRun.Outcome.AUTH_FAILED,
    VendorReplyInvalid: PullRun.Outcome.REPLY_INVALID,
    VendorUnsupported: PullRun.Outcome.UNSUPPORTED,
}
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True)
class Pulled:
    """What one window gave."""

    readings: list[tuple[DerKey, Reading]]
    dropped: Dropped


def due(now: datetime) -> list[int]:
    """Return the ids of connections to pull now, the longest due first."""
    ready = Connection.objects.filter(_free(now), status=Connection.Status.ACTIVE, next_pull_at__lte=now)
    return list(ready.order_by("next_pull_at").values_list("pk", flat=True))


def pull_connection(*, connection_id: int, clock: Callable[[], datetime], until: float) -> bool:
    """Pull a connection if it is due and nobody else does; return whether it was pulled.

    `until` (time.monotonic) ends the slice after the window at hand. What goes wrong is written down, never raised.
    """
    connection = _claim(connection_id, clock())
    if connection is None:
        return False
    try:
        finished = _pull(connection, clock=clock, until=until)
    except VendorError as error:
        _note_failure(connection, error, clock())
    except vault.VaultError as error:
        _note_trouble(connection, f"The vault cannot open the account's key: {error}", clock())
    except Exception as error:
        log.exception("pull failed", connection=str(connection.uid))
        _note_trouble(connection, f"A fault of the portal: {type(error).__name__}. See its log.", clock())
    else:
        _note_success(connection, clock(), finished=finished)
    return True


def windows(system: System, policy: PullPolicy, now: datetime, since: datetime | None = None) -> list[Window]:
    """Return the spans to read, oldest first, none longer than the policy's cap.

    A pull starts a little behind the last one, because late data still grows there; a new system starts with the
    policy's first look back.
    """
    if since is None:
        pulled = system.pulled_through
        since = now - policy.first_lookback if pulled is None else pulled - policy.lookback
    return spans(since, now, policy.window_cap)


def spans(start: datetime, end: datetime, cap: timedelta) -> list[Window]:
    """Cut [start, end) into windows no longer than `cap`, oldest first."""
    cut = []
    while start < end:
        cut.append(Window(start, min(start + cap, end)))
        start = cut[-1].end
    return cut


def read_window(adapter: VendorAdapter, system: VendorSystem, window: Window, now: datetime) -> Pulled:
    """Fetch and normalize one window. Raises VendorError; single bad records are counted and dropped."""
    readings, dropped = [], Dropped()
    for number, page in enumerate(adapter.fetch(system, window), 1):
        if number > adapter.policy.page_budget:
            msg = f"more than {adapter.policy.page_budget} pages for one window"
            raise VendorReplyInvalid(msg)
        for key, reading in adapter.normalize(system, page, dropped):
            try:
                reading.check_not_ahead(now)
            except ReadingInvalid as error:
                dropped.add(str(error))
            else:
                readings.append((key, reading))
    return Pulled(readings, dropped)


def vendor_system(system: System) -> VendorSystem:
    """Return a stored system in the adapters' words."""
    return VendorSystem(
        external_id=system.external_id, name=system.name, timezone=system.timezone,
        latitude=system.latitude, longitude=system.longitude,
        ders=[
            VendorDer(
                DerKey(Kind(der.kind), der.sn), name=der.name, make=der.make, model=der.model,
                rated_power_w=der.rated_power_w, external_id=der.external_id,
            )
            for der in system.ders.all()
        ],
    )  # fmt: skip


def discover(connection: Connection, adapter: VendorAdapter, now: datetime) -> None:
    """List the account's systems and DERs and write down what is new, changed or gone."""
    found = adapter.systems()
    with transaction.atomic():
        for listed in found:
            _save_system(connection, listed, now)
        listed_ids = [listed.external_id for listed in found]
        connection.systems.exclude(external_id__in=listed_ids).filter(gone_at=None).update(gone_at=now)
        Connection.objects.filter(pk=connection.pk).update(discovered_at=now)


def close_lost_runs(*, now: datetime) -> int:
    """Close runs whose worker is gone, so that nobody waits for them; return how many."""
    lost = PullRun.objects.filter(_free_connection(now), outcome=PullRun.Outcome.RUNNING, started_at__lt=now - LEASE)
    return lost.update(
        outcome=PullRun.Outcome.LOST, finished_at=now, error="The worker ended in the middle. What it stored stands; the rest is pulled again."
    )


def _pull(connection: Connection, *, clock: Callable[[], datetime], until: float) -> bool:
    """Pull all systems; return False when time was over before all were read."""
    adapter = connections.open_adapter(connection, clock=clock)
    now = clock()
    if connection.discovered_at is None or connection.discovered_at < now - adapter.policy.discover_every:
        with _running(connection, None, adapter, clock):
            discover(connection, adapter, now)
    systems = connection.systems.filter(gateway__isnull=False, gone_at=None).exclude(gateway__status="released")
    for system in systems.order_by(F("pulled_through").asc(nulls_first=True)).prefetch_related("ders"):
        if not _pull_system(connection, system, adapter, clock=clock, until=until):
            return False
    return True


def _pull_system(
    connection: Connection, system: System, adapter: VendorAdapter, *, clock: Callable[[], datetime], until: float
) -> bool:
    described, silent_since, oldest = vendor_system(system), system.last_reading_at, None
    with _running(connection, system, adapter, clock) as run:
        for number, span in enumerate(windows(system, adapter.policy, clock())):
            if number and time.monotonic() >= until:
                return False
            pulled = read_window(adapter, described, span, clock())
            _note_window(run, system, span, pulled.dropped)
            store.store_readings(system=system, readings=pulled.readings, now=clock(), pulled_through=span.end, run=run)
            oldest = min([reading.ts for _, reading in pulled.readings] + ([oldest] if oldest else []), default=None)
        return not _reopen_gap(system, silent_since, oldest, adapter.policy, clock()) and time.monotonic() < until


def _note_window(run: PullRun, system: System, span: Window, dropped: Dropped) -> None:
    run.window_start = run.window_start or span.start
    PullRun.objects.filter(pk=run.pk).update(dropped=F("dropped") + dropped.count, window_start=run.window_start)
    if dropped.count:
        log.warning("records dropped", system=system.pk, count=dropped.count, reasons=dropped.reasons)


def _reopen_gap(
    system: System, silent_since: datetime | None, oldest: datetime | None, policy: PullPolicy, now: datetime
) -> bool:
    """Move the cursor back when a system speaks again after a silence: what it kept meanwhile can be read now."""
    if silent_since is None or oldest is None or oldest - silent_since <= policy.lookback:
        return False
    reopened = max(silent_since, now - policy.max_lookback)
    return bool(System.objects.filter(pk=system.pk, pulled_through__gt=reopened).update(pulled_through=reopened))


class _running:  # noqa: N801  used like a function, as context managers are
    """Opens a PullRun and closes it with what happened."""

    def __init__(self, connection: Connection, system: System | None, adapter: VendorAdapter, clock: Callable[[], datetime]) -> None:
        self.connection, self.adapter, self.clock = connection, adapter, clock
        self.requests_before = adapter.http.requests_made
        self.run = PullRun.objects.create(connection=connection, system=system, started_at=clock())

    def __enter__(self) -> PullRun:
        return self.run

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        now = self.clock()
        outcome = PullRun.Outcome.OK if error is None else _OUTCOMES.get(type(error), PullRun.Outcome.ERROR)  # type: ignore[arg-type]
        with transaction.atomic():
            PullRun.objects.filter(pk=self.run.pk).update(
                outcome=outcome, finished_at=now, error=str(error or "")[:500],
                requests=self.adapter.http.requests_made - self.requests_before,
            )  # fmt: skip
            tallies.add(Tally.Kind.PULL, [(self.connection.vendor, outcome, (now - self.run.started_at).total_seconds())])


def _save_system(connection: Connection, listed: VendorSystem, now: datetime) -> None:
    system, created = System.objects.update_or_create(
        connection=connection, external_id=listed.external_id,
        defaults={
            "name": listed.name, "timezone": listed.timezone, "latitude": listed.latitude,
            "longitude": listed.longitude, "gone_at": None,
        },
    )  # fmt: skip
    for der in listed.ders:
        Der.objects.update_or_create(
            system=system, kind=der.key.kind.value, sn=der.key.sn,
            defaults={
                "name": der.name, "make": der.make, "model": der.model,
                "rated_power_w": der.rated_power_w, "external_id": der.external_id,
            },
        )  # fmt: skip
    if created:
        events.record(
            partner=connection.partner, name=events.SYSTEM_DISCOVERED, subject=f"connection:{connection.uid}", by="pull",
            now=now, data={"system": listed.external_id, "ders": [f"{der.key.kind}:{der.key.sn}" for der in listed.ders]},
        )  # fmt: skip


def _claim(connection_id: int, now: datetime) -> Connection | None:
    free = Connection.objects.filter(_free(now), pk=connection_id, status=Connection.Status.ACTIVE, next_pull_at__lte=now)
    if not free.update(lease=uuid.uuid4(), leased_until=now + LEASE):
        return None
    return Connection.objects.select_related("partner", "credential").get(pk=connection_id)


def _free(now: datetime) -> Q:
    return Q(lease__isnull=True) | Q(leased_until__lt=now)


def _free_connection(now: datetime) -> Q:
    return Q(connection__lease__isnull=True) | Q(connection__leased_until__lt=now)


def _end(connection: Connection, **changes: object) -> None:
    """Free the connection, if it is still ours, with what is known now."""
    Connection.objects.filter(pk=connection.pk, lease=connection.lease).update(lease=None, leased_until=None, **changes)


def _note_success(connection: Connection, now: datetime, *, finished: bool) -> None:
    policy = _policy(connection)
    if connection.failures:
        log.info("vendor is back", connection=str(connection.uid), vendor=connection.vendor, failures=connection.failures)
    _end(connection, next_pull_at=now + policy.interval if finished else now, last_success_at=now, failures=0)


def _note_failure(connection: Connection, error: VendorError, now: datetime) -> None:
    if isinstance(error, VendorThrottled):
        _throttle(connection, error, now)
        return
    if not connection.failures:
        log.warning("vendor trouble", connection=str(connection.uid), vendor=connection.vendor, error=str(error))
    _note_trouble(connection, f"{error} · {error.next_step}", now, retry=error.retry)
    if isinstance(error, VendorAuthFailed):
        connections.mark_needs_reconnect(connection=connection, reason=str(error), now=now)


def _throttle(connection: Connection, error: VendorThrottled, now: datetime) -> None:
    """Wait as long as asked; with the application's quota gone, everything that shares it waits."""
    again = now + timedelta(seconds=error.retry_after)
    if error.scope is Scope.APPLICATION and connection.credential_id:
        sharing = Connection.objects.filter(credential=connection.credential_id, next_pull_at__lt=again)
        sharing.exclude(pk=connection.pk).update(next_pull_at=again)
    _end(connection, next_pull_at=again, last_error_at=now, last_error=f"{error} · {error.next_step}"[:500])


def _note_trouble(connection: Connection, text: str, now: datetime, *, retry: bool = True) -> None:
    delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(connection.failures, 10)) if retry else _LONGEST_DELAY
    _end(
        connection, next_pull_at=now + delay * random.uniform(0.5, 1), failures=connection.failures + 1,  # noqa: S311
        last_error_at=now, last_error=text[:500],
    )  # fmt: skip


def _policy(connection: Connection) -> PullPolicy:
    return vendors.adapter_class(connection.vendor).policy
