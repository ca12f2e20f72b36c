"""Thin Celery tasks: each translates, calls one function, and is done within a slice of time."""

from __future__ import annotations

import math
import time
from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ingest import outbox, pruning, pull, push, upkeep
from ingest.models import Heartbeat

log = structlog.get_logger(__name__)

_MOST_PUSH_TASKS = 4


def slice_end() -> float:
    """Return when (time.monotonic) a task that begins now has to end."""
    return time.monotonic() + float(settings.TASK_SLICE.total_seconds())


@shared_task
def dispatch_pulls(**_: Any) -> None:
    """Send out a task for every connection that is due."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(name="beat", defaults={"at": now})
    for connection_id in pull.due(now):
        pull_connection.apply_async(kwargs={"connection_id": connection_id}, expires=60)


@shared_task
def pull_connection(*, connection_id: int, **_: Any) -> None:
    """Pull one connection; a second task for the same one finds it taken and ends."""
    pull.pull_connection(connection_id=connection_id, clock=timezone.now, until=slice_end())


@shared_task
def renew_tokens(**_: Any) -> None:
    """Renew tokens that no pull renewed in time, and give back the consents of disconnected accounts."""
    until = slice_end()
    upkeep.take_up_receipts(now=timezone.now())
    for renew in (upkeep.renew_due, upkeep.revoke_due, upkeep.ask_approvals):
        renew(clock=timezone.now, until=until)


@shared_task
def dispatch_pushes(**_: Any) -> None:
    """Send out as many push tasks as there is work for."""
    queues = outbox.claimable(timezone.now()).count()
    for _task in range(min(_MOST_PUSH_TASKS, math.ceil(queues / outbox.MAX_QUEUES))):
        push_due.apply_async(expires=30)


@shared_task
def push_due(**_: Any) -> None:
    """Send what is due, for one slice."""
    push.push_due(clock=timezone.now, until=slice_end())


@shared_task
def sweep(**_: Any) -> None:
    """Put right what lost workers and changed keys left behind."""
    now = timezone.now()
    counts = {
        "runs_closed": pull.close_lost_runs(now=now),
        "queues_released": outbox.release_rekeyed(now=now),
        "messages_held": outbox.hold_undeliverable(now=now),
    }
    if any(counts.values()):
        log.info("swept", **counts)


@shared_task
def prune(**_: Any) -> None:
    """Delete what is older than the partners' retention."""
    log.info("pruned", **pruning.prune(now=timezone.now(), until=slice_end()))
