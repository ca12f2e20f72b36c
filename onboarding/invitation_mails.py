"""Sends what invitations are due: each mail with a link of its own, tried again with growing gaps."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import translation

from onboarding import emails, invitations, letters
from onboarding.models import Invitation

log = structlog.get_logger(__name__)

_FIRST_GAP, _LONGEST_GAP = timedelta(minutes=2), timedelta(hours=6)
_MOST_TRIES = 10  # two days, roughly


def send_due(*, clock: Callable[[], datetime], until: float) -> int:
    """Send the mails that are due until `time.monotonic()` reaches `until`; return how many left."""
    sent = 0
    for invitation in _due(clock()):
        if time.monotonic() > until:
            break
        if path := _claim(invitation, clock()):
            sent += _send(invitation, path, clock)
    return sent


def _due(now: datetime) -> QuerySet[Invitation]:
    due = Invitation.objects.filter(send_due_at__lte=now, cancelled_at=None, accepted_at=None, expires_at__gt=now)
    return due.select_related("partner__join_page").order_by("send_due_at", "pk")


def _claim(invitation: Invitation, now: datetime) -> str:
    """Put the next try off, so that no other worker sends too, and return the path of the link that goes out now."""
    token = invitations.new_token(invitation)
    failures = invitation.send_failures + 1
    claimed = Invitation.objects.filter(pk=invitation.pk, send_due_at=invitation.send_due_at, cancelled_at=None)
    gap = min(_FIRST_GAP * 2 ** (failures - 1), _LONGEST_GAP)
    changed = claimed.update(token_hash=invitation.token_hash, send_failures=failures, send_due_at=now + gap)
    invitation.send_failures = failures
    return invitations.path(invitation, token) if changed else ""


def _send(invitation: Invitation, path: str, clock: Callable[[], datetime]) -> bool:
    mine = Invitation.objects.filter(pk=invitation.pk, token_hash=invitation.token_hash)
    try:
        with translation.override(invitation.language or settings.LANGUAGE_CODE):
            letter = letters.invitation(invitation, path)
            emails.send(letter, to=[invitation.email], partner=invitation.partner)
    except emails.NotSent as error:
        log.warning("invitation not sent", invitation=str(invitation.uid), tries=invitation.send_failures)
        given_up = {"send_due_at": None} if invitation.send_failures >= _MOST_TRIES else {}
        mine.update(send_error=str(error)[:300], **given_up)
        return False
    mine.update(send_due_at=None, send_failures=0, send_error="", sent_at=clock(), sends=F("sends") + 1)
    return True
