"""A homeowner's own homes and accounts: which there are, how far they have got, what is missing.

Everything begins with the signed-in user: a row that is not theirs is not found.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gateways import queries
from gateways.models import Gateway
from ingest.models import Connection, Der, GatewayQueue, Message, System
from ingest.readings import Kind
from onboarding import consent_texts
from onboarding.models import Journey

_Status = Gateway.Status
# What in a vendor's name of a resource tells which kind of DER it is about.
_SIGNS = {
    Kind.BATTERY: ("batter", "storage", "soc"),
    Kind.METER: ("meter", "consumption", "import", "export", "grid", "load"),
    Kind.PV: ("production", "inverter", "micro", "pv"),
}


@dataclass(frozen=True)
class Stage:
    """A step on the way to sending: its name, whether it is done, and what it waits for."""

    title: str
    done: bool
    hint: str = ""


def gateways_of(user: User) -> QuerySet[Gateway]:
    """Return the homes that a user has."""
    mine = Gateway.objects.filter(owner=user).exclude(status=_Status.RELEASED)
    return mine.select_related("partner", "wallet", "coordinates", "system__connection").order_by("created_at", "pk")


def connections_of(user: User) -> QuerySet[Connection]:
    """Return the accounts at vendors that a user has connected, also those that are disconnected."""
    mine = Connection.objects.filter(owner=user).select_related("partner__join_page", "credential__partner")
    return mine.order_by("partner__name", "created_at", "pk")


def open_journeys_of(user: User) -> QuerySet[Journey]:
    """Return the journeys that a user has begun and not finished."""
    return Journey.objects.filter(user=user, finished_at=None, abandoned_at=None).select_related("partner")


def system_of(gateway: Gateway) -> System | None:
    """Return what is read for a home; a gateway that staff made may have nothing yet."""
    return getattr(gateway, "system", None)


def name_of(gateway: Gateway) -> str:
    """Return what a homeowner calls a home."""
    return str(system_of(gateway) or gateway.name or gateway.serial)


def ders_of(system: System) -> list[Der]:
    """Return the DERs of a home in the order in which people think of them, without those that are not shared."""
    order = list(Kind)
    kept = system.ders.select_related("system__connection").exclude(kind__in=system.connection.withheld_kinds)
    return sorted(kept.filter(gone_at=None), key=lambda der: (order.index(Kind(der.kind)), der.sn))


def zone_of(system: System | None) -> zoneinfo.ZoneInfo:
    """Return the home's time zone; UTC where the vendor named none that exists."""
    return system.zone if system else zoneinfo.ZoneInfo("UTC")


def held_of(gateway: Gateway) -> int:
    """Return how many messages of a home are held one by one, which SEN did not take."""
    return Message.objects.filter(gateway=gateway, state=Message.State.HELD).count()


def part_names(connection: Connection) -> list[str]:
    """Return what a vendor refuses of an account, in words where its name of the resource tells what it is about."""
    return sorted({_part_name(resource) for resource in connection.refused_parts})


def stages_of(gateway: Gateway, system: System | None, queue: GatewayQueue | None) -> list[Stage]:
    """Return how far a home has got on its way to sending."""
    bound = gateway.status not in {_Status.CREATED, _Status.REGISTERED}
    sent = queue is not None and queue.delivered > 0
    by_hand = _("Sourceful registers new homes by hand: this takes some days.")
    sending = _stopped(system) or _("This follows by itself, as soon as there is a reading.")
    registering = _("This can happen any moment.") if gateway.partner.is_sandbox else by_hand
    return [
        Stage(_("Registered with the network"), gateway.registered_at is not None, registering),
        Stage(_("Bound to your wallet"), bound, _wallet_hint(gateway)),
        Stage(_("Position known"), gateway.coordinates_id is not None, _("Say where your home stands.")),
        Stage(_("Switched on"), gateway.status == _Status.ACTIVE, _("This follows by itself.")),
        Stage(_("First reading sent"), sent, sending),
    ]


def why_not_sent(gateway: Gateway, system: System | None, queue: GatewayQueue | None) -> str:
    """Say in plain words why nothing goes to SEN now, or nothing if all is well."""
    if stopped := _stopped(system):
        return stopped
    if gateway.status == _Status.SUSPENDED:
        return _("Your partner has switched this home off for a while. Write to them to learn why.")
    if gateway.status != _Status.ACTIVE:
        return _("This home is not switched on yet: what it measures waits and is sent then.")
    if queues_trouble := _trouble(gateway, queue):
        return queues_trouble
    return ""


def _stopped(system: System | None) -> str:
    stopped = system is not None and not system.sends
    return _("You have stopped the rewards for this home, so nothing is sent.") if stopped else ""


def _trouble(gateway: Gateway, queue: GatewayQueue | None) -> str:
    if queue is None:
        return ""
    if queue.held_at:
        return _("Sending is stopped until your partner has looked at it. Nothing is lost: your readings wait.")
    if queries.active_key(gateway) is None:
        return _("The key of this home is being renewed. Nothing is lost: your readings wait.")
    if queue.waiting and queue.failures:
        return _("The network did not take the last readings. We try again by ourselves.")
    return ""


def _wallet_hint(gateway: Gateway) -> str:
    if gateway.wallet is None:
        return _("Add a wallet.")
    if gateway.wallet.proven_at is None:
        return _("Show that the wallet is yours.")
    return _("This follows by itself.")


def _part_name(resource: str) -> str:
    for kind, signs in _SIGNS.items():
        if any(sign in resource.lower() for sign in signs):
            return str(consent_texts.KINDS[kind])
    return resource
