"""Mails that are sent once: each incident is claimed before its mail leaves, so that two workers send one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation

from gateways.models import Membership, Partner
from onboarding import emails
from onboarding.models import Consent, Invitation, Notice

log = structlog.get_logger(__name__)

NO_REMINDERS = "no reminders"
_RESPONSIBLE = (Membership.Role.OWNER, Membership.Role.OPERATOR)


def send_once(
    *,
    kind: str,
    about: str,
    letter: Callable[[], emails.Letter],
    to: Sequence[str],
    language: str,
    partner: Partner,
    now: datetime,
) -> bool:
    """Send a mail about an incident unless one was sent; tell whether it left now. Raises NotSent, and then forgets it.

    `letter` is called with the language active. A crash between claim and sending costs the mail: better none than two.
    """
    notice, claimed = Notice.objects.get_or_create(kind=kind, about=about, defaults={"sent_at": now})
    if not claimed:
        return False
    try:
        with translation.override(language):
            emails.send(letter(), to=to, partner=partner)
    except BaseException:
        notice.delete()
        raise
    log.info("notice sent", kind=kind, about=about)
    return True


def was_sent(kind: str, about: str) -> bool:
    return Notice.objects.filter(kind=kind, about=about).exists()


def stop_reminders(*, partner_id: int, user_id: int, now: datetime) -> None:
    """Note that somebody wants no reminders of a partner; asking twice changes nothing."""
    Notice.objects.get_or_create(kind=NO_REMINDERS, about=_whose(partner_id, user_id), defaults={"sent_at": now})


def wants_reminders(partner_id: int, user_id: int) -> bool:
    return not was_sent(NO_REMINDERS, _whose(partner_id, user_id))


def language_of(user: User) -> str:
    """Return the language somebody was last seen to read: that of their newest consent, or of their invitation."""
    consent = Consent.objects.filter(user=user).order_by("-given_at").first()
    if consent:
        return consent.language
    invitation = Invitation.objects.filter(accepted_by=user).exclude(language="").order_by("-created_at").first()
    return invitation.language if invitation else settings.LANGUAGE_CODE


def responsible(partner: Partner) -> list[str]:
    """Return the addresses of a partner's owners and operators."""
    members = User.objects.filter(memberships__partner=partner, memberships__role__in=_RESPONSIBLE, is_active=True)
    return sorted(members.exclude(email="").values_list("email", flat=True))


def _whose(partner_id: int, user_id: int) -> str:
    return f"partner {partner_id}, user {user_id}"
