"""Deleting what is kept of a homeowner: for one partner, or everywhere together with the account.

Some of it stays, and the page says so: the log of events, which names numbers of devices and accounts and the wallet's
public address; consents, as proof that there was one, without their giver; ids and public keys of released gateways, so
that no other ever gets them. What was sent to SEN stays there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from gateways import actions, events
from gateways.events import By
from gateways.models import Gateway, Membership, Partner, Wallet
from gateways.oauth import grants
from ingest import connections, locks
from ingest.models import Connection, Der, GatewayQueue, Message, Reading, System
from onboarding.models import Consent, Invitation, JoinSession, Journey, WalletChallenge

_GONE = "deleted"  # the label of an account that is kept until its consent is given back at the vendor


def partners_of(user: User) -> QuerySet[Partner]:
    """Return the partners that have anything of a homeowner."""
    rows = (
        Gateway.objects.filter(owner=user),
        Connection.objects.filter(owner=user),
        Journey.objects.filter(user=user),
    )
    own = (*rows, Consent.objects.filter(user=user), Invitation.objects.filter(accepted_by=user))
    ids = {pk for of_model in own for pk in of_model.order_by().values_list("partner", flat=True)}
    return Partner.objects.filter(pk__in=ids).order_by("name")


def keeps_account(user: User) -> bool:
    """Return whether an account stays when the last home is deleted: that of somebody who works for a partner."""
    return user.is_staff or user.is_superuser or Membership.objects.filter(user=user).exists()


@transaction.atomic
def delete_for(*, user: User, partner: Partner, by: By, now: datetime) -> None:
    """Delete all that one partner has of a homeowner: homes, readings, what waits to be sent, accounts, wallet."""
    gateways, accounts, systems = _locked(user, [partner])
    homes = gateways + _others_of(systems, gateways)
    wallets = {home.wallet_id for home in homes if home.wallet_id}
    wallets |= set(_journeys(user, partner).exclude(wallet=None).values_list("wallet", flat=True))
    for home in homes:
        _let_go(home, by, now)
    _forget_systems(systems)
    _forget_journeys(user, partner)
    _forget_consents(user, partner, accounts, now)
    for account in accounts:
        _forget_account(account, by, now)
    Wallet.objects.filter(pk__in=wallets, gateways=None).exclude(
        pk__in=Journey.objects.exclude(wallet=None).values("wallet")
    ).delete()
    grants.forget(user=user, partner=partner, by=by, now=now)
    events.record(
        partner=partner, name=events.HOMEOWNER_DELETED, subject=f"user:{user.pk}", by=by, now=now,
        data={"gateways": [home.serial for home in homes]},
    )  # fmt: skip


@transaction.atomic
def delete_account(*, user: User, by: By, now: datetime) -> bool:
    """Delete all that is kept of a homeowner anywhere; return whether the account went, too.

    The account of somebody who works for a partner stays, without homes.
    """
    partners = list(partners_of(user).order_by("pk"))
    _locked(user, partners)  # all, as who has the lock of one partner must not wait for rows of the next
    for partner in partners:
        delete_for(user=user, partner=partner, by=by, now=now)
    if keeps_account(user):
        return False
    user.delete()
    return True


@transaction.atomic
def delete_with(*, user: User, partner: Partner, by: By, now: datetime) -> bool:
    """Delete all that one partner has, and the account if nothing else is left; return whether the account went.

    Raises ValidationError for a partner that has nothing of theirs.
    """
    if not partners_of(user).filter(pk=partner.pk).exists():
        raise ValidationError(_("There is nothing of yours here any more."))
    delete_for(user=user, partner=partner, by=by, now=now)
    return not partners_of(user).exists() and delete_account(user=user, by=by, now=now)


def forget_given_back() -> int:
    """Delete the accounts whose consent was given back at the vendor since their owner left; return how many."""
    left = Connection.objects.filter(
        label=_GONE, owner=None, status=Connection.Status.DISCONNECTED, revoke_due_at=None, systems=None,
        enrollments=None, consents=None,
    )  # fmt: skip
    ids = list(left.values_list("pk", flat=True))
    Connection.objects.filter(pk__in=ids).delete()
    Connection.history.filter(id__in=ids).delete()
    return len(ids)


def _locked(user: User, partners: Collection[Partner]) -> tuple[list[Gateway], list[Connection], list[System]]:
    """Lock what partners have of a homeowner; return the gateways, the accounts, and the systems that are theirs."""
    # A step of a journey locks it before the account, too.
    list(Journey.objects.filter(user=user, partner__in=partners).select_for_update().order_by("pk"))
    gateways = list(Gateway.objects.filter(owner=user, partner__in=partners).order_by("pk"))
    accounts = list(Connection.objects.filter(owner=user, partner__in=partners).order_by("pk"))
    # An account may open homes of others, too: those stay, and so does the account.
    others = Q(gateway__owner__isnull=False) & ~Q(gateway__owner=user)
    mine = System.objects.filter(Q(connection__in=accounts) | Q(gateway__in=gateways)).exclude(others)
    return gateways, accounts, locks.lock(mine, accounts, gateways)


def _others_of(systems: Sequence[System], known: Sequence[Gateway]) -> list[Gateway]:
    """Return gateways of the homeowner's systems that nobody was named the owner of."""
    ids = {system.gateway_id for system in systems if system.gateway_id} - {gateway.pk for gateway in known}
    return list(Gateway.objects.filter(pk__in=ids, owner=None).order_by("pk"))


def _let_go(gateway: Gateway, by: By, now: datetime) -> None:
    """Release a gateway; what stays of it is its id and its keys."""
    if gateway.status != Gateway.Status.RELEASED:
        actions.release_gateway(gateway=gateway, by=by, now=now)
    # Whoever sends for it now loses the queue's row, and with it the right to write anything down.
    GatewayQueue.objects.filter(pk=gateway.pk).delete()
    System.objects.filter(gateway=gateway).update(gateway=None)
    place = gateway.coordinates
    Gateway.objects.filter(pk=gateway.pk).update(owner=None, wallet=None, coordinates=None, name="")
    Gateway.history.filter(id=gateway.pk).delete()
    if place:
        place.delete()  # its history goes with it


def _forget_systems(systems: Sequence[System]) -> None:
    ids = [system.pk for system in systems]
    for der in Der.objects.filter(system__in=ids):
        Reading.objects.filter(der=der).delete()  # by its key, and so by DER
    Message.objects.filter(der__system__in=ids).delete()
    Der.objects.filter(system__in=ids).delete()
    System.objects.filter(pk__in=ids).delete()


def _journeys(user: User, partner: Partner) -> QuerySet[Journey]:
    return Journey.objects.filter(user=user, partner=partner)


def _forget_journeys(user: User, partner: Partner) -> None:
    JoinSession.objects.filter(user=user, partner=partner).delete()
    _journeys(user, partner).delete()
    WalletChallenge.objects.filter(user=user, partner=partner).delete()
    theirs = Q(accepted_by=user)
    # Only what they have shown to be theirs: anybody's address can be added to an account.
    proven = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    for address in {user.email, *proven} - {""}:
        theirs |= Q(email__iexact=address)
    Invitation.objects.filter(theirs, partner=partner).delete()


def _forget_consents(user: User, partner: Partner, accounts: Sequence[Connection], now: datetime) -> None:
    """End the consents and take their giver's name off them; word, time and version stay as proof."""
    given = Consent.objects.filter(Q(user=user) | Q(user=None, connection__in=accounts), partner=partner)
    given.filter(ended_at=None).update(ended_at=now, ending=Consent.Ending.DELETED)
    given.update(user=None, connection=None, subject="")


def _forget_account(connection: Connection, by: By, now: datetime) -> None:
    """Delete an account at a vendor, or what can be told of it until its consent is given back there."""
    if connection.systems.exists():
        Connection.objects.filter(pk=connection.pk).update(owner=None, label=connection.get_vendor_display())
        Connection.history.filter(id=connection.pk).delete()
        return
    connections.disconnect(connection=connection, by=by, now=now)
    connection.refresh_from_db()
    Connection.objects.filter(pk=connection.pk).update(owner=None, label=_GONE, last_error="", refused_parts={})
    Connection.history.filter(id=connection.pk).delete()
    if connection.revoke_due_at is None and not connection.enrollments.exists():
        Connection.objects.filter(pk=connection.pk).delete()
        Connection.history.filter(id=connection.pk).delete()
