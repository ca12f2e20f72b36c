"""The one way to write an Event, and the names of all events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

import orjson
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from gateways.models import Event, Partner

GATEWAY_CREATED = "gateway.created"
GATEWAY_RENAMED = "gateway.renamed"
GATEWAY_REGISTERED = "gateway.registered"
GATEWAY_WALLET_NAMED = "gateway.wallet_named"
GATEWAY_OWNED = "gateway.owned"
GATEWAY_LOCATED = "gateway.located"
GATEWAY_ACTIVATED = "gateway.activated"
GATEWAY_SUSPENDED = "gateway.suspended"
GATEWAY_RESUMED = "gateway.resumed"
GATEWAY_RELEASED = "gateway.released"
GATEWAY_SIGNED = "gateway.signed"
GATEWAY_SHARING_CHANGED = "gateway.sharing_changed"
GATEWAY_TYPE_CREATED = "gateway_type.created"
GATEWAY_TYPE_CHANGED = "gateway_type.changed"
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
CREDENTIAL_CHANGED = "credential.changed"
CREDENTIAL_RENEWED = "credential.renewed"
CREDENTIAL_REVEALED = "credential.revealed"
CREDENTIAL_DELETED = "credential.deleted"
CONNECTION_CREATED = "connection.created"
CONNECTION_RENAMED = "connection.renamed"
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
WEBHOOK_CREATED = "webhook.created"
WEBHOOK_VERIFIED = "webhook.verified"
WEBHOOK_CHANGED = "webhook.changed"
WEBHOOK_SECRET_RENEWED = "webhook.secret_renewed"  # noqa: S105  the name of an event
WEBHOOK_PAUSED = "webhook.paused"
WEBHOOK_RESUMED = "webhook.resumed"
WEBHOOK_REPLAYED = "webhook.replayed"
WEBHOOK_DELETED = "webhook.deleted"

NAMES: Mapping[str, str] = {
    GATEWAY_CREATED: "a gateway was made, not known to SEN yet",
    GATEWAY_RENAMED: "the gateway got another name",
    GATEWAY_REGISTERED: "SEN knows the gateway and its key",
    GATEWAY_WALLET_NAMED: "a wallet was named for the gateway's rewards; `proven` says whether control of it was shown",
    GATEWAY_OWNED: "the gateway belongs to its wallet at SEN, for good",
    GATEWAY_LOCATED: "the gateway's position was told",
    GATEWAY_ACTIVATED: "the gateway began to send",
    GATEWAY_SUSPENDED: "staff stopped the gateway's sending",
    GATEWAY_RESUMED: "the gateway sends again",
    GATEWAY_RELEASED: "the gateway was let go, for good",
    GATEWAY_SIGNED: "the owner's app had the gateway sign `message`",
    GATEWAY_SHARING_CHANGED: "readings go elsewhere than before: `sends` to SEN, `shown` to the partner",
    GATEWAY_TYPE_CREATED: "a type of gateways was made",
    GATEWAY_TYPE_CHANGED: "a type got another name, or other fields in the header of its JWTs",
    GATEWAY_TYPE_MADE_GLOBAL: "one key now signs for all gateways of a type",
    KEY_CREATED: "a key pair was made; it signs nothing yet",
    KEY_ACTIVATED: "the key signs from now on",
    KEY_RETIRED: "the key signs no more: another one does",
    KEY_BANNED: "the key is trusted no more; `reason` says why",
    CLIENT_CREATED: "an OAuth client was made",
    CLIENT_CHANGED: "an OAuth client may do more or less than before",
    CLIENT_SECRET_RENEWED: "an OAuth client got another secret",
    CLIENT_DISABLED: "an OAuth client was disabled, for good",
    GRANT_GIVEN: "a homeowner let an app act for a home",
    GRANT_ENDED: "an app may act for a home no more",
    CREDENTIAL_CREATED: "a credential of a vendor was kept",
    CREDENTIAL_CHANGED: "a credential got another name or end",
    CREDENTIAL_RENEWED: "a credential's secrets were replaced",
    CREDENTIAL_REVEALED: "somebody read a credential's secrets",
    CREDENTIAL_DELETED: "a credential was deleted, and its secrets with it",
    CONNECTION_CREATED: "an account at a vendor was connected",
    CONNECTION_RENAMED: "an account got another label",
    CONNECTION_APPROVED: "the vendor approved the account's connection",
    CONNECTION_REJECTED: "the vendor rejected the account's connection",
    CONNECTION_NEEDS_RECONNECT: "the vendor lets us in no more: the homeowner has to connect again; `reason` says why",
    CONNECTION_RECOVERED: "the account can be read again",
    CONNECTION_PAUSED: "staff stopped the reading of the account",
    CONNECTION_RESUMED: "the account is read again",
    CONNECTION_DISCONNECTED: "the account was let go; its tokens are gone",
    CONNECTION_REVOKED: "the tokens were given back; `at_vendor` says whether the vendor itself ended the consent",
    CONNECTION_WITHHELD: "the kinds of DERs that are not shared changed",
    CONNECTION_PART_LOST: "the vendor refuses a part of the account's data",
    CONNECTION_PART_BACK: "the vendor gives that part again",
    INVITATION_MADE: "a homeowner was invited, or a link for many was made",
    INVITATION_RENEWED: "an invitation got another link; the one before opens nothing",
    INVITATION_CANCELLED: "an invitation's link opens nothing any more",
    FLOW_CREATED: "a Join flow was made",
    FLOW_DELETED: "a Join flow's links stopped working",
    FLOW_SECRET_REVEALED: "somebody read the secret that a Join flow's answers are signed with",
    ENROLLMENT_CREATED: "a homeowner came through a Join flow",
    ENROLLMENT_RENEWED: "the same homeowner came again with the same account",
    ENROLLMENT_ACTIVATED: "the vendor approved the account that came through a Join flow",
    ENROLLMENT_REJECTED: "the vendor rejected the account that came through a Join flow",
    ENROLLMENT_ENDED: "an account that came through a Join flow is read no more",
    CONSENT_GIVEN: "a homeowner agreed to a purpose",
    CONSENT_ENDED: "a consent ended",
    HOMEOWNER_DELETED: "a homeowner had everything deleted",
    SYSTEM_DISCOVERED: "the vendor told of a home that was not known",
    QUEUE_HELD: "a gateway's messages wait for somebody to act; `reason` says why",
    QUEUE_RELEASED: "a gateway's messages go on",
    MESSAGE_HELD: "SEN refused one message; the others go on",
    MESSAGE_RETRIED: "somebody sent a refused message again",
    WEBHOOK_CREATED: "a webhook was made",
    WEBHOOK_VERIFIED: "a webhook answered our challenge: events are delivered to it",
    WEBHOOK_CHANGED: "a webhook's address, name or events changed",
    WEBHOOK_SECRET_RENEWED: "a webhook got another secret",
    WEBHOOK_PAUSED: "nothing is delivered to a webhook any more; `reason` says why",
    WEBHOOK_RESUMED: "events are delivered to a webhook again, from where it stopped",
    WEBHOOK_REPLAYED: "a webhook was set back, to get events again",
    WEBHOOK_DELETED: "a webhook was deleted",
}
"""All events, each in a line: what a reader of the feed and a webhook's filter can name."""


class Subject(Protocol):
    """A row that events are about."""

    @property
    def partner(self) -> Partner: ...

    @property
    def event_subject(self) -> str:
        """What events name it by."""


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


def note(row: Subject, name: str, by: By, now: datetime, /, **data: Any) -> Event:
    """Append an event about a row to its partner's chain, as `record` does."""
    return record(partner=row.partner, name=name, subject=row.event_subject, by=by, now=now, data=data)


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
