"""What homeowners let apps do: for which homes, until they take it back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from gateways import events
from gateways.events import By
from gateways.models import Client, Gateway, GatewayGrant
from gateways.oauth import clients


def homes_of(user: User, client: Client) -> QuerySet[Gateway]:
    """Return the homes that a homeowner can let a client act for."""
    return Gateway.objects.filter(owner=user, partner=client.partner_id).exclude(status=Gateway.Status.RELEASED)


def active(user: User) -> QuerySet[GatewayGrant]:
    """Return what a homeowner lets apps do now."""
    mine = GatewayGrant.objects.filter(user=user, ended_at=None, gateway__owner=user, client__disabled_at=None)
    return mine.select_related("client__partner", "gateway")


@transaction.atomic
def give(*, user: User, client: Client, gateways: Collection[Gateway], scopes: Collection[str], now: datetime) -> None:
    """Let a client act for these homes of a homeowner, and for no other: what was agreed to before is replaced."""
    events.lock(client.partner_id)
    before = GatewayGrant.objects.filter(client=client, user=user, ended_at=None)
    _end(before.select_related("client__partner", "gateway"), user, now)
    for gateway in gateways:
        grant = GatewayGrant.objects.create(
            client=client, gateway=gateway, user=user, scopes=sorted(scopes), given_at=now
        )
        _record(grant, events.GRANT_GIVEN, user, now)


@transaction.atomic
def end(*, client: Client, user: User, by: By, now: datetime) -> None:
    """Take everything back that a homeowner let a client do; its tokens for them are gone at once."""
    events.lock(client.partner_id)
    living = GatewayGrant.objects.filter(client=client, user=user, ended_at=None)
    _end(living.select_related("client__partner", "gateway"), by, now)
    clients.forget_tokens(client, user=user)


def _end(living: QuerySet[GatewayGrant], by: By, now: datetime) -> None:
    for grant in living:
        GatewayGrant.objects.filter(pk=grant.pk).update(ended_at=now)
        _record(grant, events.GRANT_ENDED, by, now)


def _record(grant: GatewayGrant, name: str, by: By, now: datetime) -> None:
    events.record(
        partner=grant.client.partner, name=name, subject=f"gateway:{grant.gateway.serial}", by=by, now=now,
        data={"client": grant.client.client_id, "scopes": grant.scopes},
    )  # fmt: skip
