"""Quotas of vendor applications and accounts, counted in the database because all workers share them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from ingest.models import BudgetUse, Connection
from ingest.vendors.base import Quota
from ingest.vendors.errors import Scope, VendorThrottled

_WORTH_WAITING_S = 2.0  # a quota per second is waited for on the spot
_LONGEST_WAIT_S = 10.0  # in all, when others keep taking what was waited for
_WORTH_SPREADING = timedelta(hours=1)  # a quota per day or month is spread over it
_KEPT = 0.2  # of a quota of minutes: for a homeowner who is at the page while other homes are pulled


def take(
    connection: Connection, quotas: tuple[Quota, ...], *, clock: Callable[[], datetime], background: bool = False
) -> None:
    """Take one request from every quota, or none; raise VendorThrottled with the time until the next period.

    In the `background`, where nobody waits for the answer, a part of short quotas is left to those who do.
    """
    waited = 0.0
    while wait := _take_once(connection, quotas, clock(), background=background):
        quota, seconds = wait
        if seconds > _WORTH_WAITING_S or waited > _LONGEST_WAIT_S:
            msg = f"our share of the vendor's quota is used up: {quota.limit} requests in {quota.period}"
            raise VendorThrottled(msg, retry_after=seconds, scope=quota.scope)
        time.sleep(seconds)
        waited += seconds


def left(connection: Connection, quotas: tuple[Quota, ...], now: datetime) -> dict[str, int]:
    """Return what is left of each quota in its present period, e.g. {"30 days, 0:00:00": 1500}."""
    remaining = {}
    for quota in quotas:
        use = BudgetUse.objects.filter(**_period(connection, quota, now)).first()
        remaining[str(quota.period)] = quota.limit - (use.used if use else 0)
    return remaining


def pace(connection: Connection, quotas: tuple[Quota, ...], *, calls: int, now: datetime) -> timedelta:
    """Return the time between two rounds of `calls` requests that lets every long quota last to the end of its period.

    A tenth is kept for what people do by hand. Accounts that share a quota are taken to need about as much as this one.
    """
    longest = timedelta()
    for quota in (quota for quota in quotas if quota.period >= _WORTH_SPREADING):
        use = BudgetUse.objects.filter(**_period(connection, quota, now)).first()
        left = max(1.0, 0.9 * quota.limit - (use.used if use else 0))
        rest = _period_start(quota, now) + quota.period - now
        longest = max(longest, min(rest, rest * (calls * _sharing(connection, quota) / left)))
    return longest


def _sharing(connection: Connection, quota: Quota) -> int:
    if quota.scope is not Scope.APPLICATION or not connection.credential_id:
        return 1
    return Connection.objects.filter(credential=connection.credential_id, status=Connection.Status.ACTIVE).count()


def _take_once(
    connection: Connection, quotas: tuple[Quota, ...], now: datetime, *, background: bool
) -> tuple[Quota, float] | None:
    """Take from all quotas; return the one that is used up and the seconds until it is not, having taken none."""
    with transaction.atomic():
        for quota in quotas:
            use, _ = BudgetUse.objects.get_or_create(**_period(connection, quota, now))
            kept = int(quota.limit * _KEPT) if background and quota.period < _WORTH_SPREADING else 0
            if not BudgetUse.objects.filter(pk=use.pk, used__lt=quota.limit - kept).update(used=F("used") + 1):
                transaction.set_rollback(True)
                return quota, max(0.05, (use.period_start + quota.period - now).total_seconds())
    return None


def _period(connection: Connection, quota: Quota, now: datetime) -> dict[str, Any]:
    """Return what identifies the row that counts a quota's present period."""
    return {
        "key": _key(connection, quota),
        "period_s": int(quota.period.total_seconds()),
        "period_start": _period_start(quota, now),
    }


def _key(connection: Connection, quota: Quota) -> str:
    if quota.scope is Scope.APPLICATION and connection.credential_id:
        return f"{connection.vendor}:credential:{connection.credential_id}"
    return f"{connection.vendor}:connection:{connection.pk}"


def _period_start(quota: Quota, now: datetime) -> datetime:
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return now - ((now - epoch) % max(quota.period, timedelta(seconds=1)))
