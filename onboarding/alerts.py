"""Mails about what stops, or soon will: accounts that need their owner, webhooks, keys and consents that expire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings

from gateways.models import Partner
from ingest.models import Connection, VendorCredential
from onboarding import emails, letters, notices
from onboarding.emails import Letter
from onboarding.models import Consent, Notice, WebhookEndpoint

log = structlog.get_logger(__name__)

RECONNECT, CREDENTIAL, CONSENT = "reconnect", "credential expires", "consent expires"
WEBHOOK = "webhook paused"
DAYS_BEFORE = (3, 14)
_NEWS = timedelta(days=7)


def ask_to_reconnect(*, now: datetime) -> int:
    """Write to the owner of each account that newly needs them, once for each time; return how many mails left."""
    lost = Connection.objects.filter(
        status=Connection.Status.NEEDS_RECONNECT, needs_reconnect_at__gt=now - _NEWS, needs_reconnect_at__lte=now
    ).select_related("owner", "partner__join_page")
    told = set(Notice.objects.filter(kind=RECONNECT, sent_at__gt=now - 2 * _NEWS).values_list("about", flat=True))
    return sum(_ask(connection, now) for connection in lost if _incident(connection) not in told)


def tell_of_paused_webhooks(*, now: datetime) -> int:
    """Tell staff of each webhook that we paused, once for each time; return how many mails left."""
    paused = WebhookEndpoint.objects.filter(paused_at__gt=now - _NEWS, paused_at__lte=now)
    ours = paused.exclude(paused_reason=WebhookEndpoint.Reason.BY_HAND)
    return sum(_tell_of_webhook(endpoint, now) for endpoint in ours.select_related("partner__join_page"))


def warn_of_credentials(*, now: datetime) -> int:
    """Tell staff of vendor credentials that end within 14 days, and again within 3; return how many mails left."""
    rows = VendorCredential.objects.filter(expires_at__range=(now, now + timedelta(days=max(DAYS_BEFORE))))
    return sum(_warn_staff(credential, now) for credential in rows.select_related("partner__join_page"))


def warn_of_consents(*, now: datetime) -> int:
    """Tell homeowners of consents that end within 14 days, and again within 3; return how many mails left.

    What was agreed to at once, for several purposes, ends at once: one mail tells of it.
    """
    rows = Consent.objects.filter(
        ended_at=None, connection__isnull=False, user__isnull=False, user__is_active=True,
        expires_at__range=(now, now + timedelta(days=max(DAYS_BEFORE))),
    )  # fmt: skip
    return sum(
        _warn_homeowner(consent, now) for consent in rows.select_related("user", "connection", "partner__join_page")
    )


def _ask(connection: Connection, now: datetime) -> bool:
    owner = connection.owner if connection.owner and connection.owner.email else None
    return _send(
        RECONNECT,
        _incident(connection),
        lambda: letters.reconnect(connection) if owner else letters.staff_reconnect(connection),
        to=[owner.email] if owner else notices.responsible(connection.partner),
        language=notices.language_of(owner) if owner else settings.LANGUAGE_CODE,
        partner=connection.partner,
        now=now,
    )


def _tell_of_webhook(endpoint: WebhookEndpoint, now: datetime) -> bool:
    return _send(
        WEBHOOK,
        f"{endpoint.uid} since {endpoint.paused_at:%Y-%m-%d %H:%M:%S}",
        lambda: letters.webhook_paused(endpoint),
        to=notices.responsible(endpoint.partner),
        language=settings.LANGUAGE_CODE,
        partner=endpoint.partner,
        now=now,
    )


def _warn_staff(credential: VendorCredential, now: datetime) -> bool:
    assert credential.expires_at is not None  # noqa: S101  the caller chose those that end
    days = letters.days_until(credential.expires_at, now)
    return _send(
        CREDENTIAL,
        f"{credential.uid} {_stage(credential.expires_at, days)}",
        lambda: letters.credential_expires(credential, days),
        to=notices.responsible(credential.partner),
        language=settings.LANGUAGE_CODE,
        partner=credential.partner,
        now=now,
    )


def _warn_homeowner(consent: Consent, now: datetime) -> bool:
    user, connection = consent.user, consent.connection
    assert user is not None and connection is not None  # noqa: S101, PT018  the caller chose those that have both
    days = letters.days_until(consent.expires_at, now)
    return _send(
        CONSENT,
        f"connection {connection.uid} {_stage(consent.expires_at, days)}",
        lambda: letters.consent_expires(consent, connection, days),
        to=[user.email],
        language=consent.language,
        partner=consent.partner,
        now=now,
    )


def _send(
    kind: str,
    about: str,
    letter: Callable[[], Letter],
    *,
    to: list[str],
    language: str,
    partner: Partner,
    now: datetime,
) -> bool:
    """Send, and leave what could not be sent to the next tick, so that one mail holds up no other."""
    if not any(to):
        return False
    try:
        return notices.send_once(
            kind=kind, about=about, letter=letter, to=to, language=language, partner=partner, now=now
        )
    except emails.NotSent as error:
        log.warning("notice not sent", kind=kind, about=about, error=str(error))
        return False


def _stage(end: datetime, days: int) -> str:
    """Name which of the warnings before an end is due: a new end is a new incident."""
    before = next(stage for stage in DAYS_BEFORE if days <= stage)
    return f"{end:%Y-%m-%d %H:%M}, {before} days before"


def _incident(connection: Connection) -> str:
    return f"{connection.uid} since {connection.needs_reconnect_at:%Y-%m-%d %H:%M:%S}"
