"""The worker's round: claim, send, record, side by side, so that one slow endpoint holds up no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from gateways.events import By
from onboarding.models import WebhookEndpoint
from onboarding.webhooks import calls, deliveries, endpoints
from onboarding.webhooks.calls import Call, Kind
from onboarding.webhooks.posting import Reply

log = structlog.get_logger(__name__)

_AT_ONCE = 16
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True)
class Trial:
    """What came of a test call."""

    sent: Kind
    reply: Reply
    error: str

    @property
    def status(self) -> str:
        return "failure" if self.error else "success"


def deliver_due(*, clock: Callable[[], datetime], until: float) -> int:
    """Send what is due until nothing is, or until `until` (time.monotonic); return how many requests that were.

    Threads send; the database is this thread's business. What dies here is sent again when its lease lapses.
    """
    sent = 0
    under_way: dict[Future[Reply], Call] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as pool:
        while True:
            room = _AT_ONCE - len(under_way) if time.monotonic() < until else 0
            for call in deliveries.claim(now=clock(), at_most=room) if room else ():
                under_way[pool.submit(call.send)] = call
                sent += 1
            if not under_way:
                return sent
            for done in wait(under_way, _LOOK_AGAIN_S, FIRST_COMPLETED).done:
                deliveries.record(under_way.pop(done), _reply_of(done), now=clock())


def try_out(*, endpoint: WebhookEndpoint, by: By, now: datetime) -> Trial:
    """Send an endpoint a test call, or the challenge it has still to answer, and return what came of it.

    One that we paused goes on after a good answer; one that was paused by hand stays so. Raises VaultError.
    """
    make = calls.test if endpoint.verified_at else calls.challenge
    call = make(endpoint, now=now)
    reply = call.send()
    error = calls.trouble(call, reply)
    if not error:
        _note_success(endpoint, call, by, now)
    return Trial(call.kind, reply, error)


def _reply_of(done: Future[Reply]) -> Reply:
    try:
        return done.result()
    except Exception:  # whatever one endpoint brings about, the others get their events
        log.exception("a webhook could not be sent")
        return Reply(None, error="This is our fault. We have been told.")


@transaction.atomic
def _note_success(endpoint: WebhookEndpoint, call: Call, by: By, now: datetime) -> None:
    """Note it, unless the address was changed while the call was under way: then it says nothing of the new one."""
    row = deliveries.locking().filter(pk=endpoint.pk, url=call.url).first()
    if row is None or (call.kind is Kind.CHALLENGE and row.verified_at):
        return
    deliveries.note_success(row, call.kind, by=by, now=now)
    if row.state == row.State.PAUSED and row.paused_reason != row.Reason.BY_HAND:
        endpoints.go_on(row, by=by, now=now)
    row.save(update_fields=deliveries.PROGRESS)
