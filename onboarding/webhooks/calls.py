"""What is said to an endpoint: events, a heartbeat, a test or the challenge; and whether its answer is a good one."""

from __future__ import annotations

import enum
import hmac
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from gateways.api.events import EventDocument
from gateways.models import Event
from gateways.vault.fields import sealed_field
from onboarding.models import WebhookEndpoint
from onboarding.webhooks import posting, signing
from onboarding.webhooks.posting import Reply


class Kind(enum.StrEnum):
    EVENTS = "events"
    HEARTBEAT = "heartbeat"
    TEST = "test"
    CHALLENGE = "challenge"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to an endpoint, signed and ready."""

    endpoint_id: int
    kind: Kind
    url: str = field(repr=False)
    sandbox: bool
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    lease: uuid.UUID | None = None
    delivery_id: int | None = None
    responses: frozenset[str] = field(default=frozenset(), repr=False)
    """what a challenge may be answered with"""

    def send(self) -> Reply:
        return posting.post(self.url, self.body, self.headers, sandbox=self.sandbox)


def of_events(endpoint: WebhookEndpoint, uid: uuid.UUID, rows: Iterable[Event], *, now: datetime, **more: Any) -> Call:
    """Return the call that delivers events. Raises VaultError, as do the others."""
    return _call(endpoint, Kind.EVENTS, {"id": str(uid), "events": EventDocument(rows, many=True).data}, now, **more)


def heartbeat(endpoint: WebhookEndpoint, *, pending: int, last_sequence: int, now: datetime) -> Call:
    """Return the call that says we are there, how many events wait (10,000: or more), and how far the log has come."""
    content = _notice(Kind.HEARTBEAT, now, pending_events=pending, last_sequence=last_sequence)
    return _call(endpoint, Kind.HEARTBEAT, content, now)


def test(endpoint: WebhookEndpoint, *, now: datetime) -> Call:
    """Return the call that somebody tries an endpoint with."""
    return _call(endpoint, Kind.TEST, _notice(Kind.TEST, now), now)


def challenge(endpoint: WebhookEndpoint, *, now: datetime) -> Call:
    """Return the call that an endpoint answers only if it knows its secret."""
    text = secrets.token_urlsafe(32)
    right = frozenset(signing.response(text, secret) for secret in valid_secrets(endpoint, now=now))
    return _call(endpoint, Kind.CHALLENGE, {"id": str(uuid.uuid4()), "challenge": text}, now, responses=right)


def trouble(call: Call, reply: Reply) -> str:
    """Return what is wrong with an answer, "" for a good one."""
    if reply.status is None:
        return reply.error
    if 300 <= reply.status < 400:
        return f"HTTP {reply.status}: redirects are not followed."
    if not 200 <= reply.status < 300:
        return f"HTTP {reply.status}"
    if call.kind is Kind.CHALLENGE and not _answers(call, reply.body):
        return "The challenge was not answered with its HMAC under the secret."
    return ""


def valid_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises VaultError."""
    found = [sealed_field(WebhookEndpoint, "secret").unseal(endpoint)]
    if endpoint.previous_until and endpoint.previous_until > now:
        found.append(sealed_field(WebhookEndpoint, "previous_secret").unseal(endpoint))
    return found


def _call(endpoint: WebhookEndpoint, kind: Kind, content: dict[str, Any], now: datetime, **more: Any) -> Call:
    body, timestamp = orjson.dumps(content), int(now.timestamp())
    headers = {
        signing.DELIVERY: content["id"],
        signing.TIMESTAMP: str(timestamp),
        signing.SIGNATURE: signing.signature(body, timestamp=timestamp, secrets=valid_secrets(endpoint, now=now)),
    }
    sandbox = endpoint.partner.is_sandbox
    return Call(
        endpoint_id=endpoint.pk, kind=kind, url=endpoint.url, sandbox=sandbox, body=body, headers=headers, **more
    )


def _notice(kind: Kind, now: datetime, **data: Any) -> dict[str, Any]:
    """Return what looks like a delivery and is no event of the log: it has no sequence."""
    at = now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"id": str(uuid.uuid4()), "events": [{"name": f"webhook.{kind}", "at": at, "data": data}]}


def _answers(call: Call, body: bytes) -> bool:
    try:
        said = orjson.loads(body)["response"].encode()
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return any(hmac.compare_digest(said, right.encode()) for right in call.responses)
