"""Deleting what is older than a partner keeps: readings, delivered messages with their attempts, pulls, spent quotas."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet

from gateways.models import Partner
from ingest import partitions
from ingest.models import BudgetUse, Message, Minute, PullRun, Reading

_BATCH = 2000
_QUOTA_DAYS = 62
_MINUTE_DAYS = 2


def prune(*, now: datetime, until: float) -> dict[str, int]:
    """Delete in batches until nothing is left or `until` (time.monotonic); return how much of what was deleted.

    Waiting and held messages are never pruned: they are not delivered yet.
    """
    deleted = {"readings": 0, "messages": 0, "pull_runs": 0}
    longest = Partner.objects.aggregate(days=Max("retention_days"))["days"]
    if longest is not None:
        partitions.drop_before(now - timedelta(days=longest))
    for partner in Partner.objects.all():
        before = now - timedelta(days=partner.retention_days)
        readings = Reading.objects.filter(der__system__connection__partner=partner, ts__lt=before)
        messages = Message.objects.filter(gateway__partner=partner, state=Message.State.DELIVERED, done_at__lt=before)
        runs = PullRun.objects.filter(connection__partner=partner, started_at__lt=before)
        deleted["readings"] += _delete_readings(readings, until)
        deleted["messages"] += _delete(messages, until)
        deleted["pull_runs"] += _delete(runs, until)
    BudgetUse.objects.filter(period_start__lt=now - timedelta(days=_QUOTA_DAYS)).delete()
    Minute.objects.filter(at__lt=now - timedelta(days=_MINUTE_DAYS)).delete()
    return deleted


def _delete(rows: QuerySet[Message] | QuerySet[PullRun], until: float) -> int:
    count = 0
    while time.monotonic() < until:
        batch = list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH])
        if not batch:
            break
        rows.model._default_manager.filter(pk__in=batch).delete()
        count += len(batch)
    return count


def _delete_readings(rows: QuerySet[Reading], until: float) -> int:
    """Delete readings a DER at a time: their key is (der, ts), so each DER's old ones lie together."""
    count = 0
    for der_id in list(rows.order_by().values_list("der_id", flat=True).distinct()):
        if time.monotonic() >= until:
            break
        count += Reading.objects.filter(pk__in=rows.filter(der_id=der_id).values("pk"))._raw_delete("default")
    return count
