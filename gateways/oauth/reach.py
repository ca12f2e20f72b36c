"""Which homes a client reaches: those of its partner whose owners agreed to what it wants them for.

A homeowner's app reaches the homes that were ticked on the consent page. A backend that validates rewards reaches homes
whose readings go to SEN. The partner's own backend reaches all its gateways, and readings where owners show them.
"""

from __future__ import annotations

from django.db.models import QuerySet

from gateways.models import Client, Gateway, GatewayGrant
from gateways.models.client import KINDS
from gateways.oauth import grants
from gateways.oauth.tokens import Caller


def gateways(caller: Caller, rows: QuerySet[Gateway] | None = None) -> QuerySet[Gateway]:
    """Return the gateways that a caller may know of, all of its partner's or of these."""
    rows = (Gateway.objects.all() if rows is None else rows).filter(partner=caller.partner)
    if caller.user is not None:
        return rows.filter(
            owner=caller.user, grants__client=caller.client, grants__user=caller.user, grants__ended_at=None
        ).exclude(status=Gateway.Status.RELEASED)
    if caller.client.purpose == Client.Purpose.REWARDS:
        return rows.filter(system__sends=True, status__in=Gateway.SIGNING)
    return rows


def with_readings(caller: Caller) -> QuerySet[Gateway]:
    """Return the gateways whose readings a caller may see."""
    known = gateways(caller)
    return known.filter(system__shown=True) if is_partners_own(caller) else known


def is_partners_own(caller: Caller) -> bool:
    """Tell whether a caller is the partner's own backend, which also knows of homes that have no gateway yet."""
    return caller.user is None and caller.client.purpose == Client.Purpose.SERVICE


def kinds(caller: Caller) -> frozenset[str]:
    """Return the kinds of devices that a caller sees, of those that are shared at all."""
    return grants.kinds_of(client=caller.client, user=caller.user) if caller.user else frozenset(KINDS)


def agreed(caller: Caller, gateway: Gateway, scope: str) -> bool:
    """Tell whether a homeowner lets the app that calls do this with a home: with this one, whatever its token says."""
    mine = GatewayGrant.objects.filter(client=caller.client, user=caller.user, gateway=gateway, ended_at=None)
    return any(scope in grant.scopes for grant in mine)
