"""The one way to write an Event, and the names of all events."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from gateways.models import Event, Partner

GATEWAY_CREATED = "gateway.created"
GATEWAY_REGISTERED = "gateway.registered"
GATEWAY_OWNED = "gateway.owned"
GATEWAY_LOCATED = "gateway.located"
GATEWAY_ACTIVATED = "gateway.activated"
GATEWAY_SUSPENDED = "gateway.suspended"
GATEWAY_RESUMED = "gateway.resumed"
GATEWAY_RELEASED = "gateway.released"
GATEWAY_TYPE_CREATED = "gateway_type.created"
KEY_CREATED = "key.created"
KEY_ACTIVATED = "key.activated"
KEY_RETIRED = "key.retired"
KEY_BANNED = "key.banned"
CONNECTION_CREATED = "connection.created"
CONNECTION_NEEDS_RECONNECT = "connection.needs_reconnect"
CONNECTION_RECOVERED = "connection.recovered"
CONNECTION_DISCONNECTED = "connection.disconnected"
SYSTEM_DISCOVERED = "system.discovered"
QUEUE_HELD = "queue.held"
QUEUE_RELEASED = "queue.released"
MESSAGE_HELD = "message.held"
MESSAGE_RETRIED = "message.retried"

By = AbstractBaseUser | str  # a user, or the name of what acts by itself


def record(*, partner: Partner, name: str, subject: str, by: By, now: datetime, data: Mapping[str, Any] | None = None) -> Event:
    """Append an event to the partner's chain, inside the caller's transaction."""
    with transaction.atomic():
        Partner.objects.select_for_update().get(pk=partner.pk)
        last = Event.objects.filter(partner=partner).order_by("-sequence").first()
        event = Event(
            partner=partner,
            sequence=last.sequence + 1 if last else 1,
            at=now,
            name=name,
            actor=by if isinstance(by, str) else f"user:{by.pk}",
            subject=subject,
            data=dict(data or {}),
            previous_hash=last.hash if last else "",
        )
        event.hash = _hash(event)
        event.save(force_insert=True)
    return event


def first_broken(partner: Partner) -> Event | None:
    """Return the first event of a partner whose hash or place in the chain is wrong, or None."""
    previous, sequence = "", 0
    for event in Event.objects.filter(partner=partner).order_by("sequence").iterator():
        sequence += 1
        if event.sequence != sequence or event.previous_hash != previous or event.hash != _hash(event):
            return event
        previous = event.hash
    return None


def _hash(event: Event) -> str:
    body = [
        event.partner_id, event.sequence, event.at.isoformat(timespec="microseconds"), event.name,
        event.actor, event.subject, event.data, event.previous_hash,
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
