"""Consents: given word for word, for a purpose and a time, and ended when their giver says so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from gateways import events
from gateways.events import By
from gateways.models import Partner
from ingest import locks, sharing
from ingest.models import Connection
from ingest.readings import Kind
from onboarding import consent_texts
from onboarding.models import Consent, JoinPage

_MONTH = timedelta(days=30.44)


@transaction.atomic
def give(  # noqa: PLR0913  all there is to say of a consent, by keyword
    *,
    partner: Partner,
    vendor: str,
    purposes: Collection[str],
    kinds: Sequence[str],
    language: str,
    now: datetime,
    user: User | None = None,
    subject: str = "",
    connection: Connection | None = None,
) -> list[Consent]:
    """Record what a homeowner agreed to, a row a purpose; what they agreed to before for the same account is replaced.

    Without `connection` it waits for the account to be connected (`attach`).
    """
    events.lock(partner.pk)
    _end(_of(partner, user, subject, vendor, connection), Consent.Ending.REPLACED, now)
    lasting = lasts_until(partner, now)
    given = [
        Consent(
            partner=partner, user=user, subject=subject, vendor=vendor, connection=connection, purpose=purpose,
            kinds=list(kinds), text_version=consent_texts.VERSION, language=language, given_at=now, expires_at=lasting,
            text=consent_texts.whole(purpose, partner=partner, vendor=vendor, kinds=kinds, until=lasting),
        )
        for purpose in purposes
    ]  # fmt: skip
    for consent in given:
        consent.full_clean()
        consent.save()
        _record(consent, events.CONSENT_GIVEN, user or "homeowner", now)
    return given


@transaction.atomic
def attach(*, connection: Connection, user: User, now: datetime) -> None:
    """Let consents that were given before the account was connected count for it, in place of those it had."""
    events.lock(connection.partner_id)
    given = waiting(connection.partner, user, connection.vendor)
    if given.exists():
        _end(active(connection), Consent.Ending.REPLACED, now)
        given.update(connection=connection)


def detach(*, connection: Connection) -> None:
    """Let the consents of an account wait for another one of the same vendor (`attach`) that takes its place."""
    events.lock(connection.partner_id)
    active(connection).update(connection=None)


@transaction.atomic
def end(*, consent: Consent, ending: str, by: By, now: datetime) -> None:
    """End a consent; the caller stops what it allowed (`enforce`), in the same transaction."""
    events.lock(consent.partner_id)
    if Consent.objects.filter(pk=consent.pk, ended_at=None).update(ended_at=now, ending=ending):
        _record(consent, events.CONSENT_ENDED, by, now)


@transaction.atomic
def enforce(*, connection: Connection, by: By, now: datetime) -> None:
    """Let an account's readings go where its consents allow, and nowhere else; what waits without one is withdrawn.

    Who gives or ends consents in the same transaction locks the account before that (`locks.lock`).
    """
    systems = locks.lock(connection.systems.all(), [connection])
    given = list(active(connection))
    purposes = {consent.purpose for consent in given}
    sends, shown = Consent.Purpose.REWARDS in purposes, Consent.Purpose.SERVICE in purposes
    for system in systems:
        sharing.set_sharing(system=system, sends=sends, shown=shown, by=by, now=now)
    if given:
        shared = {kind for consent in given for kind in consent.kinds}
        sharing.withhold(connection=connection, kinds=set(Kind) - shared, by=by, now=now)


def active(connection: Connection) -> QuerySet[Consent]:
    """Return the consents that count for an account now."""
    return Consent.objects.filter(connection=connection, ended_at=None)


def lasts_until(partner: Partner, now: datetime) -> datetime:
    """Return when a consent to a partner ends that is given now."""
    page = JoinPage.objects.filter(partner=partner).first() or JoinPage()
    return now + page.consent_months * _MONTH


def waiting(partner: Partner, user: User, vendor: str) -> QuerySet[Consent]:
    """Return what a homeowner agreed to for an account that is not connected yet."""
    return _of(partner, user, "", vendor, None)


def _of(
    partner: Partner, user: User | None, subject: str, vendor: str, connection: Connection | None
) -> QuerySet[Consent]:
    mine = Consent.objects.filter(partner=partner, vendor=vendor, connection=connection, ended_at=None)
    return mine.filter(user=user, subject=subject)


def _end(consents: QuerySet[Consent], ending: str, now: datetime) -> None:
    consents.update(ended_at=now, ending=ending)


def _record(consent: Consent, name: str, by: By, now: datetime) -> None:
    data = {"purpose": consent.purpose, "kinds": consent.kinds, "text_version": consent.text_version}
    events.note(consent, name, by, now, **data)
