"""What is looked after between pulls: owners' consents that age, end, or wait for the vendor's approval."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from gateways import vault
from ingest import adapters, connections, receipts, tokens
from ingest.models import Connection
from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorUnavailable

log = structlog.get_logger(__name__)

_KEEP_ALIVE = timedelta(days=7)  # refresh tokens that nobody uses die after some 30 days
_LATE = timedelta(minutes=2)  # pulls renew in time; what they did not come to is renewed here
_VAULT_AGAIN = timedelta(hours=1)
_Status = Connection.Status


def take_up_receipts(*, now: datetime) -> int:
    """Take up what killed workers of this machine received and could not write down; return how many."""
    waiting = receipts.waiting()
    rows = {row.uid: row for row in Connection.objects.select_related("partner").filter(uid__in=waiting)}
    for uid in set(waiting) - rows.keys():
        receipts.forget(uid)
    return sum(_take_up(row, now) for row in rows.values())


def _take_up(row: Connection, now: datetime) -> bool:
    """Take up one receipt; an account that a worker elsewhere took for lost meanwhile, without it, goes on."""
    taken = tokens.take_up_receipt(row, now)
    if taken:
        connections.recover(connection=row, by="pull", now=now)
    return taken


def renew_due(*, clock: Callable[[], datetime], until: float) -> None:
    """Renew the tokens of accounts that are not pulled, or not often enough, until `until` (time.monotonic)."""
    now = clock()
    active = Q(status=_Status.ACTIVE, tokens_refresh_at__lte=now - _LATE)
    idle = Q(status__in=[_Status.PAUSED, _Status.PENDING], tokens_received_at__lte=now - _KEEP_ALIVE)
    silent: set[str] = set()  # vendors that do not answer; the accounts of others must not wait behind theirs
    for connection in _some(Connection.objects.filter(active | idle).order_by("tokens_refresh_at"), until):
        if connection.vendor in silent:
            continue
        try:
            connections.renew_tokens(connection=connection, clock=clock)
        except VendorAuthFailed as error:
            connections.mark_needs_reconnect(connection=connection, reason=str(error), now=clock())
        except (VendorError, vault.VaultError) as error:
            log.warning("tokens not renewed", connection=str(connection.uid), error=str(error))
            if isinstance(error, VendorUnavailable):
                silent.add(connection.vendor)


def revoke_due(*, clock: Callable[[], datetime], until: float) -> None:
    """Give back the consents of disconnected accounts at their vendors."""
    ended = Connection.objects.filter(status=_Status.DISCONNECTED, revoke_due_at__lte=clock())
    for connection in _some(ended.order_by("revoke_due_at"), until):
        try:
            connections.revoke(connection=connection, clock=clock)
        except vault.VaultError as error:
            log.warning("consent not given back", connection=str(connection.uid), error=str(error))
            Connection.objects.filter(pk=connection.pk).update(revoke_due_at=clock() + _VAULT_AGAIN)


def ask_approvals(*, clock: Callable[[], datetime], until: float) -> None:
    """Ask vendors that approve accounts by hand whether they have."""
    waiting = Connection.objects.filter(status=_Status.PENDING, next_pull_at__lte=clock())
    for connection in _some(waiting.order_by("next_pull_at"), until):
        try:
            approval = adapters.open_account(connection, clock=clock, background=True).approval()
        except (VendorError, vault.VaultError) as error:
            log.warning("approval not asked", connection=str(connection.uid), error=str(error))
            Connection.objects.filter(pk=connection.pk).update(next_pull_at=clock() + timedelta(minutes=10))
        else:
            connections.settle_approval(connection=connection, approval=approval, now=clock())


def _some(rows: QuerySet[Connection], until: float) -> Iterator[Connection]:
    """Yield rows to look after until the time is over; the rest come with the next tick."""
    for row in rows.select_related("partner", "credential")[:100]:
        if time.monotonic() > until:
            return
        yield row
