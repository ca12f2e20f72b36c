"""Deleting what is older than a partner keeps: readings, delivered messages with their attempts, pulls, quotas.

And what is over: tokens of clients, answers that are kept in case a request comes again.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet

from gateways.models import Partner
from gateways.oauth import pruning as oauth
from gateways.rest import idempotency
from ingest import partitions
from ingest.models import BudgetUse, Der, Message, Minute, PullRun, Reading

_BATCH = 2000
_QUOTA_DAYS = 62
_MINUTE_DAYS = 2


def prune(*, now: datetime, until: float) -> dict[str, int]:
    """Delete in batches until nothing is left or `until` (time.monotonic); return how much of what was deleted.

    Waiting and held messages are never pruned: they are not delivered yet. On PostgreSQL the partitions of this month
    and the next are made on the way, and whole months older than anybody's retention dropped.
    """
    partitions.ensure(partitions.months(now, ahead=1))
    deleted = {"readings": 0, "messages": 0, "pull_runs": 0}
    longest = Partner.objects.aggregate(days=Max("retention_days"))["days"]
    if longest is not None:
        partitions.drop_before(now - timedelta(days=longest))
    for partner in Partner.objects.all():
        before = now - timedelta(days=partner.retention_days)
        messages = Message.objects.filter(
            gateway__partner=partner, state=Message.State.DELIVERED, created_at__lt=before, done_at__lt=before
        )
        runs = PullRun.objects.filter(connection__partner=partner, started_at__lt=before)
        deleted["readings"] += _delete_readings(partner, before, until)
        deleted["messages"] += _delete(messages, until)
        deleted["pull_runs"] += _delete(runs, until)
    oauth.prune()
    idempotency.prune(now=now)
    BudgetUse.objects.filter(period_start__lt=now - timedelta(days=_QUOTA_DAYS)).delete()
    Minute.objects.filter(at__lt=now - timedelta(days=_MINUTE_DAYS)).delete()
    return deleted


def _delete(rows: QuerySet[Message] | QuerySet[PullRun], until: float) -> int:
    count = 0
    while time.monotonic() < until:
        # In no order: to sort, the database would have to look at all the young ones too.
        batch = list(rows.order_by().values_list("pk", flat=True)[:_BATCH])
        if not batch:
            break
        rows.model._default_manager.filter(pk__in=batch).delete()
        count += len(batch)
    return count


def _delete_readings(partner: Partner, before: datetime, until: float) -> int:
    """Delete readings a DER at a time: their key is (der, ts), so each DER's old ones lie together."""
    count = 0
    for der_id in Der.objects.filter(system__connection__partner=partner).order_by().values_list("pk", flat=True):
        if time.monotonic() >= until:
            break
        count += Reading.objects.filter(der_id=der_id, ts__lt=before).delete()[0]
    return count
