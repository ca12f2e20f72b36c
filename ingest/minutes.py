"""Counting deliveries by the minute, in the transaction that brings them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.db.models import F

from gateways.models import Gateway
from ingest.models import Minute


def add(delivered: Mapping[int, int], *, now: datetime) -> None:
    """Count what was delivered, given by gateway, for their partners."""
    partner_of = dict(Gateway.objects.filter(pk__in=list(delivered)).values_list("pk", "partner"))
    counts: Counter[int] = Counter()
    for gateway, count in delivered.items():
        counts[partner_of[gateway]] += count
    minute = now.replace(second=0, microsecond=0)
    # In a fixed order, so that two workers never wait for each other's rows crosswise.
    for partner, count in sorted(counts.items()):
        Minute.objects.get_or_create(partner_id=partner, at=minute)
        Minute.objects.filter(partner=partner, at=minute).update(delivered=F("delivered") + count)
