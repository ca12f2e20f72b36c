"""Waiting messages for tests of the outbox and the push."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateways.models import Gateway, GatewayType
from ingest import outbox
from ingest.models import GatewayQueue, Message
from tests import factories
from tests.factories import NOW


def filled(count: int = 3, of_type: GatewayType | None = None, *, gateway: Gateway | None = None) -> GatewayQueue:
    """The queue of an active gateway with `count` waiting messages of one point."""
    owner = gateway or factories.active_gateway(of_type)
    system = getattr(owner, "system", None) or factories.system(owner)
    add(owner, system.ders.get().pk, count)
    return GatewayQueue.objects.get(pk=owner.pk)


def add(gateway: Gateway, der_id: int, count: int, now: datetime = NOW) -> None:
    start = Message.objects.filter(gateway=gateway).count()
    messages = [
        Message(
            gateway=gateway,
            der_id=der_id,
            payload=f'{{"{1000 * number}":{{"type":"pv","timestamp":{1000 * number},"W":-{number}}}}}',
            points=1,
            first_ts=now,
            last_ts=now,
            created_at=now,
        )
        for number in range(start, start + count)
    ]
    outbox.enqueue(gateway_id=gateway.pk, messages=messages, now=now)


def waiting(queue: GatewayQueue) -> int:
    """The messages that wait, after a look that the queue counts them right."""
    queue.refresh_from_db()
    assert queue.waiting == Message.objects.filter(gateway=queue.pk, state="waiting").count()
    return queue.waiting


def states(queue: GatewayQueue) -> list[str]:
    return list(Message.objects.filter(gateway=queue.pk).order_by("id").values_list("state", flat=True))


def claim(now: datetime = NOW) -> outbox.Claim:
    (claimed,) = outbox.claim_due(now=now)
    return claimed


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
