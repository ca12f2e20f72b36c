"""Fetch → normalize → hand over to the store: one pull of one connection.

A pull works in slices: it takes a lease on the connection, goes through its systems, reads window after window, and
each window is stored with its cursor. When time or quota is over, the round goes on in the next slice with the systems
it has not been to; nothing is skipped.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from gateways import vault
from gateways.models import Gateway
from ingest import adapters, budget, connections, discovery, locks, parts, store, tallies, vendors, windows
from ingest.models import Connection, PullRun, System, Tally
from ingest.vendors.base import PullPolicy, VendorAdapter, Window
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

LEASE = timedelta(
    seconds=50
)  # longer than a task may take (CELERY_TASK_TIME_LIMIT), so that a lost one is followed soon
_LAST_CALL_S = 5.0  # after the slice a window may still be finished, but no request begins later than this
_OUTCOMES = {
    VendorUnavailable: PullRun.Outcome.UNAVAILABLE,
    VendorThrottled: PullRun.Outcome.THROTTLED,
    VendorAuthFailed: PullRun.Outcome.AUTH_FAILED,
    VendorReplyInvalid: PullRun.Outcome.REPLY_INVALID,
    VendorUnsupported: PullRun.Outcome.UNSUPPORTED,
}
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=1)
_ENOUGH_FAILED = 3  # systems in a row from the start: then it is the vendor, not a home


@dataclass
class _Slice:
    """How a slice went: whether the round is over, and the first system that could not be read while others could."""

    finished: bool = True
    trouble: VendorError | None = None


@dataclass
class _Read:
    """What the windows of one system gave."""

    finished: bool = True
    spoke: bool = False
    back_since: datetime | None = None

    def add(self, spoke: bool, back_since: datetime | None) -> None:  # noqa: FBT001  one window's two answers
        self.spoke = self.spoke or spoke
        self.back_since = min(filter(None, (self.back_since, back_since)), default=None)


def due(now: datetime) -> list[int]:
    """Return the ids of connections to pull now, the longest due first."""
    ready = Connection.objects.filter(locks.free(now), status=Connection.Status.ACTIVE, next_pull_at__lte=now)
    return list(ready.order_by("next_pull_at").values_list("pk", flat=True))


def pull_connection(*, connection_id: int, clock: Callable[[], datetime], until: float) -> bool:
    """Pull a connection if it is due and nobody else does; return whether it was pulled.

    `until` (time.monotonic) ends the slice after the window at hand. What goes wrong is written down, never raised.
    """
    connection = _claim(connection_id, clock())
    if connection is None:
        return False
    try:
        ended = _pull(connection, clock=clock, until=until)
    except VendorError as error:
        _note_failure(connection, error, clock())
    except vault.VaultError as error:
        _note_trouble(connection, f"The vault cannot open the account's key: {error}", clock())
    except Exception as error:
        log.exception("pull failed", connection=str(connection.uid))
        _note_trouble(connection, f"A fault of the portal: {type(error).__name__}. See its log.", clock())
    else:
        _note_end(connection, ended, clock())
    return True


def close_lost_runs(*, now: datetime) -> int:
    """Close runs whose worker is gone, so that nobody waits for them; return how many."""
    free = Q(connection__lease__isnull=True) | Q(connection__leased_until__lt=now)
    lost = PullRun.objects.filter(free, outcome=PullRun.Outcome.RUNNING, started_at__lt=now - LEASE)
    return lost.update(
        outcome=PullRun.Outcome.LOST,
        finished_at=now,
        error="The worker ended in the middle. What it stored stands; the rest is pulled again.",
    )


def systems_of(connection: Connection) -> list[System]:
    """Return the systems that are pulled: with a gateway that is not released, still listed; longest waiting first."""
    pulled = connection.systems.filter(gateway__isnull=False, gone_at=None)
    kept = pulled.exclude(gateway__status=Gateway.Status.RELEASED).prefetch_related("ders")
    return list(kept.order_by(F("tried_at").asc(nulls_first=True), "pk"))


def _pull(connection: Connection, *, clock: Callable[[], datetime], until: float) -> _Slice:
    """Go through the systems that this round has not been to. Raises VendorError when no system can be read."""
    adapter = adapters.open_account(connection, clock=clock, background=True)
    adapter.http.deadline = until + _LAST_CALL_S
    ended, pulled, failed = _Slice(trouble=_discover_if_due(connection, adapter, clock)), 0, 0
    for system in _of_round(connection):
        try:
            ended.finished = _pull_system(connection, system, adapter, clock=clock, until=until)
        except VendorError as error:
            failed += 1
            ended.trouble = ended.trouble or error
            if _concerns_all(error) or (failed >= _ENOUGH_FAILED and not pulled):
                raise
        else:
            pulled += 1
        if ended.finished:
            System.objects.filter(pk=system.pk).update(tried_at=clock())
        if not ended.finished or time.monotonic() >= until:
            ended.finished = False
            break
    if ended.trouble and not pulled:
        raise ended.trouble
    if ended.finished:
        # Last, because homes that send come before homes that may be chosen one day.
        ended.trouble = _describe_new(connection, adapter, clock) or ended.trouble
    return ended


def _discover_if_due(
    connection: Connection, adapter: VendorAdapter, clock: Callable[[], datetime]
) -> VendorError | None:
    """List the systems if it is time; return the trouble with that, if what is known already can be read without."""
    now, last = clock(), connection.discovered_at
    if last is not None and last >= now - adapter.policy.discover_every:
        return None
    try:
        with _running(connection, None, adapter, clock):
            discovery.discover(connection, adapter, now)
    except VendorError as error:
        if last is None or _concerns_all(error):
            raise
        return error
    return None


def _describe_new(connection: Connection, adapter: VendorAdapter, clock: Callable[[], datetime]) -> VendorError | None:
    """Describe systems nobody has described yet; return the trouble with that, unless it concerns the whole account."""
    try:
        discovery.describe_new(connection, adapter, clock)
    except VendorError as error:
        if _concerns_all(error):
            raise
        return error
    return None


def _of_round(connection: Connection) -> list[System]:
    began = connection.round_began_at
    return [system for system in systems_of(connection) if not (began and system.tried_at and system.tried_at >= began)]


def _concerns_all(error: VendorError) -> bool:
    """Whether asking for the account's other systems makes no sense."""
    return isinstance(error, VendorAuthFailed) or (
        isinstance(error, VendorThrottled) and error.scope is not Scope.SYSTEM
    )


def _pull_system(
    connection: Connection, system: System, adapter: VendorAdapter, *, clock: Callable[[], datetime], until: float
) -> bool:
    """Read a system's windows; return False when there is more to read.

    Of a new home the newest window comes first, as its owner looks at the page by now; it is read again in its turn.
    """
    silent_since, read = system.last_reading_at, _Read()
    with _running(connection, system, adapter, clock) as run:
        system = discovery.up_to_date(system, adapter, clock())
        plan = windows.of(system, adapter.policy, clock())
        if silent_since is None and len(plan) > 1:
            read.add(*_read_window(run, connection, system, adapter, plan[-1], clock, moves_cursor=False))
        for number, window in enumerate(plan):
            if number and time.monotonic() >= until:
                read.finished = False
                break
            read.add(*_read_window(run, connection, system, adapter, window, clock))
        if read.back_since:
            parts.read_again(connection=connection, since=read.back_since, policy=adapter.policy, now=clock())
            return False
        if not read.finished or not read.spoke:
            return read.finished
        return not _reopen_gap(system, silent_since, plan[0].start, adapter.policy, clock())


def _read_window(
    run: PullRun,
    connection: Connection,
    system: System,
    adapter: VendorAdapter,
    window: Window,
    clock: Callable[[], datetime],
    *,
    moves_cursor: bool = True,
) -> tuple[bool, datetime | None]:
    """Fetch and store one window; return whether it had a reading, and since when a part that is back was lost."""
    pulled = windows.read(adapter, windows.described(system), window, clock())
    _note_window(run, system, window, pulled)
    store.store_readings(
        system=system, readings=pulled.readings, now=clock(), pulled_through=window.end if moves_cursor else None,
        run=run,
    )  # fmt: skip
    back_since = parts.note(connection=connection, answered=pulled.answered, refused=pulled.refused, now=clock())
    return bool(pulled.readings), back_since


def _note_window(run: PullRun, system: System, window: Window, pulled: windows.Pulled) -> None:
    run.window_start = min(run.window_start or window.start, window.start)
    dropped = pulled.dropped
    PullRun.objects.filter(pk=run.pk).update(dropped=F("dropped") + dropped.count, window_start=run.window_start)
    if dropped.count:
        log.warning("records dropped", system=system.pk, count=dropped.count, reasons=dropped.reasons)


def _reopen_gap(
    system: System, silent_since: datetime | None, began: datetime | None, policy: PullPolicy, now: datetime
) -> bool:
    """Move the cursor back when a system speaks again that fell silent before what was read: it may tell the rest."""
    if silent_since is None or began is None or silent_since >= began:
        return False
    reopened = max(silent_since, now - policy.max_lookback)
    return bool(System.objects.filter(pk=system.pk, pulled_through__gt=reopened).update(pulled_through=reopened))


@contextlib.contextmanager
def _running(
    connection: Connection, system: System | None, adapter: VendorAdapter, clock: Callable[[], datetime]
) -> Iterator[PullRun]:
    """Open a PullRun and close it with what happened."""
    before, began = adapter.http.requests_made, clock()
    run = PullRun.objects.create(connection=connection, system=system, started_at=began)
    outcome, text = PullRun.Outcome.OK, ""
    try:
        yield run
    except BaseException as error:
        outcome = _OUTCOMES.get(type(error), PullRun.Outcome.ERROR)
        # Only the texts of the vendors' errors are known to hold no secret.
        text = str(error) if isinstance(error, VendorError) else type(error).__name__
        raise
    finally:
        now, requests = clock(), adapter.http.requests_made - before
        with transaction.atomic():
            ended = PullRun.objects.filter(pk=run.pk)
            ended.update(outcome=outcome, finished_at=now, error=text[:500], requests=requests)
            tallies.add(Tally.Kind.PULL, [(connection.vendor, outcome, (now - began).total_seconds())])


def _claim(connection_id: int, now: datetime) -> Connection | None:
    free = Connection.objects.filter(
        locks.free(now), pk=connection_id, status=Connection.Status.ACTIVE, next_pull_at__lte=now
    )
    began = Coalesce(F("round_began_at"), now)
    if not free.update(lease=uuid.uuid4(), leased_until=now + LEASE, round_began_at=began):
        return None
    return Connection.objects.select_related("partner", "credential").get(pk=connection_id)


def _end(connection: Connection, **changes: object) -> bool:
    """Free the connection with what is known now; return False if it is not ours any more."""
    ours = Connection.objects.filter(pk=connection.pk, lease=connection.lease)
    return bool(ours.update(lease=None, leased_until=None, **changes))


def _note_end(connection: Connection, ended: _Slice, now: datetime) -> None:
    """Write down a good slice; `trouble` was with single systems, so it does not count as a failure of the account."""
    if connection.failures:
        log.info(
            "vendor is back", connection=str(connection.uid), vendor=connection.vendor, failures=connection.failures
        )
    changes: dict[str, object] = {"last_success_at": now, "failures": 0, "next_pull_at": now}
    if ended.finished:
        changes |= {"next_pull_at": now + _until_next_round(connection, now), "round_began_at": None}
    if ended.trouble:
        changes |= {"last_error_at": now, "last_error": _words(ended.trouble)}
    _end(connection, **changes)


def _until_next_round(connection: Connection, now: datetime) -> timedelta:
    """Return the policy's interval, or longer where the vendor's quota must last."""
    policy = _policy(connection)
    runs = PullRun.objects.filter(
        connection=connection, system__isnull=False, started_at__gte=connection.round_began_at
    )
    calls = runs.aggregate(calls=Sum("requests"))["calls"] or 0
    return max(policy.interval, budget.pace(connection, tuple(policy.quotas), calls=calls, now=now))


def _note_failure(connection: Connection, error: VendorError, now: datetime) -> None:
    if isinstance(error, VendorThrottled):
        _throttle(connection, error, now)
        return
    if not connection.failures:
        log.warning("vendor trouble", connection=str(connection.uid), vendor=connection.vendor, error=str(error))
    ours = _note_trouble(connection, _words(error), now, retry=error.retry)
    # Whoever reconnected the account meanwhile took it from us: what was refused are the secrets before.
    if ours and isinstance(error, VendorAuthFailed):
        connections.mark_needs_reconnect(connection=connection, reason=str(error), now=now)


def _words(error: VendorError) -> str:
    return f"{error} · {error.next_step}"[:500]


def _throttle(connection: Connection, error: VendorThrottled, now: datetime) -> None:
    """Wait as long as asked; with the application's quota gone, everything that shares it waits."""
    again = now + timedelta(seconds=error.retry_after)
    if error.scope is Scope.APPLICATION and connection.credential_id:
        sharing = Connection.objects.filter(credential=connection.credential_id, next_pull_at__lt=again)
        with transaction.atomic():  # in a fixed order: many of them meet the same refusal at once
            ids = sharing.exclude(pk=connection.pk).select_for_update().order_by("pk").values_list("pk", flat=True)
            Connection.objects.filter(pk__in=list(ids)).update(next_pull_at=again)
    _end(connection, next_pull_at=again, last_error_at=now, last_error=_words(error))


def _note_trouble(connection: Connection, text: str, now: datetime, *, retry: bool = True) -> bool:
    delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(connection.failures, 10)) if retry else _LONGEST_DELAY
    return _end(
        connection,
        next_pull_at=now + delay * random.uniform(0.5, 1),  # noqa: S311  no secret
        failures=connection.failures + 1,
        round_began_at=None,
        last_error_at=now,
        last_error=text[:500],
    )


def _policy(connection: Connection) -> PullPolicy:
    return vendors.adapter_class(connection.vendor).policy
