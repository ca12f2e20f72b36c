"""Asking homeowners in, and what their link opens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from gateways import events
from gateways.events import By
from gateways.models import Partner
from onboarding.models import Invitation

LIFETIME = timedelta(days=30)
LIFETIME_FOR_MANY = timedelta(days=365)
_KEY = "invitation"


@transaction.atomic
def invite(*, partner: Partner, by: By, now: datetime, **fields: Any) -> tuple[Invitation, str]:
    """Make an invitation; return it with its path, which is shown or mailed and cannot be read back later."""
    token = secrets.token_urlsafe(24)
    lasting = LIFETIME_FOR_MANY if fields.get("for_many") else LIFETIME
    invitation = Invitation(
        partner=partner, token_hash=_hash(token), created_at=now, expires_at=now + lasting,
        created_by=by if isinstance(by, User) else None, **fields,
    )  # fmt: skip
    invitation.full_clean()
    invitation.save()
    data = {"for_many": invitation.for_many}
    events.record(
        partner=partner, name=events.INVITATION_MADE, subject=f"invitation:{invitation.uid}", by=by, now=now, data=data
    )
    return invitation, reverse("join_invited", args=[partner.slug, token])


def open_link(request: HttpRequest, partner: Partner, token: str, *, now: datetime) -> Invitation | None:
    """Remember in the browser's session that it was invited; None if the link is wrong, over or cancelled."""
    invitation = _usable(partner, now).filter(token_hash=_hash(token)).first()
    if invitation:
        Invitation.objects.filter(pk=invitation.pk, opened_at=None).update(opened_at=now)
        request.session[_KEY] = str(invitation.uid)
    return invitation


def of_browser(request: HttpRequest, partner: Partner) -> Invitation | None:
    """Return the invitation to this partner that the browser came with, while it counts."""
    uid = request.session.get(_KEY)
    return _usable(partner, timezone.now()).filter(uid=uid).first() if uid else None


def accept(*, invitation: Invitation, user: User, now: datetime) -> None:
    """Note who came with an invitation that was for one."""
    Invitation.objects.filter(pk=invitation.pk, for_many=False, accepted_at=None).update(
        accepted_at=now, accepted_by=user
    )


def _usable(partner: Partner, now: datetime) -> Any:
    return Invitation.objects.filter(partner=partner, cancelled_at=None, expires_at__gt=now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
