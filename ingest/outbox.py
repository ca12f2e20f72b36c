"""The outbox: what waits for SEN, who works on it, what is held and why.

A worker claims whole gateway queues with a lease, by a conditional update. Whatever happens to the worker, its queues
are free again when the lease lapses, and what it sent without recording is sent again: delivery is at least once, and
the point key (gateway, sn, timestamp) lets SEN recognize a repeat.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from gateways import events, queries
from gateways.events import By
from gateways.models import Gateway, GatewayKey
from ingest import bulk, locks, minutes, queues, tallies
from ingest.models import Attempt, GatewayQueue, Message, Tally
from ingest.sen.errors import SenError, SenThrottled

LEASE = timedelta(seconds=45)
MAX_QUEUES = 250  # A queue costs a batch as much as two messages do: better more messages of fewer queues.
BATCH = 4000
MAX_AGE = timedelta(hours=72)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 256.0
_State = Message.State


@dataclass(slots=True)
class Claim:
    """A gateway's queue that this worker may work on until the lease ends, with its oldest messages."""

    gateway_id: int
    lease: uuid.UUID
    failures: int
    messages: Sequence[bulk.Waiting] = ()


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


@transaction.atomic(savepoint=False)  # a message must not be seen before it is counted
def enqueue(*, gateway_id: int, messages: Sequence[Message], now: datetime) -> None:
    """Put messages of a gateway behind those that wait; part of the caller's transaction."""
    if not messages:
        return
    bulk.insert(messages)
    if not _add_waiting(gateway_id, len(messages), now):  # the gateway's first
        GatewayQueue.objects.get_or_create(gateway_id=gateway_id, defaults={"due_at": now})
        _add_waiting(gateway_id, len(messages), now)


def claimable(now: datetime) -> QuerySet[GatewayQueue]:
    """Return the queues with something to send now: due, not held, not leased, gateway active, a key to sign with."""
    ready = queries.with_active_key(Gateway.objects.filter(status=Gateway.Status.ACTIVE))
    return GatewayQueue.objects.filter(
        locks.free(now), waiting__gt=0, held_at__isnull=True, due_at__lte=now, gateway__in=ready
    )


@transaction.atomic
def claim_due(*, now: datetime, gateway_id: int | None = None) -> list[Claim]:
    """Lease queues that are due, the longest due first, and fetch the oldest messages of each."""
    due = claimable(now) if gateway_id is None else claimable(now).filter(pk=gateway_id)
    candidates = due.order_by("due_at").values_list("pk", flat=True)[:MAX_QUEUES]
    if database.features.has_select_for_update_skip_locked:
        candidates = candidates.select_for_update(skip_locked=True, of=("self",))
    lease = uuid.uuid4()
    GatewayQueue.objects.filter(locks.free(now), pk__in=list(candidates)).update(lease=lease, leased_until=now + LEASE)
    rows = GatewayQueue.objects.filter(lease=lease).order_by("due_at").values_list("pk", "failures")
    claims = {pk: Claim(pk, lease, failures) for pk, failures in rows}
    messages = bulk.oldest(list(claims), max(1, BATCH // len(claims))) if claims else {}
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
    _mark_delivered(delivered, now)
    for reason, refused in _by_reason(mine).items():
        Message.objects.filter(pk__in=refused).update(state=_State.HELD, held_reason=reason[:500], done_at=now)
    Attempt.objects.bulk_create([attempt for outcome in mine for attempt in outcome.attempts])
    _free_queues(mine, now)
    _record_holds(mine, now)
    tries = [(vendors.get(o.claim.gateway_id, ""), name, seconds) for o in mine for name, seconds in o.tries]
    tallies.add(Tally.Kind.PUSH, tries)
    minutes.add({o.claim.gateway_id: len(o.delivered) for o in mine if o.delivered}, now=now)
    return len(delivered)


@transaction.atomic
def hold_queue(*, gateway: Gateway, reason: str, by: By, now: datetime) -> None:
    """Hold a gateway's queue until somebody releases it, also where nothing was ever to be sent yet."""
    GatewayQueue.objects.get_or_create(gateway=gateway, defaults={"due_at": now})
    GatewayQueue.objects.filter(pk=gateway.pk).update(held_at=now, held_reason=reason[:500], held_by_push=False)
    events.note(gateway, events.QUEUE_HELD, by, now, reason=reason)


@transaction.atomic
def release_queue(*, gateway: Gateway, by: By, now: datetime) -> bool:
    """Let a held queue go on; return False if it was not held."""
    changed = GatewayQueue.objects.filter(pk=gateway.pk, held_at__isnull=False).update(
        held_at=None, held_reason="", held_by_push=False, failures=0, due_at=now
    )
    if changed:
        events.note(gateway, events.QUEUE_RELEASED, by, now)
    return bool(changed)


def push_soon(*, gateway: Gateway, now: datetime) -> bool:
    """Try a queue at once that waits after a failure; return False if nothing waits or it is held."""
    waiting = GatewayQueue.objects.filter(pk=gateway.pk, waiting__gt=0, held_at__isnull=True)
    return bool(waiting.update(due_at=now))


@transaction.atomic
def retry_message(*, message: Message, by: By, now: datetime) -> bool:
    """Put a held message back into its queue, at its old place; return False if it was not held."""
    GatewayQueue.objects.select_for_update().filter(pk=message.gateway_id).first()  # before its messages, as `withdraw`
    changed = Message.objects.filter(pk=message.pk, state=_State.HELD).update(
        state=_State.WAITING, held_reason="", done_at=None, created_at=now
    )
    if changed:
        _add_waiting(message.gateway_id, 1, now)
        events.note(message.gateway, events.MESSAGE_RETRIED, by, now, message=message.pk)
    return bool(changed)


@transaction.atomic
def withdraw(*, gateway: Gateway, kinds: Collection[str] = ()) -> int:
    """Delete what has not been delivered yet, of all DERs or of those of some kinds; return how many that were.

    A worker that has the queue at this moment may still send what it claimed, and cannot record it any more.
    """
    queue = GatewayQueue.objects.select_for_update().filter(pk=gateway.pk).first()
    if queue is None:
        return 0
    undelivered = Message.objects.filter(gateway=gateway, state__in=[_State.WAITING, _State.HELD])
    if kinds:
        undelivered = undelivered.filter(der__kind__in=kinds)
    waiting = undelivered.filter(state=_State.WAITING).count()
    _, deleted = undelivered.delete()
    GatewayQueue.objects.filter(pk=gateway.pk).update(waiting=F("waiting") - waiting, lease=None, leased_until=None)
    return deleted.get(Message._meta.label, 0)


@transaction.atomic
def hold_undeliverable(*, now: datetime) -> int:
    """Hold what keeps failing for 72 hours, and what a gateway that was released leaves behind; return how many."""
    released = Q(gateway__status=Gateway.Status.RELEASED)
    failing = Q(failures__gt=0, held_at=None, oldest_at__lt=now - MAX_AGE)
    idle = GatewayQueue.objects.filter(locks.free(now), waiting__gt=0).select_for_update(of=("self",)).order_by("pk")
    stuck: QuerySet[Any] = queues.with_oldest(idle).filter(released | failing).select_related("gateway")
    held = 0
    for queue in stuck:
        if queue.gateway.status == Gateway.Status.RELEASED:
            held += _hold_waiting(queue, "The gateway was released before this was delivered.", now)
        else:
            reason = f"Not delivered within 72 hours. Last error: {queue.last_error}"
            held += _hold_waiting(queue, reason, now, created_at__lt=now - MAX_AGE)
    return held


def release_rekeyed(*, now: datetime) -> int:
    """Release queues that SEN's 401 or 403 held, if their gateway has got another key since; return how many."""
    keys = GatewayKey.objects.filter(state=GatewayKey.State.ACTIVE, registered_at__gt=OuterRef("held_at"))
    newer = keys.filter(Q(gateway=OuterRef("pk")) | Q(gateway_type=OuterRef("gateway__gateway_type")))
    count = 0
    for queue in GatewayQueue.objects.filter(Exists(newer), held_by_push=True).select_related("gateway__partner"):
        key = queries.active_key(queue.gateway)  # a gateway's own old key goes before a newer one of its type
        if key and queue.held_at and key.registered_at and key.registered_at > queue.held_at:
            count += release_queue(gateway=queue.gateway, by="sweep", now=now)
    return count


def backoff_s(failures: int) -> float:
    """Return the seconds until the next try after `failures` failed ones: full jitter, 1 s doubling to 256 s."""
    return random.uniform(0, min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(failures, 10)))  # noqa: S311  no secret


def _add_waiting(gateway_id: int, count: int, now: datetime) -> int:
    return GatewayQueue.objects.filter(pk=gateway_id).update(
        waiting=F("waiting") + count, due_at=Case(When(waiting=0, then=Value(now)), default=F("due_at"))
    )


def _free_queues(mine: list[Outcome], now: datetime) -> None:
    """Update the queues: those that went well in a few statements, the others in one."""
    well: dict[int, list[int]] = defaultdict(list)
    troubled: dict[int, Outcome] = {}
    for outcome in mine:
        if outcome.error:
            troubled[outcome.claim.gateway_id] = outcome
        else:
            well[len(outcome.delivered)].append(outcome.claim.gateway_id)
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
    queues = list(GatewayQueue.objects.filter(pk__in=troubled))
    for queue in queues:
        _note_trouble(queue, troubled[queue.pk], now)
    GatewayQueue.objects.bulk_update(queues, _TROUBLE, batch_size=200)


_TROUBLE = (
    "waiting", "delivered", "lease", "leased_until", "due_at", "failures", "last_delivered_at", "last_error_at",
    "last_error", "held_at", "held_reason", "held_by_push",
)  # fmt: skip


def _note_trouble(queue: GatewayQueue, outcome: Outcome, now: datetime) -> None:
    queue.waiting -= len(outcome.delivered) + len(outcome.refused)
    queue.delivered += len(outcome.delivered)
    queue.lease = queue.leased_until = None
    queue.last_error, queue.last_error_at = outcome.error[:500], now
    if outcome.delivered:
        queue.failures, queue.last_delivered_at = 0, now
    if outcome.problem is not None:
        queue.failures += 1
        queue.due_at = now + timedelta(seconds=_delay_s(outcome, queue.failures))
    if outcome.held_reason and queue.held_at is None:
        queue.held_at, queue.held_reason, queue.held_by_push = now, outcome.held_reason[:500], True


def _record_holds(mine: list[Outcome], now: datetime) -> None:
    """Write the events of what is held, partner by partner: two workers take the partners' locks in the same order."""
    holding = {o.claim.gateway_id: o for o in mine if o.held_reason or o.refused}
    for gateway in Gateway.objects.filter(pk__in=holding).select_related("partner").order_by("partner", "pk"):
        outcome = holding[gateway.pk]
        if outcome.held_reason:
            events.note(gateway, events.QUEUE_HELD, "push", now, reason=outcome.held_reason)
        if outcome.refused:
            refused = [{"message": message, "reason": reason[:200]} for message, reason in outcome.refused]
            entries = [(gateway.event_subject, data) for data in refused]
            events.record_each(partner=gateway.partner, name=events.MESSAGE_HELD, entries=entries, by="push", now=now)


def _mark_delivered(messages: list[int], now: datetime) -> None:
    if database.vendor != "postgresql":
        Message.objects.filter(pk__in=messages).update(state=_State.DELIVERED, done_at=now)
        return
    with database.cursor() as cursor:
        # One array: to write thousands of parameters into the statement takes longer than to carry it out.
        cursor.execute(
            "UPDATE ingest_message SET state = 'delivered', done_at = %s WHERE id = ANY(%s)", [now, messages]
        )


def _by_reason(mine: list[Outcome]) -> dict[str, list[int]]:
    messages: dict[str, list[int]] = defaultdict(list)
    for outcome in mine:
        for message, reason in outcome.refused:
            messages[reason].append(message)
    return messages


def _hold_waiting(queue: GatewayQueue, reason: str, now: datetime, **which: datetime) -> int:
    """Hold waiting messages of a locked queue. Whoever had it before its lease lapsed cannot record any more."""
    waiting = Message.objects.filter(gateway=queue.pk, state=_State.WAITING, **which)
    held = waiting.update(state=_State.HELD, held_reason=reason[:500], done_at=now)
    GatewayQueue.objects.filter(pk=queue.pk).update(waiting=F("waiting") - held, lease=None, leased_until=None)
    return held


def _delay_s(outcome: Outcome, failures: int) -> float:
    if outcome.retry_after_s is not None:
        return outcome.retry_after_s
    if outcome.problem is SenThrottled:
        return max(1.0, backoff_s(failures))
    return backoff_s(failures)
