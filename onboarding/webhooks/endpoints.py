"""Webhooks of a partner: made, changed, paused, resumed, set back, given another secret, deleted."""

from __future__ import annotations

import bisect
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from gateways import events, queries
from gateways.events import By
from gateways.models import Event, Partner
from gateways.vault.fields import sealed_field
from onboarding.models import WebhookEndpoint
from onboarding.webhooks import addresses, deliveries
from onboarding.webhooks.addresses import AddressRefused

ALL = WebhookEndpoint.ALL
MOST = 20
PREVIOUS_VALID = timedelta(hours=24)
LONGEST_PREVIOUS_VALID = timedelta(days=7)
_SECRET = re.compile(r"[!-~]{24,256}")
_State = WebhookEndpoint.State


def create(
    *, partner: Partner, url: str, names: Collection[str], by: By, now: datetime, name: str = "", secret: str = ""
) -> tuple[WebhookEndpoint, str]:
    """Make a webhook for events of these names, or for all (`*`); return it and its secret, made if none is given.

    It gets the events that come after it, once it has answered our challenge. Raises ValidationError.
    """
    _check_address(url, partner)
    endpoint = WebhookEndpoint(
        partner=partner, name=name, url=url, names=_checked(names), due_at=now, last_try_at=now, created_at=now
    )
    secret = _give_secret(endpoint, secret)
    with transaction.atomic():
        events.lock(partner.pk)
        if WebhookEndpoint.objects.filter(partner=partner).count() >= MOST:
            msg = f"A partner has at most {MOST} webhooks: delete one first."
            raise ValidationError(msg)
        made = deliveries.log_event(endpoint, events.WEBHOOK_CREATED, by, now, events=endpoint.names)
        endpoint.cursor = made.sequence
        endpoint.full_clean()
        endpoint.save()
    return endpoint, secret


def change(
    *,
    endpoint: WebhookEndpoint,
    by: By,
    now: datetime,
    url: str | None = None,
    names: Collection[str] | None = None,
    name: str | None = None,
    paused: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given, and return the webhook. Another address has to answer our challenge first.

    What was on its way when address or names changed goes out anew, under another delivery id. Raises ValidationError.
    """
    if url is not None:
        _check_address(url, endpoint.partner)
    asked = {"url": url, "names": None if names is None else _checked(names), "name": name}
    with transaction.atomic():
        row = deliveries.locking().get(pk=endpoint.pk)
        changed = {field: value for field, value in asked.items() if value is not None and value != getattr(row, field)}
        if changed:
            _apply(row, changed, by, now)
        if paused and row.state != _State.PAUSED:
            deliveries.pause(row, row.Reason.BY_HAND, by=by, now=now)
            row.lease = row.leased_until = None
        elif paused is False and row.state == _State.PAUSED:
            go_on(row, by=by, now=now)
        row.full_clean()
        row.save(update_fields=[*deliveries.PROGRESS, *asked])
    return row


def go_on(row: WebhookEndpoint, *, by: By, now: datetime) -> None:
    """Resume (unsaved, but for the Event) from the cursor: nothing that happened meanwhile is left out."""
    row.state = _State.ACTIVE if row.verified_at else _State.PENDING
    row.paused_at, row.paused_reason = None, ""
    row.failures, row.failing_since, row.due_at = 0, None, now
    deliveries.log_event(row, events.WEBHOOK_RESUMED, by, now)


@transaction.atomic
def renew_secret(
    *,
    endpoint: WebhookEndpoint,
    by: By,
    now: datetime,
    secret: str = "",
    previous_valid: timedelta = PREVIOUS_VALID,
) -> tuple[WebhookEndpoint, str]:
    """Give a webhook another secret, made if none is given; return both. The one before signs as well for a while.

    Raises ValidationError; VaultError.
    """
    if not timedelta() <= previous_valid <= LONGEST_PREVIOUS_VALID:
        msg = f"The previous secret is valid for up to {LONGEST_PREVIOUS_VALID.days} days."
        raise ValidationError({"previous_valid": msg})
    row = deliveries.locking().get(pk=endpoint.pk)
    row.previous_secret, row.previous_until = "", None
    if previous_valid:
        before = sealed_field(WebhookEndpoint, "secret").unseal(row)
        sealed_field(WebhookEndpoint, "previous_secret").seal(row, before)
        row.previous_until = now + previous_valid
    secret = _give_secret(row, secret)
    row.save(update_fields=["secret", "previous_secret", "previous_until"])
    deliveries.log_event(row, events.WEBHOOK_SECRET_RENEWED, by, now)
    return row, secret


@transaction.atomic
def replay(
    *, endpoint: WebhookEndpoint, by: By, now: datetime, after: int | None = None, since: datetime | None = None
) -> WebhookEndpoint:
    """Set a webhook back behind a sequence, or to a time: what came later is delivered again.

    Raises ValidationError.
    """
    if (after is None) == (since is None):
        msg = "Say either after which sequence, or since when."
        raise ValidationError(msg)
    row = deliveries.locking().get(pk=endpoint.pk)
    target = after if since is None else _before(row.partner_id, since)
    assert target is not None  # noqa: S101  one of the two was given
    if target > row.cursor:
        msg = f"It has had the events up to {row.cursor} and is only set back: else events would be left out."
        raise ValidationError({"after" if since is None else "since": msg})
    row.cursor = target
    deliveries.withdraw(row, now=now)
    row.save(update_fields=deliveries.PROGRESS)
    deliveries.log_event(row, events.WEBHOOK_REPLAYED, by, now, after=target)
    return row


@transaction.atomic
def delete(*, endpoint: WebhookEndpoint, by: By, now: datetime) -> None:
    """Delete a webhook and what is known of its deliveries."""
    row = deliveries.locking().get(pk=endpoint.pk)
    deliveries.log_event(row, events.WEBHOOK_DELETED, by, now)
    row.delete()


def _apply(row: WebhookEndpoint, changed: Mapping[str, object], by: By, now: datetime) -> None:
    for field, value in changed.items():
        setattr(row, field, value)
    if changed.keys() & {"url", "names"}:
        deliveries.withdraw(row, now=now)
    if "url" in changed:
        row.verified_at, row.failures, row.failing_since, row.last_error = None, 0, None, ""
        row.state = _State.PENDING if row.state == _State.ACTIVE else row.state
    deliveries.log_event(row, events.WEBHOOK_CHANGED, by, now, fields=sorted(changed), events=row.names)


def _give_secret(endpoint: WebhookEndpoint, secret: str) -> str:
    """Seal a secret into a webhook (unsaved), and return it. Raises ValidationError."""
    if secret and not _SECRET.fullmatch(secret):
        msg = "A secret is 24 to 256 printable ASCII characters without blanks."
        raise ValidationError({"secret": msg})
    secret = secret or secrets.token_urlsafe(32)
    sealed_field(WebhookEndpoint, "secret").seal(endpoint, secret)
    return secret


def _check_address(url: str, partner: Partner) -> None:
    sandbox = partner.is_sandbox
    try:
        addresses.resolve(addresses.check_url(url, sandbox=sandbox), sandbox=sandbox)
    except AddressRefused as error:
        raise ValidationError({"url": str(error)}) from error
    except ValidationError as error:
        raise ValidationError({"url": error.messages}) from error


def _checked(names: Collection[str]) -> list[str]:
    if ALL in names and len(set(names)) == 1:
        return [ALL]
    if not names or (unknown := set(names) - events.NAMES.keys()):
        wrong = f", not {', '.join(sorted(unknown))}" if names else ""
        msg = f"Name events exactly, or say * alone for all of them{wrong}."
        raise ValidationError({"names": msg})
    return [name for name in events.NAMES if name in names]


def _before(partner_id: int, since: datetime) -> int:
    """Return the sequence before the first event of a time, by halving: sequences have no gaps, and times rise."""
    chain = Event.objects.filter(partner=partner_id).values_list("at", flat=True)
    last = queries.last_sequence(partner_id)
    return bisect.bisect_left(range(1, last + 1), since, key=lambda sequence: chain.get(sequence=sequence))
