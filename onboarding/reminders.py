"""One reminder for a journey that stands still, and then nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from onboarding import emails, journeys, letters, notices
from onboarding.models import Journey, Notice

log = structlog.get_logger(__name__)

KIND = "journey reminder"
STILL_FOR = timedelta(hours=24)
_TOO_LATE = timedelta(days=14)


def remind_due(*, now: datetime) -> int:
    """Remind all whose journey stands still for a day; return how many mails left."""
    return sum(_try(journey, now) for journey in _due(now))


def remind(*, journey: Journey, now: datetime) -> bool:
    """Send the reminder of a journey; tell whether it left. Raises NotSent, and ValidationError where none is due."""
    if journey.finished_at or journey.abandoned_at:
        msg = "It is over: there is nothing to remind of."
        raise ValidationError(msg)
    if not journey.user.email or not notices.wants_reminders(journey.partner_id, journey.user_id):
        msg = "The homeowner asked for no reminders, or has no e-mail address."
        raise ValidationError(msg)
    sent = notices.send_once(
        kind=KIND, about=str(journey.uid), letter=lambda: letters.reminder(journey), to=[journey.user.email],
        language=notices.language_of(journey.user), partner=journey.partner, now=now,
    )  # fmt: skip
    if sent:
        journeys.note(journey, journeys.REMINDED, now)
    return sent


def _due(now: datetime) -> Iterable[Journey]:
    still = Journey.objects.filter(
        finished_at=None, abandoned_at=None, seen_at__lte=now - STILL_FOR, seen_at__gt=now - _TOO_LATE
    )
    done = set(Notice.objects.filter(kind=KIND, sent_at__gt=now - 2 * _TOO_LATE).values_list("about", flat=True))
    return (journey for journey in _with_names(still) if str(journey.uid) not in done)


def _with_names(rows: QuerySet[Journey]) -> QuerySet[Journey]:
    return rows.filter(user__is_active=True).select_related("user", "partner__join_page", "invitation")


def _try(journey: Journey, now: datetime) -> bool:
    try:
        return remind(journey=journey, now=now)
    except ValidationError:
        return False
    except emails.NotSent as error:
        log.warning("reminder not sent", journey=str(journey.uid), error=str(error))
        return False
