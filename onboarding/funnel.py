"""How many journeys got how far, and how long that took."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, QuerySet

from onboarding import journeys
from onboarding.models import Journey, JourneyEntry

# A step is reached with the first of its entries. What comes before the last ones may be done in any order.
_STEPS: Mapping[str, tuple[str, ...]] = {
    "began": (journeys.STARTED,),
    "chose a brand": (journeys.BRAND_CHOSEN,),
    "agreed": (journeys.AGREED,),
    "connected": (journeys.CONNECTED,),
    "chose homes": (journeys.SYSTEMS_CHOSEN,),
    "wallet": (journeys.WALLET_NAMED, journeys.WALLET_LATER),
    "confirmed the place": (journeys.PLACE_CONFIRMED,),
    "finished": (journeys.FINISHED,),
}


@dataclass(frozen=True)
class Step:
    """Journeys that reached a step; shares are of all, and of those that reached the step before (0-1)."""

    name: str
    count: int
    share: float
    share_of_before: float
    median: timedelta | None
    """from the beginning of the journey"""


def of(rows: QuerySet[Journey]) -> list[Step]:
    """Return the steps in their order, counted over these journeys."""
    began = dict(rows.order_by().values_list("pk", "created_at"))
    times = _first_times(rows)
    steps: list[Step] = []
    for name, entries in _STEPS.items():
        spans = [_reached(times, pk, entries, start) for pk, start in began.items()]
        taken = [span for span in spans if span is not None]
        before = steps[-1].count if steps else len(began)
        steps.append(
            Step(
                name, len(taken), _share(len(taken), len(began)), _share(len(taken), before),
                timedelta(seconds=round(statistics.median(span.total_seconds() for span in taken))) if taken else None,
            )
        )  # fmt: skip
    return steps


def _first_times(rows: QuerySet[Journey]) -> dict[tuple[int, str], datetime]:
    entries = JourneyEntry.objects.filter(journey__in=rows.order_by().values("pk")).order_by()
    firsts = entries.values_list("journey", "what").annotate(first=Min("at"))
    return {(journey, what): first for journey, what, first in firsts}


def _reached(
    times: Mapping[tuple[int, str], datetime], journey: int, entries: tuple[str, ...], start: datetime
) -> timedelta | None:
    found = [times[journey, what] for what in entries if (journey, what) in times]
    return min(found) - start if found else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
