"""The outbox: what waits for SEN, who works on it, what is held and why.

A worker claims whole gateway queues with a lease, by a conditional update. Whatever happens to the worker, its queues
are free again when the lease lapses, and what it sent without recording is sent again: delivery is at least once, and
the point key (gateway, sn, timestamp) lets SEN recognize a repeat.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When

from gateways import events, queries
from gateways.events import By
from gateways.models import Gateway
from ingest import minutes, tallies
from ingest.models import Attempt, GatewayQueue, Message, Tally
from ingest.sen.errors import DELIVERED, Answer, SenError, SenThrottled

LEASE = timedelta(seconds=45)
MAX_QUEUES = 1000
BATCH = 4000
MAX_AGE = timedelta(hours=72)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 256.0
_State = Message.State


@dataclass(slots=True)
class Waiting:
    """One message on its way out."""

    id: int
    der_id: int
    payload: str


@dataclass(slots=True)
class Claim:
    """A gateway's queue that this worker may work on until the lease ends, with its oldest messages."""

    gateway_id: int
    lease: uuid.UUID
    failures: int
    messages: Sequence[Waiting] = ()


@dataclass(slots=True)
class Outcome:
    """What became of a claim: filled in by the push, written down by `record`."""

    claim: Claim
    delivered: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    tries: list[tuple[str, float]] = field(default_factory=list)  # (outcome, seconds)
    problem: type[SenError] | None = None
    error: str = ""
    retry_after_s: float | None = None
    held_reason: str = ""


def enqueue(*, gateway_id: int, messages: Sequence[Message], now: datetime) -> None:
    """Put messages of a gateway behind those that wait; part of the caller's transaction."""
    if not messages:
        return
    GatewayQueue.objects.get_or_create(gateway_id=gateway_id, defaults={"due_at": now})
    Message.objects.bulk_create(messages, batch_size=500)
    _add_waiting(gateway_id, len(messages), now)


def claimable(now: datetime) -> QuerySet[GatewayQueue]:
    """Return the queues with something to send now: due, not held, not leased, gateway active, a key to sign with."""
    ready = queries.with_active_key(Gateway.objects.filter(status=Gateway.Status.ACTIVE))
    return GatewayQueue.objects.filter(
        _free(now), waiting__gt=0, held_at__isnull=True, due_at__lte=now, gateway__in=ready
    )


@transaction.atomic
def claim_due(*, now: datetime, gateway_id: int | None = None) -> list[Claim]:
    """Lease queues that are due, the longest due first, and fetch the oldest messages of each."""
    due = claimable(now) if gateway_id is None else claimable(now).filter(pk=gateway_id)
    candidates = due.order_by("due_at").values_list("pk", flat=True)[:MAX_QUEUES]
    if database.features.has_select_for_update_skip_locked:
        candidates = candidates.select_for_update(skip_locked=True, of=("self",))
    lease = uuid.uuid4()
    GatewayQueue.objects.filter(_free(now), pk__in=list(candidates)).update(lease=lease, leased_until=now + LEASE)
    rows = GatewayQueue.objects.filter(lease=lease).order_by("due_at").values_list("pk", "failures")
    claims = {pk: Claim(pk, lease, failures) for pk, failures in rows}
    messages = _oldest(list(claims), max(1, BATCH // len(claims))) if claims else {}
    for pk, claim in claims.items():
        claim.messages = messages.get(pk, ())
    return list(claims.values())


@transaction.atomic
def record(outcomes: Iterable[Outcome], *, vendors: dict[int, str], now: datetime) -> int:
    """Write down what became of claims and free their queues; return how many messages were delivered.

    A claim whose lease has lapsed is passed over: whoever has the queue now sends the same messages again.
    `vendors` gives the vendor of each gateway, for the counters.
    """
    by_gateway = {outcome.claim.gateway_id: outcome for outcome in outcomes}
    leases = {outcome.claim.lease for outcome in by_gateway.values()}
    ours = GatewayQueue.objects.select_for_update().filter(pk__in=list(by_gateway), lease__in=leases)
    mine = [by_gateway[pk] for pk in ours.order_by("pk").values_list("pk", flat=True)]
    delivered = [message for outcome in mine for message in outcome.delivered]
    Message.objects.filter(pk__in=delivered).update(state=_State.DELIVERED, done_at=now)
    for outcome in mine:
        for message, reason in outcome.refused:
            Message.objects.filter(pk=message).update(state=_State.HELD, held_reason=reason[:500], done_at=now)
    Attempt.objects.bulk_create([attempt for outcome in mine for attempt in outcome.attempts])
    _free_queues(mine, now)
    tries = [(vendors.get(o.claim.gateway_id, ""), name, seconds) for o in mine for name, seconds in o.tries]
    tallies.add(Tally.Kind.PUSH, tries)
    minutes.add({o.claim.gateway_id: len(o.delivered) for o in mine if o.delivered}, now=now)
    return len(delivered)


@transaction.atomic
def hold_queue(*, gateway: Gateway, reason: str, by: By, now: datetime) -> None:
    """Hold a gateway's queue until somebody releases it."""
    GatewayQueue.objects.filter(pk=gateway.pk).update(held_at=now, held_reason=reason[:500])
    _record_event(gateway, events.QUEUE_HELD, by, now, reason=reason)


@transaction.atomic
def release_queue(*, gateway: Gateway, by: By, now: datetime) -> bool:
    """Let a held queue go on; return False if it was not held."""
    changed = GatewayQueue.objects.filter(pk=gateway.pk, held_at__isnull=False).update(
        held_at=None, held_reason="", failures=0, due_at=now
    )
    if changed:
        _record_event(gateway, events.QUEUE_RELEASED, by, now)
    return bool(changed)


def push_soon(*, gateway: Gateway, now: datetime) -> bool:
    """Try a queue at once that waits after a failure; return False if nothing waits or it is held."""
    waiting = GatewayQueue.objects.filter(pk=gateway.pk, waiting__gt=0, held_at__isnull=True)
    return bool(waiting.update(due_at=now))


@transaction.atomic
def retry_message(*, message: Message, by: By, now: datetime) -> bool:
    """Put a held message back into its queue, at its old place; return False if it was not held."""
    changed = Message.objects.filter(pk=message.pk, state=_State.HELD).update(
        state=_State.WAITING, held_reason="", done_at=None, created_at=now
    )
    if changed:
        _add_waiting(message.gateway_id, 1, now)
        _record_event(message.gateway, events.MESSAGE_RETRIED, by, now, message=message.pk)
    return bool(changed)


@transaction.atomic
def hold_expired(*, now: datetime) -> int:
    """Hold messages that could not be delivered for 72 hours, with that as the reason; return how many."""
    failing = claimable(now).filter(failures__gt=0)
    count = 0
    for queue in failing.select_for_update(of=("self",)):
        old = Message.objects.filter(gateway=queue.gateway_id, state=_State.WAITING, created_at__lt=now - MAX_AGE)
        reason = f"Not delivered within 72 hours. Last error: {queue.last_error}"[:500]
        held = old.update(state=_State.HELD, held_reason=reason, done_at=now)
        GatewayQueue.objects.filter(pk=queue.pk).update(waiting=F("waiting") - held)
        count += held
    return count


def release_rekeyed(*, now: datetime) -> int:
    """Release queues that SEN's 401 or 403 held, if their gateway has got another key since; return how many."""
    held = GatewayQueue.objects.filter(held_at__isnull=False).select_related(
        "gateway__gateway_type", "gateway__partner"
    )
    count = 0
    for queue in held:
        key = queries.active_key(queue.gateway)
        if key and queue.held_at and key.registered_at and key.registered_at > queue.held_at:
            count += release_queue(gateway=queue.gateway, by="sweep", now=now)
    return count


def oldest_waiting() -> QuerySet[GatewayQueue]:
    """Return the queues with waiting messages, each with `oldest_at`: when its head message came in."""
    return with_oldest(GatewayQueue.objects.filter(waiting__gt=0))


def with_oldest(queues: QuerySet[GatewayQueue]) -> QuerySet[GatewayQueue]:
    """Give queues `oldest_at`: when the head of their waiting messages came in, None if nothing waits."""
    head = Message.objects.filter(gateway=OuterRef("pk"), state=_State.WAITING).order_by("id").values("created_at")
    return queues.annotate(oldest_at=Subquery(head[:1]))


def why_waiting(queue: GatewayQueue, *, has_key: bool) -> str:
    """Say in words why a queue's messages do not go out, or nothing if they do."""
    if queue.held_reason:
        return queue.held_reason
    if queue.gateway.status != Gateway.Status.ACTIVE:
        return f"The gateway is {queue.gateway.get_status_display()}."
    if not has_key:
        return "The gateway has no active key: its key is banned or SEN does not know it yet. Rotate the key and register it."
    return ""


def backoff_s(failures: int) -> float:
    """Return the seconds until the next try after `failures` failed ones: full jitter, 1 s doubling to 256 s."""
    return random.uniform(0, min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(failures, 10)))  # noqa: S311  no secret


def _free(now: datetime) -> Q:
    return Q(lease__isnull=True) | Q(leased_until__lt=now)


def _add_waiting(gateway_id: int, count: int, now: datetime) -> None:
    GatewayQueue.objects.filter(pk=gateway_id).update(
        waiting=F("waiting") + count, due_at=Case(When(waiting=0, then=Value(now)), default=F("due_at"))
    )


def _free_queues(mine: list[Outcome], now: datetime) -> None:
    """Update the queues: those that went well in a few statements, the others one by one."""
    well: dict[int, list[int]] = defaultdict(list)
    for outcome in mine:
        done = len(outcome.delivered) + len(outcome.refused)
        if outcome.problem is None and not outcome.held_reason and not outcome.refused:
            well[done].append(outcome.claim.gateway_id)
        else:
            _free_troubled(outcome, done, now)
    for done, gateway_ids in well.items():
        delivery = {"failures": 0, "last_delivered_at": now} if done else {}
        GatewayQueue.objects.filter(pk__in=gateway_ids).update(
            waiting=F("waiting") - done,
            delivered=F("delivered") + done,
            lease=None,
            leased_until=None,
            due_at=now,
            **delivery,
        )


def _free_troubled(outcome: Outcome, done: int, now: datetime) -> None:
    queue = GatewayQueue.objects.get(pk=outcome.claim.gateway_id)
    queue.waiting -= done
    queue.delivered += len(outcome.delivered)
    queue.lease = queue.leased_until = None
    queue.last_error, queue.last_error_at = outcome.error[:500], now
    if outcome.delivered:
        queue.failures, queue.last_delivered_at = 0, now
    if outcome.problem is not None:
        queue.failures += 1
        queue.due_at = now + timedelta(seconds=_delay_s(outcome, queue.failures))
    queue.save()
    if outcome.held_reason:
        hold_queue(gateway=queue.gateway, reason=outcome.held_reason, by="push", now=now)
    for message, reason in outcome.refused:
        _record_event(queue.gateway, events.MESSAGE_HELD, "push", now, message=message, reason=reason[:200])


def _delay_s(outcome: Outcome, failures: int) -> float:
    if outcome.retry_after_s is not None:
        return outcome.retry_after_s
    if outcome.problem is SenThrottled:
        return max(1.0, backoff_s(failures))
    return backoff_s(failures)


def _oldest(gateway_ids: list[int], limit: int) -> dict[int, list[Waiting]]:
    """Fetch the oldest `limit` waiting messages of each gateway."""
    found: dict[int, list[Waiting]] = defaultdict(list)
    if database.vendor == "postgresql":
        sql = """
            SELECT q.id, m.id, m.der_id, m.payload FROM unnest(%s::bigint[]) AS q(id) CROSS JOIN LATERAL (
                SELECT id, der_id, payload FROM ingest_message
                WHERE gateway_id = q.id AND state = 'waiting' ORDER BY id LIMIT %s) AS m"""
        with database.cursor() as cursor:
            cursor.execute(sql, [gateway_ids, limit])
            for gateway_id, message_id, der_id, payload in cursor.fetchall():
                found[gateway_id].append(Waiting(message_id, der_id, payload))
        return found
    for gateway_id in gateway_ids:
        waiting = Message.objects.filter(gateway=gateway_id, state=_State.WAITING).order_by("id")
        found[gateway_id] = [Waiting(*row) for row in waiting.values_list("id", "der_id", "payload")[:limit]]
    return found


def _record_event(gateway: Gateway, name: str, by: By, now: datetime, **data: object) -> None:
    events.record(partner=gateway.partner, name=name, subject=f"gateway:{gateway.serial}", by=by, now=now, data=data)
