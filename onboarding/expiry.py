"""Ends consents whose time is over, and with them what they allowed."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.core.exceptions import ValidationError

from onboarding import consents, my_sharing
from onboarding.models import Consent

log = structlog.get_logger(__name__)

_BY = "portal"


def end_expired(*, now: datetime) -> int:
    """End all whose time is over, each in a transaction of its own; return how many ended."""
    over = Consent.objects.filter(ended_at=None, expires_at__lte=now).select_related("connection__partner", "partner")
    return sum(_end(consent, now) for consent in over.order_by("expires_at", "pk"))


def _end(consent: Consent, now: datetime) -> bool:
    ending = Consent.Ending.EXPIRED
    try:
        if consent.connection is None:
            consents.end(consent=consent, ending=ending, by=_BY, now=now)
        else:
            my_sharing.stop(connection=consent.connection, purpose=consent.purpose, ending=ending, by=_BY, now=now)
    except ValidationError as error:
        log.exception("consent not ended", consent=str(consent.uid), error=str(error))
        return False
    return True
