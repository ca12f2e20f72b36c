"""What an endpoint is sent next, and what came of it.

A worker claims endpoints with a lease, by a conditional update. A delivery is written down before it is sent and keeps
its id until it is delivered, so an endpoint that gets it again knows it. The cursor moves in the transaction that notes
the success. Sequences of a partner become visible in their order, as whoever records an event holds the partner's lock
until it is committed (`events.record_each`): the cursor never passes one that is still to come.
"""

from __future__ import annotations

import dataclasses
import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection as database
from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value

from gateways import events, queries
from gateways.events import By
from gateways.models import Event
from gateways.vault import VaultError
from ingest import locks
from onboarding.models import WebhookDelivery, WebhookEndpoint
from onboarding.webhooks import calls
from onboarding.webhooks.calls import Call, Kind
from onboarding.webhooks.posting import Reply

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
BATCH = 100
HEARTBEAT = timedelta(minutes=15)
GIVE_UP = timedelta(hours=24)
GAPS_S = (5, 30, 120, 600, 1800, 3600, 7200, 10_800)
"""seconds after the first, second, … failed try; the last one again and again"""
_JITTER = 0.2
COUNTED = 10_000
KEPT_FOR = timedelta(days=30)
PROGRESS = (
    "state", "verified_at", "paused_at", "paused_reason", "cursor", "due_at", "lease", "leased_until", "failures",
    "failing_since", "last_try_at", "last_success_at", "last_error",
)  # fmt: skip
"""all that a try may change: the secrets are sealed anew by others meanwhile"""
_State, _Reason = WebhookEndpoint.State, WebhookEndpoint.Reason


def claim(*, now: datetime, at_most: int) -> list[Call]:
    """Lease endpoints with something to send now, the longest due first; return what to send each of them."""
    lease = uuid.uuid4()
    with transaction.atomic():
        candidates = _due(now).order_by("due_at").values_list("pk", flat=True)[:at_most]
        if database.features.has_select_for_update_skip_locked:
            candidates = candidates.select_for_update(skip_locked=True, of=("self",))
        ours = WebhookEndpoint.objects.filter(locks.free(now), pk__in=list(candidates))
        ours.update(lease=lease, leased_until=now + LEASE)
    leased = WebhookEndpoint.objects.filter(lease=lease).order_by("due_at").values_list("pk", flat=True)
    return [call for pk in leased if (call := _next_call(pk, lease, now))]


@transaction.atomic
def record(call: Call, reply: Reply, *, now: datetime) -> None:
    """Write down what came of a call, and free its endpoint.

    Nothing is written if the lease has lapsed or the endpoint was changed meanwhile: what was sent is sent again.
    """
    endpoint = locking().filter(pk=call.endpoint_id, lease=call.lease).first()
    if endpoint is None:
        return
    error = calls.trouble(call, reply)
    if call.delivery_id:
        _note_delivery(endpoint, call.delivery_id, reply, error, now)
    if error:
        note_failure(endpoint, call.kind, error, gone=reply.status == 410, now=now)
    else:
        note_success(endpoint, call.kind, by="webhooks", now=now)
    endpoint.lease = endpoint.leased_until = None
    endpoint.save(update_fields=PROGRESS)


def note_success(endpoint: WebhookEndpoint, kind: Kind, *, by: By, now: datetime) -> None:
    """Note (unsaved, but for its Event) that an endpoint took what it was sent: what waits goes out at once.

    One that takes heartbeats and refuses a delivery is failing still, and is paused for it in the end.
    """
    if _in_flight(endpoint) is None:
        endpoint.failures, endpoint.failing_since, endpoint.last_error = 0, None, ""
    endpoint.last_success_at = endpoint.last_try_at = endpoint.due_at = now
    if kind is Kind.CHALLENGE:
        endpoint.verified_at = now
        endpoint.state = _State.ACTIVE if endpoint.state == _State.PENDING else endpoint.state
        log_event(endpoint, events.WEBHOOK_VERIFIED, by, now)


def note_failure(endpoint: WebhookEndpoint, kind: Kind, error: str, *, now: datetime, gone: bool = False) -> None:
    """Note (unsaved, but for its Event) that an endpoint failed; after 24 hours of that it is paused.

    A heartbeat that fails does not put off what waits: it is sent beside the tries.
    """
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.last_error, endpoint.last_try_at = error[:300], now
    if kind is not Kind.HEARTBEAT:
        endpoint.failures += 1
        endpoint.due_at = now + gap(endpoint.failures)
    if gone:
        pause(endpoint, _Reason.GONE, by="webhooks", now=now)
    elif now - endpoint.failing_since >= GIVE_UP:
        pause(endpoint, _Reason.FAILING if endpoint.verified_at else _Reason.UNPROVEN, by="webhooks", now=now)


def pause(endpoint: WebhookEndpoint, reason: WebhookEndpoint.Reason, *, by: By, now: datetime) -> None:
    """Pause (unsaved, but for the Event): nothing is sent until somebody resumes."""
    endpoint.state, endpoint.paused_at, endpoint.paused_reason = _State.PAUSED, now, reason
    log_event(endpoint, events.WEBHOOK_PAUSED, by, now, reason=str(reason))


def gap(failures: int) -> timedelta:
    """Return the time until the next try after so many failed ones, up to a fifth more or less."""
    seconds = GAPS_S[min(failures, len(GAPS_S)) - 1]
    return timedelta(seconds=seconds * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  no secret


def pending(endpoint: WebhookEndpoint) -> int:
    """Return how many events wait for an endpoint; 10,000 stands for that many or more."""
    return pending_of([endpoint])[endpoint.pk]


def pending_of(endpoints: Sequence[WebhookEndpoint]) -> dict[int, int]:
    """Return by id how many events wait for each endpoint, counted as `pending` does; one query, one part for each."""
    counts = []
    for one in endpoints:
        waiting = _wanted(one).filter(sequence__gt=one.cursor).values("pk")[:COUNTED]
        counted = Event.objects.filter(pk__in=waiting).order_by().values(of=Value(one.pk)).annotate(n=Count("pk"))
        counts.append(counted.values_list("of", "n"))
    return dict(counts[0].union(*counts[1:], all=True)) if counts else {}


def with_newest(endpoints: QuerySet[WebhookEndpoint]) -> QuerySet[Any]:
    """Give endpoints `newest`: the sequence of their partner's last event."""
    last = Event.objects.filter(partner=OuterRef("partner")).order_by("-sequence").values("sequence")[:1]
    return endpoints.annotate(newest=Subquery(last))


def withdraw(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """Take back the delivery in flight, and (unsaved) the lease: its events go out anew, under another id."""
    endpoint.deliveries.filter(delivered_at=None, withdrawn_at=None).update(withdrawn_at=now)
    endpoint.lease = endpoint.leased_until = None
    endpoint.due_at = now


@transaction.atomic
def forget(*, now: datetime) -> None:
    """Delete deliveries that ended more than 30 days ago, and previous secrets that sign no more."""
    ended = WebhookEndpoint.objects.filter(previous_until__lte=now)
    ended.update(previous_secret="", previous_until=None)  # first: a webhook is locked before its deliveries
    old = WebhookDelivery.objects.filter(created_at__lt=now - KEPT_FOR)
    old.exclude(delivered_at=None, withdrawn_at=None).delete()


def log_event(endpoint: WebhookEndpoint, name: str, by: By, now: datetime, **data: object) -> Event:
    """Record an Event. The host is named and not the whole address, which may hold a secret of the partner's."""
    return events.note(endpoint, name, by, now, host=endpoint.host, **data)


def locking() -> QuerySet[WebhookEndpoint]:
    """Return endpoints, each of which is locked when it is read."""
    return WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("partner")


def _due(now: datetime) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints with something to send: a challenge, events behind the cursor, a heartbeat."""
    due = Q(due_at__lte=now)
    waits = due & Q(newest__gt=F("cursor")) | Q(last_try_at__lte=now - HEARTBEAT)
    rows = with_newest(WebhookEndpoint.objects.all())
    return rows.filter(locks.free(now)).filter(due & Q(state=_State.PENDING) | waits & Q(state=_State.ACTIVE))


@transaction.atomic
def _next_call(pk: int, lease: uuid.UUID, now: datetime) -> Call | None:
    """Write down what a claimed endpoint is sent, and return it; None, and the endpoint free, if that is nothing."""
    endpoint = locking().filter(pk=pk, lease=lease).first()
    if endpoint is None:
        return None
    try:
        call = _choose(endpoint, now)
    except VaultError:
        log.exception("the secret of a webhook does not open", webhook=str(endpoint.uid))
        note_failure(endpoint, Kind.EVENTS, "Its secret does not open: give it another one.", now=now)
        call = None
    if call is None:
        endpoint.lease = endpoint.leased_until = None
    endpoint.save(update_fields=PROGRESS)
    return call and dataclasses.replace(call, lease=lease)


def _choose(endpoint: WebhookEndpoint, now: datetime) -> Call | None:
    if endpoint.state == _State.PENDING:
        return calls.challenge(endpoint, now=now)
    last = queries.last_sequence(endpoint.partner_id)
    if endpoint.due_at <= now and (delivery := _in_flight(endpoint) or _next_delivery(endpoint, last, now)):
        rows = _wanted(endpoint).filter(sequence__range=(delivery.first, delivery.last))
        return calls.of_events(endpoint, delivery.uid, rows, now=now, delivery_id=delivery.pk)
    if endpoint.last_try_at <= now - HEARTBEAT:
        return calls.heartbeat(endpoint, pending=pending(endpoint), last_sequence=last, now=now)
    return None


def _in_flight(endpoint: WebhookEndpoint) -> WebhookDelivery | None:
    return endpoint.deliveries.filter(delivered_at=None, withdrawn_at=None).first()


def _next_delivery(endpoint: WebhookEndpoint, last: int, now: datetime) -> WebhookDelivery | None:
    """Write down the delivery of what follows the cursor; without any that matches, the cursor moves on by itself."""
    behind = _wanted(endpoint).filter(sequence__gt=endpoint.cursor, sequence__lte=last)
    found = list(behind.values_list("sequence", flat=True)[:BATCH])
    if not found:
        endpoint.cursor = last
        return None
    through = found[-1] if len(found) == BATCH else last
    return WebhookDelivery.objects.create(
        endpoint=endpoint, first=found[0], last=through, count=len(found), created_at=now
    )


def _wanted(endpoint: WebhookEndpoint) -> QuerySet[Event]:
    rows = Event.objects.filter(partner=endpoint.partner_id).order_by("sequence")
    return rows if endpoint.names == [WebhookEndpoint.ALL] else rows.filter(name__in=endpoint.names)


def _note_delivery(endpoint: WebhookEndpoint, pk: int, reply: Reply, error: str, now: datetime) -> None:
    delivery = WebhookDelivery.objects.get(pk=pk)
    delivery.attempts += 1
    delivery.http_status, delivery.error, delivery.duration_ms = reply.status, error[:300], reply.duration_ms
    delivery.answer, delivery.last_try_at = excerpt(reply), now
    if not error:
        delivery.delivered_at, endpoint.cursor = now, delivery.last
    delivery.save()


def excerpt(reply: Reply) -> str:
    """Return the beginning of an answer's body as text in one line."""
    return " ".join(reply.body.decode("utf-8", "replace").replace("\0", " ").split())[:300]
