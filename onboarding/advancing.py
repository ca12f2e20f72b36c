"""Takes homeowners' gateways on, step by step, until they send."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from gateways import queries
from gateways.models import Gateway, Partner
from gateways.vault import VaultError
from ingest.sen.errors import SenError
from onboarding import actions

log = structlog.get_logger(__name__)

_FIRST_GAP_S, _LONGEST_GAP_S = 60, 3600
_Status = Gateway.Status


def advance_homes(*, clock: Callable[[], datetime], until: float) -> int:
    """Advance all that can be until `time.monotonic()` reaches `until`; return how many got further.

    What fails, or has to wait for SEN, is tried again after 1, 2, 4 … minutes, at most an hour, and holds up no other.
    """
    moved = 0
    for gateway in on_their_way(now=clock()):
        if time.monotonic() > until:
            break
        moved += _advance(gateway, clock)
    return moved


def on_their_way(*, now: datetime) -> QuerySet[Gateway]:
    """Return homeowners' gateways whose next step needs nobody.

    A wallet that is not proven waits: a mistyped one would get the rewards for good. An app that has had the gateway
    sign may have named SEN its wallet, which the gateway then waits for no longer.
    """
    in_sandbox = Q(status=_Status.CREATED, partner__environment=Partner.Environment.SANDBOX)
    to_be_bound = Q(status=_Status.REGISTERED, wallet__proven_at__isnull=False)
    lately = queries.signed_lately(Gateway.objects.filter(status=_Status.REGISTERED), now=now)
    steps = in_sandbox | to_be_bound | Q(pk__in=lately.values("pk")) | Q(status=_Status.LOCATED)
    return Gateway.objects.filter(steps, owner__isnull=False).select_related("partner", "gateway_type").order_by("pk")


def _advance(gateway: Gateway, clock: Callable[[], datetime]) -> bool:
    tries = f"advance:{gateway.pk}:tries"
    failures = cache.get(tries, 0)
    gap = min(_FIRST_GAP_S * 2**failures, _LONGEST_GAP_S)
    # Who sets the key has the gateway until it expires, which is the gap after a failure, too.
    if not cache.add(f"advance:{gateway.pk}", "taken", timeout=gap):
        return False
    before = gateway.status
    try:
        moved = actions.advance(gateway=gateway, by="portal", now=clock()).status != before
    except Exception as error:  # noqa: BLE001  whatever it is, one home holds up no other
        foreseen = isinstance(error, (SenError, ValidationError, VaultError))
        level = log.warning if foreseen else log.exception
        level("home not advanced", gateway=gateway.serial, status=before, failures=failures + 1, error=str(error))
        moved = False
    if moved:
        cache.delete_many([tries, f"advance:{gateway.pk}"])
    else:
        cache.set(tries, failures + 1, timeout=2 * _LONGEST_GAP_S)
    return moved
