"""The one way to write an Event, and the names of all events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from gateways.models import Event, Partner

GATEWAY_CREATED = "gateway.created"
GATEWAY_REGISTERED = "gateway.registered"
GATEWAY_WALLET_NAMED = "gateway.wallet_named"
GATEWAY_OWNED = "gateway.owned"
GATEWAY_LOCATED = "gateway.located"
GATEWAY_ACTIVATED = "gateway.activated"
GATEWAY_SUSPENDED = "gateway.suspended"
GATEWAY_RESUMED = "gateway.resumed"
GATEWAY_RELEASED = "gateway.released"
GATEWAY_SHARING_CHANGED = "gateway.sharing_changed"
GATEWAY_TYPE_CREATED = "gateway_type.created"
GATEWAY_TYPE_MADE_GLOBAL = "gateway_type.made_global"
KEY_CREATED = "key.created"
KEY_ACTIVATED = "key.activated"
KEY_RETIRED = "key.retired"
KEY_BANNED = "key.banned"
CLIENT_CREATED = "client.created"
CLIENT_CHANGED = "client.changed"
CLIENT_SECRET_RENEWED = "client.secret_renewed"  # noqa: S105  the name of an event
CLIENT_DISABLED = "client.disabled"
GRANT_GIVEN = "grant.given"
GRANT_ENDED = "grant.ended"
CREDENTIAL_CREATED = "credential.created"
CREDENTIAL_RENEWED = "credential.renewed"
CREDENTIAL_REVEALED = "credential.revealed"
CONNECTION_CREATED = "connection.created"
CONNECTION_APPROVED = "connection.approved"
CONNECTION_REJECTED = "connection.rejected"
CONNECTION_NEEDS_RECONNECT = "connection.needs_reconnect"
CONNECTION_RECOVERED = "connection.recovered"
CONNECTION_PAUSED = "connection.paused"
CONNECTION_RESUMED = "connection.resumed"
CONNECTION_DISCONNECTED = "connection.disconnected"
CONNECTION_REVOKED = "connection.revoked"
CONNECTION_WITHHELD = "connection.withheld"
CONNECTION_PART_LOST = "connection.part_lost"
CONNECTION_PART_BACK = "connection.part_back"
INVITATION_MADE = "invitation.made"
INVITATION_RENEWED = "invitation.renewed"
INVITATION_CANCELLED = "invitation.cancelled"
FLOW_CREATED = "flow.created"
FLOW_DELETED = "flow.deleted"
FLOW_SECRET_REVEALED = "flow.secret_revealed"  # noqa: S105  the name of an event
ENROLLMENT_CREATED = "enrollment.created"
ENROLLMENT_RENEWED = "enrollment.renewed"
ENROLLMENT_ACTIVATED = "enrollment.activated"
ENROLLMENT_REJECTED = "enrollment.rejected"
ENROLLMENT_ENDED = "enrollment.ended"
CONSENT_GIVEN = "consent.given"
CONSENT_ENDED = "consent.ended"
HOMEOWNER_DELETED = "homeowner.deleted"
SYSTEM_DISCOVERED = "system.discovered"
QUEUE_HELD = "queue.held"
QUEUE_RELEASED = "queue.released"
MESSAGE_HELD = "message.held"
MESSAGE_RETRIED = "message.retried"

By = AbstractBaseUser | str  # a user, or the name of what acts by itself


def lock(partner_id: int) -> None:
    """Let no one else record for this partner until the caller's transaction ends.

    Whoever reads before it changes takes this lock first: what is done to a partner then happens one after the other.
    """
    # NO KEY UPDATE: rows with a foreign key to the partner, such as readings' connections, are written meanwhile.
    Partner.objects.select_for_update(no_key=True).only("pk").get(pk=partner_id)


def record(
    *, partner: Partner, name: str, subject: str, by: By, now: datetime, data: Mapping[str, Any] | None = None
) -> Event:
    """Append an event to the partner's chain, inside the caller's transaction. `data` holds text and whole numbers."""
    return record_each(partner=partner, name=name, entries=[(subject, data or {})], by=by, now=now)[0]


@transaction.atomic
def record_each(
    *, partner: Partner, name: str, entries: Iterable[tuple[str, Mapping[str, Any]]], by: By, now: datetime
) -> list[Event]:
    """Append one event for each (subject, data)."""
    lock(partner.pk)
    last = Event.objects.filter(partner=partner).order_by("sequence").last()
    added: list[Event] = []
    for subject, data in entries:
        last = _next(
            last,
            partner,
            name=name,
            subject=subject,
            actor=by if isinstance(by, str) else f"user:{by.pk}",
            at=now,
            data=_plain(data),
        )
        added.append(last)
    return Event.objects.bulk_create(added, batch_size=500)


def first_broken(partner: Partner) -> Event | None:
    """Return the first event of a partner whose hash or place in the chain is wrong, or None.

    Events cut off at the end leave no trace in the chain: compare its last hash with one noted elsewhere.
    """
    previous: Event | None = None
    for event in Event.objects.filter(partner=partner).order_by("sequence").iterator():
        follows = (previous.sequence + 1, previous.hash) if previous else (1, "")
        if (event.sequence, event.previous_hash) != follows or event.hash != _hash(event):
            return event
        previous = event
    return None


def _next(last: Event | None, partner: Partner, **fields: Any) -> Event:
    sequence, previous_hash = (last.sequence + 1, last.hash) if last else (1, "")
    event = Event(partner=partner, sequence=sequence, previous_hash=previous_hash, **fields)
    event.hash = _hash(event)
    return event


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data as any database gives it back; raise TypeError for what it would give back changed."""
    plain: dict[str, Any] = json.loads(orjson.dumps(dict(data)), parse_float=_refuse_float)
    return plain


def _refuse_float(text: str) -> NoReturn:
    msg = f"{text} is no whole number; jsonb may write it in another way, which would break the chain: give it as text."
    raise TypeError(msg)


def _hash(event: Event) -> str:
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    body = [
        event.partner_id,
        event.sequence,
        at,
        event.name,
        event.actor,
        event.subject,
        event.data,
        event.previous_hash,
    ]
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
