"""Claim → sign → send → record: how waiting messages reach SEN."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings

from gateways import queries, vault
from gateways.models import Gateway
from ingest import bulk, outbox, sen
from ingest.models import Attempt, Der
from ingest.outbox import Claim, Outcome
from ingest.sen import client, envelope, errors

log = structlog.get_logger(__name__)

# A batch ends well before its lease: what is then under way has its time-out left, and recording takes time too.
_BATCH_S = outbox.LEASE.total_seconds() - 15


@dataclass(slots=True)
class _Sender:
    """What all messages of one gateway are sent with."""

    serial: str
    environment: str
    model: str
    dtype: str
    signer: vault.Signer | None = None
    trouble: str = ""


def push_due(*, clock: Callable[[], datetime], until: float, gateway_id: int | None = None) -> int:
    """Send what is due, batch by batch, until nothing is or `until` (time.monotonic) has come.

    Returns how many messages were delivered. Answers other than 200 are written down, never raised.
    """
    delivered = 0
    while time.monotonic() < until:
        claims = outbox.claim_due(now=clock(), gateway_id=gateway_id)
        if not any(claim.messages for claim in claims):
            _note_empty(claims, clock)
            break
        delivered += _push_batch(claims, clock=clock, until=min(until, time.monotonic() + _BATCH_S))
    return delivered


def _note_empty(claims: list[Claim], clock: Callable[[], datetime]) -> None:
    """Give back queues that count messages they do not have; only a change behind the outbox's back can make one."""
    if claims:
        log.error("queues count messages they do not have", gateways=[claim.gateway_id for claim in claims])
        outbox.record([Outcome(claim) for claim in claims], vendors={}, now=clock())


def _push_batch(claims: list[Claim], *, clock: Callable[[], datetime], until: float) -> int:
    senders = _senders([claim.gateway_id for claim in claims])
    serials = _serials({message.der_id for claim in claims for message in claim.messages})
    outcomes = [Outcome(claim) for claim in claims]
    lanes: dict[str, list[client.Lane]] = {}
    for outcome in outcomes:
        sender = senders[outcome.claim.gateway_id]
        lanes.setdefault(sender.environment, []).append(_lane(outcome, sender, serials, clock))
    for environment, of_environment in lanes.items():
        _poster(sen.data_url(environment)).run(of_environment, until=until)
    count = outbox.record(outcomes, vendors=_vendors(claims), now=clock())
    log.info("pushed", queues=len(claims), delivered=count)
    return count


def _lane(outcome: Outcome, sender: _Sender, serials: dict[int, str], clock: Callable[[], datetime]) -> client.Lane:
    """Send a gateway's messages one after the other; stop at the first that has to wait."""
    if sender.signer is None:
        outcome.held_reason, outcome.error = sender.trouble, sender.trouble
        return
    for message in outcome.claim.messages:
        try:
            token = envelope.encode(
                device=sender.serial, operation=sen.operation(sender.environment), model=sender.model,
                dtype=sender.dtype, sn=serials[message.der_id], payload=message.payload, signer=sender.signer,
            )  # fmt: skip
        except vault.VaultError as error:
            outcome.held_reason = outcome.error = _vault_trouble(sender, error)
            return
        answer = yield token
        problem = errors.problem_with(answer)
        outcome.tries.append((problem.outcome if problem else errors.DELIVERED, answer.duration_s))
        if problem is None:
            outcome.delivered.append(message.id)
            continue
        _note_problem(outcome, message, answer, problem, clock())
        if problem is not errors.SenRefused:
            return


def _note_problem(
    outcome: Outcome, message: bulk.Waiting, answer: errors.Answer, problem: type[errors.SenError], at: datetime
) -> None:
    outcome.error = str(answer)
    outcome.attempts.append(
        Attempt(
            message_id=message.id, at=at, outcome=problem.outcome, status=answer.status,
            body=str(answer)[:500], duration_ms=round(answer.duration_s * 1000),
        )
    )  # fmt: skip
    if problem is errors.SenRefused:
        outcome.refused.append((message.id, f"SEN answered {answer}"))
    elif problem is errors.SenUnauthorized:
        outcome.held_reason = f"SEN answered {answer}. {problem.next_step}"
    else:
        outcome.problem, outcome.retry_after_s = problem, answer.retry_after_s


def _senders(gateway_ids: list[int]) -> dict[int, _Sender]:
    rows = Gateway.objects.filter(pk__in=gateway_ids).values_list(
        "pk", "serial", "partner__environment", "gateway_type__model", "gateway_type__dtype"
    )
    senders = {pk: _Sender(serial, environment, model, dtype) for pk, serial, environment, model, dtype in rows}
    keys = queries.active_keys(gateway_ids)
    for pk, sender in senders.items():
        if pk not in keys:
            sender.trouble = "The gateway lost its active key while its queue was being sent. Rotate the key."
            continue
        public_key, uri = keys[pk]
        try:
            sender.signer = vault.signer_for(uri, public_key)
        except vault.VaultError as error:
            sender.trouble = _vault_trouble(sender, error)
    return senders


def _vault_trouble(sender: _Sender, error: vault.VaultError) -> str:
    log.error("vault cannot sign", gateway=sender.serial, error=str(error))
    return f"The vault cannot sign: {error}"


def _serials(der_ids: set[int]) -> dict[int, str]:
    return dict(Der.objects.filter(pk__in=der_ids).values_list("pk", "sn"))


def _vendors(claims: list[Claim]) -> dict[int, str]:
    gateways = Gateway.objects.filter(pk__in=[claim.gateway_id for claim in claims], system__isnull=False)
    return dict(gateways.values_list("pk", "system__connection__vendor"))


_threads = threading.local()


def _poster(url: str) -> client.Poster:
    """Return this thread's poster for a URL; its connections stay open between batches."""
    if not hasattr(_threads, "poster_for"):
        _threads.poster_for = functools.cache(_new_poster)
    poster: client.Poster = _threads.poster_for(url)
    return poster


def _new_poster(url: str) -> client.Poster:
    return client.Poster(
        url, user_agent=settings.USER_AGENT, proxy=settings.OUTGOING_PROXY, ca_bundle=settings.OUTGOING_CA_BUNDLE
    )
