"""Homeowners as their partner knows them: by its own reference, in enrollments and invitations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet

from gateways import events
from gateways.events import By
from gateways.models import Gateway, Partner
from ingest import locks
from ingest.models import Connection, System
from onboarding import enrollments, my_sharing, owners
from onboarding.models import Consent, Enrollment, Invitation


@dataclass(frozen=True)
class Homeowner:
    """What a partner has of somebody: accounts that are connected, and with them homes and consents that count."""

    reference: str
    accounts: Sequence[Connection]

    @property
    def consents(self) -> list[Consent]:
        return [consent for account in self.accounts for consent in account.consents.all()]

    @property
    def gateways(self) -> list[Gateway]:
        """An account may open homes of others, too: those are not among them."""
        return [
            system.gateway
            for account in self.accounts
            for system in account.systems.all()
            if system.gateway and system.gateway.owner_id in {None, account.owner_id}
        ]


def references(partner: Partner, *, behind: str = "", most: int) -> list[str]:
    """Return a partner's references of homeowners, in their order, from behind one of them on."""
    rows = [rows.filter(user_reference__gt=behind).values_list("user_reference") for rows in _said(partner)]
    return [reference for (reference,) in rows[0].union(rows[1]).order_by("user_reference")[:most]]


def is_known(partner: Partner, reference: str) -> bool:
    """Tell whether a partner has used a reference."""
    return any(rows.filter(user_reference=reference).exists() for rows in _said(partner))


def of(partner: Partner, wanted: Collection[str]) -> list[Homeowner]:
    """Return homeowners in the order of `wanted`."""
    homes = System.objects.select_related("gateway").order_by("pk")
    counting = Consent.objects.filter(ended_at=None)
    accounts = _accounts(partner, wanted).prefetch_related(Prefetch("systems", homes), Prefetch("consents", counting))
    found: dict[str, list[Connection]] = {reference: [] for reference in wanted}
    for account in accounts:
        found[account.user_reference].append(account)
    return [Homeowner(reference, theirs) for reference, theirs in found.items()]


@transaction.atomic
def disconnect(*, partner: Partner, reference: str, by: By, now: datetime) -> None:
    """Disconnect all accounts of a homeowner and end what was agreed to for them.

    Gateways, readings, the log and ended consents stay, and so does the reference: they may come back.
    """
    seen = list(_accounts(partner, [reference]))
    locks.lock(System.objects.filter(connection__in=seen), seen)
    events.lock(partner.pk)
    for account in _accounts(partner, [reference]).filter(pk__in=[one.pk for one in seen]):
        if living := Enrollment.objects.filter(connection=account, status__in=Enrollment.LIVING).first():
            enrollments.end(enrollment=living, by=by, now=now)
        else:
            my_sharing.disconnect(connection=account, by=by, now=now)


def _said(partner: Partner) -> tuple[QuerySet[Enrollment], QuerySet[Invitation]]:
    """Return where a partner says how it calls a homeowner; a link for many is for nobody in particular."""
    of_flows = Enrollment.objects.filter(partner=partner).exclude(user_reference="").order_by()
    asked_in = Invitation.objects.filter(partner=partner, for_many=False).exclude(user_reference="").order_by()
    return of_flows, asked_in


def _accounts(partner: Partner, wanted: Collection[str]) -> QuerySet[Any]:
    """Return the accounts that are these homeowners' now; who had one before is not told of it any more."""
    of_flows, asked_in = _said(partner)
    enrolled = of_flows.filter(user_reference__in=wanted).values("connection")
    invited = asked_in.filter(user_reference__in=wanted).values("accepted_by")
    ever = Connection.objects.filter(Q(pk__in=enrolled) | Q(owner__in=invited), partner=partner)
    theirs: QuerySet[Any] = owners.with_reference(ever.exclude(status=Connection.Status.DISCONNECTED))
    return theirs.filter(user_reference__in=wanted).order_by("created_at", "pk")
