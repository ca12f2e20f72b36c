"""How the queues of gateways stand: what waits, since when, and why it does not go out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from gateways import queries
from gateways.models import Gateway
from ingest.models import GatewayQueue, Message


@dataclass(frozen=True)
class QueueState:
    """A queue, when the oldest of what waits came in, and why it does not go out ("" if it does)."""

    queue: GatewayQueue
    oldest_at: datetime | None
    why_waiting: str


def oldest_waiting() -> QuerySet[GatewayQueue]:
    """Return the queues with waiting messages, each with `oldest_at`: when its head message came in."""
    return with_oldest(GatewayQueue.objects.filter(waiting__gt=0))


def with_oldest(queues: QuerySet[GatewayQueue]) -> QuerySet[GatewayQueue]:
    """Give queues `oldest_at`: when the head of their waiting messages came in, None if nothing waits."""
    return queues.annotate(oldest_at=_head_created_at())


def with_key(queues: QuerySet[GatewayQueue]) -> QuerySet[GatewayQueue]:
    """Give queues `has_key`: whether some key signs for their gateway."""
    has_key = Exists(queries.with_active_key(Gateway.objects.filter(pk=OuterRef("gateway"))))
    return queues.annotate(has_key=has_key)


def state_of(gateway: Gateway) -> QueueState:
    """Return how a gateway's queue stands; an empty one where nothing was ever to be sent."""
    found = states(GatewayQueue.objects.filter(pk=gateway.pk))
    return found[0] if found else QueueState(GatewayQueue(gateway=gateway), None, "")


def states(queues: QuerySet[GatewayQueue]) -> list[QueueState]:
    """Return how queues stand, in their order."""
    rows: QuerySet[Any] = with_key(with_oldest(queues.select_related("gateway")))
    return [
        QueueState(row, row.oldest_at, why_waiting(row, has_key=row.has_key) if row.waiting or row.held_at else "")
        for row in rows
    ]


def why_waiting(queue: GatewayQueue, *, has_key: bool) -> str:
    """Say in words why a queue's messages do not go out, or nothing if they do."""
    if queue.held_reason:
        return queue.held_reason
    if queue.gateway.status != Gateway.Status.ACTIVE:
        return f"The gateway is {queue.gateway.get_status_display()}."
    if not has_key:
        return (
            "The gateway has no active key: its key is banned or SEN does not know it yet."
            " Rotate the key and register it."
        )
    return ""


def _head_created_at() -> Subquery:
    waiting = Message.objects.filter(gateway=OuterRef("pk"), state=Message.State.WAITING)
    return Subquery(waiting.order_by("id").values("created_at")[:1])
