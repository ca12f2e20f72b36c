"""How a vendor's cloud does, over the accounts of all partners: for the page where homeowners choose their brand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from ingest import vendors
from ingest.models import PullRun

_SPAN = timedelta(minutes=30)
_ENOUGH = 3  # pulls that failed: fewer may be one home's trouble
_MOST_RUNS = 500  # of many thousands, the newest tell enough
_BAD = frozenset({PullRun.Outcome.UNAVAILABLE, PullRun.Outcome.REPLY_INVALID})
_TELLING = frozenset({*_BAD, PullRun.Outcome.OK, PullRun.Outcome.THROTTLED, PullRun.Outcome.AUTH_FAILED})


@dataclass(frozen=True)
class Health:
    """Whether a vendor answers; if not, since when, and what to tell a homeowner."""

    up: bool
    since: datetime | None = None
    text: str = ""


def vendor_status(vendor: str, now: datetime) -> Health:
    """Judge a vendor by the pulls of the last half hour: in trouble if most of them failed, or the newest three did."""
    ended = PullRun.objects.filter(
        connection__vendor=vendor, outcome__in=_TELLING, started_at__gt=now - _SPAN, started_at__lte=now
    )
    runs = list(ended.order_by("-started_at", "-pk").values_list("started_at", "outcome")[:_MOST_RUNS])
    failed = [at for at, outcome in runs if outcome in _BAD]
    newest = [outcome in _BAD for _at, outcome in runs[:_ENOUGH]]
    if len(failed) < _ENOUGH or not (all(newest) or 2 * len(failed) > len(runs)):
        return Health(up=True)
    text = _("%(vendor)s has trouble right now. You can connect later: nothing that you did so far is lost.")
    return Health(up=False, since=failed[-1], text=text % {"vendor": vendors.adapter_class(vendor).label})
