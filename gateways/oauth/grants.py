"""What homeowners let apps do: for which homes, until they take it back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from gateways import events
from gateways.events import By
from gateways.models import Client, Gateway, GatewayGrant, Partner
from gateways.models.client import KINDS
from gateways.oauth import clients

_NOTED_EVERY = timedelta(minutes=5)


def homes_of(user: User, client: Client) -> QuerySet[Gateway]:
    """Return the homes that a homeowner can let a client act for."""
    return Gateway.objects.filter(owner=user, partner=client.partner_id).exclude(status=Gateway.Status.RELEASED)


def active(user: User) -> QuerySet[GatewayGrant]:
    """Return what a homeowner lets apps do now, for homes that are still theirs."""
    mine = GatewayGrant.objects.filter(user=user, ended_at=None, gateway__owner=user, client__disabled_at=None)
    return mine.exclude(gateway__status=Gateway.Status.RELEASED).select_related("client__partner", "gateway")


def scopes_of(*, client: Client, user: User) -> frozenset[str]:
    """Return what a homeowner lets a client do now, whatever its tokens were once given for."""
    given = active(user).filter(client=client).values_list("scopes", flat=True)
    return frozenset(scope for scopes in given for scope in scopes)


def kinds_of(*, client: Client, user: User) -> frozenset[str]:
    """Return the kinds of devices that a homeowner lets a client see; they are the same for all of its homes."""
    given = active(user).filter(client=client).values_list("kinds", flat=True)
    return frozenset(kind for kinds in given for kind in kinds)


def note_use(*, client: Client, user: User, now: datetime) -> None:
    """Note that a client uses what it was given; the time is right to some minutes."""
    long_ago = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED_EVERY)
    stale = GatewayGrant.objects.filter(long_ago, client=client, user=user, ended_at=None)
    if stale.exists():  # else reading would take SQLite's one lock for writing
        stale.update(last_used_at=now)


@transaction.atomic
def give(
    *,
    user: User,
    client: Client,
    gateways: Collection[Gateway],
    scopes: Collection[str],
    now: datetime,
    kinds: Collection[str] = KINDS,
) -> None:
    """Let a client act for these homes of a homeowner, and for no other: what was agreed to before is replaced.

    Of devices it sees these kinds. Raises ValidationError for no home or kind, and for a home that is not theirs to
    give.
    """
    events.lock(client.partner_id)
    if not gateways or {gateway.pk for gateway in gateways} - set(homes_of(user, client).values_list("pk", flat=True)):
        raise ValidationError(_("Tick at least one home."))
    if not kinds or set(kinds) - set(KINDS):
        raise ValidationError(_("Tick at least one."))
    before = GatewayGrant.objects.filter(client=client, user=user, ended_at=None)
    _end(before.select_related("client__partner", "gateway"), user, now)
    for gateway in gateways:
        grant = GatewayGrant.objects.create(
            client=client, gateway=gateway, user=user, scopes=sorted(scopes), given_at=now,
            kinds=[kind for kind in KINDS if kind in kinds],
        )  # fmt: skip
        _record(grant, events.GRANT_GIVEN, user, now)


@transaction.atomic
def end(*, client: Client, user: User, by: By, now: datetime) -> None:
    """Take everything back that a homeowner let a client do; its tokens for them are gone at once."""
    events.lock(client.partner_id)
    living = GatewayGrant.objects.filter(client=client, user=user, ended_at=None)
    _end(living.select_related("client__partner", "gateway"), by, now)
    clients.lock_tokens([user.pk])
    clients.forget_tokens(client, user=user)


@transaction.atomic
def forget(*, user: User, partner: Partner, by: By, now: datetime) -> None:
    """Take everything back that a homeowner let the clients of a partner do, and forget that it was ever given."""
    given = GatewayGrant.objects.filter(user=user, client__partner=partner)
    for client in Client.objects.filter(pk__in=given.values("client")).select_related("partner"):
        end(client=client, user=user, by=by, now=now)
    given.delete()


def _end(living: QuerySet[GatewayGrant], by: By, now: datetime) -> None:
    for grant in living:
        GatewayGrant.objects.filter(pk=grant.pk).update(ended_at=now)
        _record(grant, events.GRANT_ENDED, by, now)


def _record(grant: GatewayGrant, name: str, by: By, now: datetime) -> None:
    events.record(
        partner=grant.client.partner, name=name, subject=grant.gateway.event_subject, by=by, now=now,
        data={"client": grant.client.client_id, "scopes": grant.scopes, "kinds": grant.kinds},
    )  # fmt: skip
