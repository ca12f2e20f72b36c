"""Bringing homes in: from a vendor's system to a gateway that sends."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from gateways import actions, events, queries
from gateways.events import By
from gateways.models import Coordinates, Gateway, GatewayType
from ingest import duplicates, lifecycle, locks
from ingest.models import Connection, System

_Status = Gateway.Status


@transaction.atomic
def give_gateway(
    *, system: System, gateway_type: GatewayType, by: By, now: datetime, owner: User | None = None
) -> Gateway:
    """Make the gateway of a vendor's system, which is pulled from then on. Returns the one it has, if it has one.

    One that was released stays behind: the home begins anew. It stands where the vendor says that the system stands, if
    the vendor knows. Raises LinkedElsewhere if its devices send through another account already.
    """
    locks.lock(System.objects.filter(pk=system.pk), [system.connection])
    system = System.objects.select_related("connection", "gateway").get(pk=system.pk)
    if system.gateway is not None and system.gateway.status != _Status.RELEASED:
        return system.gateway
    if system.connection.partner_id != gateway_type.partner_id:
        msg = "The system and the gateway type belong to different partners."
        raise ValidationError(msg)
    events.lock(system.connection.partner_id)  # else two accounts of the same home could both find nothing there
    if linked := duplicates.linked_elsewhere(system):
        raise duplicates.LinkedElsewhere(linked)
    system.gateway = actions.create_gateway(gateway_type=gateway_type, name=str(system), owner=owner, by=by, now=now)
    system.save(update_fields=["gateway"])
    if system.latitude and system.longitude:  # a vendor that does not know the place may send zeros
        actions.locate_gateway(
            gateway=system.gateway, latitude=Decimal(system.latitude), longitude=Decimal(system.longitude),
            source=Coordinates.Source.VENDOR, by=by, now=now,
        )  # fmt: skip
    Connection.objects.filter(pk=system.connection_id, status=Connection.Status.ACTIVE).update(next_pull_at=now)
    return system.gateway


@transaction.atomic
def set_up_home(
    *,
    system: System,
    gateway_type: GatewayType,
    address: str,
    latitude: Decimal | None,
    longitude: Decimal | None,
    source: str,
    by: By,
    now: datetime,
) -> Gateway:
    """Make the gateway of a home that staff bring in, with the wallet and the place they know. Raises ValidationError.

    An empty `address` is named later; without degrees it stands where the vendor says. A home that has its gateway is
    set up already: that is changed by its own actions.
    """
    system.refresh_from_db()
    if system.gateway is not None and system.gateway.status != _Status.RELEASED:
        msg = f"This home sends through {system.gateway} already."
        raise ValidationError(msg)
    gateway = give_gateway(system=system, gateway_type=gateway_type, by=by, now=now)
    if address:
        gateway = actions.bind_wallet(gateway=gateway, address=address, by=by, now=now)
    if latitude is not None and longitude is not None:
        gateway = actions.locate_gateway(
            gateway=gateway, latitude=latitude, longitude=longitude, source=source, by=by, now=now
        )
    return gateway


def bring_to_life(*, gateway: Gateway, wallet: str, place: tuple[Decimal, Decimal], by: By, now: datetime) -> Gateway:
    """Take a sandbox gateway through all steps up to active, from where it stands. Raises SenError, ValidationError."""
    latitude, longitude = place
    if gateway.wallet is None:
        gateway = actions.bind_wallet(gateway=gateway, address=wallet, by=by, now=now)
    if gateway.coordinates is None:
        gateway = actions.locate_gateway(
            gateway=gateway, latitude=latitude, longitude=longitude, source=Coordinates.Source.VENDOR, by=by, now=now
        )
    return advance(gateway=gateway, by=by, now=now)


def advance(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Take a gateway as far towards active as what is known of it allows. Raises SenError, ValidationError, VaultError.

    Sandbox gateways are registered by a call; those of production wait until staff note that Sourceful has them. A
    homeowner's gateway is bound to a wallet that they have proven, as that is for good; else it waits for the proof,
    or for their app to have it bound.
    """
    if gateway.status == _Status.CREATED and gateway.partner.is_sandbox:
        gateway = lifecycle.register_in_sandbox(gateway=gateway, by=by, now=now)
    if gateway.status == _Status.REGISTERED and gateway.wallet and (gateway.wallet.proven_at or not gateway.owner_id):
        if not lifecycle.incept(gateway=gateway, by=by, now=now):
            msg = f"SEN does not bind {gateway} to {gateway.wallet}: it may belong to another wallet."
            raise ValidationError(msg)
        gateway.refresh_from_db()
    elif gateway.status == _Status.REGISTERED and _signed_lately(gateway, now):
        gateway = lifecycle.learn_owner(gateway=gateway, by=by, now=now)
    if gateway.status == _Status.LOCATED:
        gateway = actions.activate_gateway(gateway=gateway, by=by, now=now)
    return gateway


def _signed_lately(gateway: Gateway, now: datetime) -> bool:
    return queries.signed_lately(Gateway.objects.filter(pk=gateway.pk), now=now).exists()
