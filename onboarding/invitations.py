"""Asking homeowners in, and what their link opens.

A link is shown once and never kept: the database has the hash of its token. Where a mail takes it to the homeowner, it
is made when the mail is sent (`invitation_mails`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from gateways import events
from gateways.events import By
from gateways.models import Partner
from onboarding.models import Invitation, JoinPage

LIFETIME = timedelta(days=30)
LIFETIME_FOR_MANY = timedelta(days=365)
BETWEEN_MAILS = timedelta(hours=1)


class Used(ValidationError):
    """The invitation lets nobody else in: another homeowner came with it, or it was cancelled meanwhile."""

    def __init__(self) -> None:
        super().__init__("This invitation is not valid any more.")


@transaction.atomic
def invite(*, partner: Partner, by: By, now: datetime, **fields: Any) -> tuple[Invitation, str]:
    """Make an invitation; return it with its path, which is shown and cannot be read back later.

    One with an address is mailed by the next tick, with a path of its own that takes this one's place. Raises
    ValidationError, also for somebody who is invited already.
    """
    events.lock(partner.pk)
    _check(partner, for_many=bool(fields.get("for_many")), email=fields.get("email", ""), now=now)
    token = _new_token()
    invitation = _new(partner, token, fields, by, now)
    invitation.full_clean()
    invitation.save()
    _record([invitation], events.INVITATION_MADE, by, now)
    return invitation, path(invitation, token)


@transaction.atomic
def invite_many(
    *, partner: Partner, people: Sequence[Mapping[str, str]], by: By, now: datetime
) -> Sequence[Invitation]:
    """Invite each of `people` (fields of Invitation, among them an address) by mail, all or none.

    Raises ValidationError.
    """
    events.lock(partner.pk)
    if refused := refusals(partner, [person["email"] for person in people], now):
        raise ValidationError([f"{email}: {reason}" for email, reason in refused.items()])
    made = [_new(partner, _new_token(), person, by, now) for person in people]
    for invitation in made:
        invitation.clean_fields(exclude=["partner", "created_by"])
    _record(made, events.INVITATION_MADE, by, now)
    return Invitation.objects.bulk_create(made, batch_size=500)


@transaction.atomic
def renew(*, invitation: Invitation, by: By, now: datetime) -> str:
    """Give an invitation a new link, which is mailed if there is an address, and return its path; the old link is dead.

    Raises ValidationError where that is not wanted any more, or would be a second mail within an hour.
    """
    events.lock(invitation.partner_id)
    invitation.refresh_from_db()
    if invitation.cancelled_at or invitation.accepted_at:
        msg = "It is cancelled: invite again." if invitation.cancelled_at else "The homeowner came with it already."
        raise ValidationError(msg)
    if invitation.email and _mailed_lately(invitation.partner, now).filter(email__iexact=invitation.email).exists():
        msg = "This address was written to within the last hour: wait before you write again."
        raise ValidationError(msg)
    token = new_token(invitation)
    invitation.opened_at = None
    invitation.expires_at = now + _lifetime(for_many=invitation.for_many)
    invitation.send_due_at = now if invitation.email else None
    invitation.send_failures, invitation.send_error = 0, ""
    invitation.save()
    _record([invitation], events.INVITATION_RENEWED, by, now)
    return path(invitation, token)


@transaction.atomic
def cancel(*, invitation: Invitation, by: By, now: datetime) -> None:
    """Let an invitation's link open nothing any more; who came with it already is not affected."""
    events.lock(invitation.partner_id)
    usable = Invitation.objects.filter(pk=invitation.pk, cancelled_at=None, accepted_at=None)
    if not usable.update(cancelled_at=now, send_due_at=None):
        msg = "Only an invitation that nobody accepted is cancelled, and only once."
        raise ValidationError(msg)
    _record([invitation], events.INVITATION_CANCELLED, by, now)


def refusals(partner: Partner, emails: Collection[str], now: datetime) -> dict[str, str]:
    """Return why addresses (in small letters) are not invited now; those that may be are not in it."""
    wanted = {email.lower() for email in emails if email}
    rows = Invitation.objects.filter(partner=partner).exclude(email="")
    found = {}
    for email in _lower(rows.filter(cancelled_at=None, accepted_at=None, expires_at__gt=now)) & wanted:
        found[email] = "Is invited already and has not come yet: resend that invitation instead."
    for email in _lower(_mailed_lately(partner, now)) & wanted:
        found[email] = "Was written to within the last hour: wait before you write again."
    return found


def opened(*, partner: Partner, token: str, now: datetime) -> Invitation | None:
    """Return the invitation that a link is for, noted as opened; None if the link is wrong, over or cancelled."""
    invitation = _usable(partner, now).filter(token_hash=_hash(token)).first()
    if invitation:
        Invitation.objects.filter(pk=invitation.pk, opened_at=None).update(opened_at=now)
    return invitation


def usable(*, partner: Partner, uid: str, user: User | None, now: datetime) -> Invitation | None:
    """Return an invitation to this partner while it counts.

    Who has signed in is let in by none that another homeowner came with: a link may be passed on.
    """
    rows = _usable(partner, now).filter(uid=uid)
    if user is not None:
        rows = rows.filter(Q(accepted_at=None) | Q(accepted_by=user))
    return rows.first()


def accept(*, invitation: Invitation, user: User, now: datetime) -> None:
    """Note who came with an invitation that was for one. Raises Used, also for the later of two at the same moment."""
    rows = Invitation.objects.filter(pk=invitation.pk, cancelled_at=None)
    welcome = Q(for_many=True) | Q(accepted_by=user)
    taken = rows.filter(for_many=False, accepted_at=None).update(accepted_at=now, accepted_by=user)
    if not taken and not rows.filter(welcome).exists():
        raise Used


def path(invitation: Invitation, token: str) -> str:
    """Return where a token leads."""
    return reverse("join_invited", args=[invitation.partner.slug, token])


def new_token(invitation: Invitation) -> str:
    """Give an invitation another token (not saved), which makes the one before worthless."""
    token = _new_token()
    invitation.token_hash = _hash(token)
    return token


def _check(partner: Partner, *, for_many: bool, email: str, now: datetime) -> None:
    if not JoinPage.objects.filter(partner=partner).exists():
        msg = "Make the partner's join page first: the link leads there."
        raise ValidationError(msg)
    if for_many and email:
        raise ValidationError({"for_many": "A link for many is not mailed to one: leave the address empty."})
    if refused := refusals(partner, [email], now):
        raise ValidationError({"email": list(refused.values())})


def _new(partner: Partner, token: str, fields: Mapping[str, Any], by: By, now: datetime) -> Invitation:
    return Invitation(
        partner=partner, token_hash=_hash(token), created_at=now, created_by=by if isinstance(by, User) else None,
        expires_at=now + _lifetime(for_many=bool(fields.get("for_many"))),
        send_due_at=now if fields.get("email") else None, **fields,
    )  # fmt: skip


def _lifetime(*, for_many: bool) -> timedelta:
    return LIFETIME_FOR_MANY if for_many else LIFETIME


def _usable(partner: Partner, now: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(partner=partner, cancelled_at=None, expires_at__gt=now)


def _mailed_lately(partner: Partner, now: datetime) -> QuerySet[Invitation]:
    """Return those that were mailed within the last hour, or are about to be."""
    about_to_be = Q(send_due_at__isnull=False, cancelled_at=None, send_failures=0)
    return Invitation.objects.filter(about_to_be | Q(sent_at__gt=now - BETWEEN_MAILS), partner=partner)


def _lower(rows: QuerySet[Invitation]) -> set[str]:
    return {email.lower() for email in rows.order_by().values_list("email", flat=True)}


def _record(invitations: Sequence[Invitation], name: str, by: By, now: datetime) -> None:
    entries = [(row.event_subject, {"for_many": row.for_many}) for row in invitations]
    events.record_each(partner=invitations[0].partner, name=name, entries=entries, by=by, now=now)


def _new_token() -> str:
    return secrets.token_urlsafe(24)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
