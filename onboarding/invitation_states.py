"""How far invitations have come, as staff see it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When

from onboarding.models import Invitation

STATES = (
    "joined", "accepted", "cancelled", "expired", "opened", "not sent", "sent", "waits to be sent", "link made",
)  # fmt: skip


def with_states(rows: QuerySet[Invitation], now: datetime) -> QuerySet[Invitation]:
    """Annotate `state`, one of `STATES`, and `homes_joined`, the journeys that came to their end with it."""
    joined = Count("journeys", filter=Q(journeys__finished_at__isnull=False), distinct=True)
    conditions = (
        Q(homes_joined__gt=0, for_many=False),
        Q(accepted_at__isnull=False),
        Q(cancelled_at__isnull=False),
        Q(expires_at__lte=now),
        Q(opened_at__isnull=False),
        ~Q(send_error=""),
        Q(sent_at__isnull=False, send_due_at__isnull=True),
        Q(send_due_at__isnull=False),
    )
    cases = [When(condition, then=Value(state)) for condition, state in zip(conditions, STATES, strict=False)]
    state = Case(*cases, default=Value(STATES[-1]), output_field=CharField())
    return rows.annotate(homes_joined=joined).annotate(state=state)
