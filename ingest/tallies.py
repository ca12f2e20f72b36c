"""Counting outcomes for /metrics, in the transaction that brings them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import F

from ingest.models import Tally


def add(kind: Tally.Kind, outcomes: Iterable[tuple[str, str, float]]) -> None:
    """Count (vendor, outcome, seconds) triples."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for vendor, outcome, seconds in outcomes:
        entry = sums[vendor, outcome]
        entry[0] += 1
        entry[1] += seconds
    # In a fixed order, so that two workers never wait for each other's rows crosswise.
    for (vendor, outcome), (count, seconds) in sorted(sums.items()):
        Tally.objects.get_or_create(kind=kind, vendor=vendor, outcome=outcome)
        Tally.objects.filter(kind=kind, vendor=vendor, outcome=outcome).update(
            count=F("count") + count, seconds=F("seconds") + seconds
        )
