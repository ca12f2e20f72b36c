"""The invitation that a browser came with."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from gateways.models import Partner
from onboarding import invitations
from onboarding.models import Invitation

_KEY = "invitation"


def open_link(request: HttpRequest, partner: Partner, token: str, *, now: datetime) -> Invitation | None:
    """Remember in the browser's session that it was invited; None if the link is wrong, over or cancelled."""
    invitation = invitations.opened(partner=partner, token=token, now=now)
    if invitation:
        request.session[_KEY] = str(invitation.uid)
    return invitation


def of_browser(request: HttpRequest, partner: Partner) -> Invitation | None:
    """Return the invitation to this partner that the browser came with, while it counts for whoever uses it."""
    uid = request.session.get(_KEY)
    if not uid:
        return None
    user = request.user if isinstance(request.user, User) else None
    return invitations.usable(partner=partner, uid=uid, user=user, now=timezone.now())
