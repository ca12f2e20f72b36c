"""The life of a gateway: created → registered → owned → located → active, with suspended and released beside it.

Wallet and position may be given at any time before; the gateway still goes through every stage. A wallet named early
waits for SEN to bind it, a position set early counts as soon as the gateway is owned.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from gateways import events, wallets
from gateways.actions import base, keys
from gateways.events import By
from gateways.models import Coordinates, Gateway, GatewayKey, GatewayType, Partner, Wallet
from gateways.models.gateway import PREFIX_PATTERN

_Status = Gateway.Status
_GLOBAL = GatewayType.KeyStrategy.GLOBAL


@transaction.atomic
def create_gateway_type(
    *,
    partner: Partner,
    name: str,
    prefix: str,
    by: By,
    now: datetime,
    key_strategy: str = GatewayType.KeyStrategy.PER_DEVICE,
    **jwt_fields: str,
) -> GatewayType:
    """Create the type that Sourceful has defined; `model` and `dtype` go into the JWT header.

    With `key_strategy="global"` it gets its key, which signs once SEN has it.
    """
    if not re.fullmatch(PREFIX_PATTERN, prefix):
        base.refuse("A prefix is up to 47 letters, digits, _ and -, and does not begin with -.", field="prefix")
    events.lock(partner.pk)
    gateway_type = base.validated(GatewayType(partner=partner, name=name, prefix=prefix, **jwt_fields))
    gateway_type.save()
    events.note(gateway_type, events.GATEWAY_TYPE_CREATED, by, now, prefix=prefix)
    if key_strategy == _GLOBAL:
        keys.make_key_global(gateway_type=gateway_type, by=by, now=now)
    return gateway_type


@transaction.atomic
def change_gateway_type(*, gateway_type: GatewayType, by: By, now: datetime, **changes: str) -> GatewayType:
    """Change a type's `name`, or what stands as `model` or `dtype` in the header of its gateways' JWTs."""
    base.begin(gateway_type)
    for field, value in changes.items():
        setattr(gateway_type, field, value)
    base.validated(gateway_type).save(update_fields=list(changes))
    events.note(gateway_type, events.GATEWAY_TYPE_CHANGED, by, now, changed=changes)
    return gateway_type


@transaction.atomic
def create_gateway(
    *, gateway_type: GatewayType, by: By, now: datetime, name: str = "", serial: str = "", owner: User | None = None
) -> Gateway:
    """Create a gateway with a random id under the type's prefix and, in per-device types, its pending key.

    `serial` is for a gateway whose id Sourceful knows already; `owner` is the homeowner, if there is an account of one.
    """
    base.begin(gateway_type)
    serial = serial or f"{gateway_type.prefix}-{secrets.token_hex(8)}"
    if serial.rpartition("-")[0] != gateway_type.prefix:
        base.refuse(f"The id of a gateway of this type is {gateway_type.prefix}- and 16 hex digits.", field="serial")
    gateway = Gateway(gateway_type=gateway_type, partner=gateway_type.partner, serial=serial, name=name, owner=owner)
    base.validated(gateway).save()
    events.note(gateway, events.GATEWAY_CREATED, by, now)
    if gateway_type.key_strategy != _GLOBAL:
        keys.create_key(gateway, by=by, now=now)
    return gateway


@transaction.atomic
def rename_gateway(*, gateway: Gateway, name: str, by: By, now: datetime) -> Gateway:
    """Give a gateway another name, for people. It may be an address, so the log does not have it."""
    base.begin(gateway)
    gateway.name = name
    base.validated(gateway).save(update_fields=["name"])
    events.note(gateway, events.GATEWAY_RENAMED, by, now)
    return gateway


@transaction.atomic
def register_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Note that SEN knows the gateway and the key it was exported with: that key signs from now on."""
    base.begin_with(gateway, _Status.CREATED, otherwise="SEN knows it already. For a new key, activate the key.")
    gateway.status, gateway.registered_at = _Status.REGISTERED, now
    gateway.save()
    events.note(gateway, events.GATEWAY_REGISTERED, by, now)
    owner = gateway if gateway.keys.filter(state=GatewayKey.State.PENDING).exists() else gateway.gateway_type
    if not owner.keys.filter(state=GatewayKey.State.ACTIVE).exists():
        keys.activate_pending(owner, by=by, now=now)
    return gateway


@transaction.atomic
def bind_wallet(*, gateway: Gateway, address: str, by: By, now: datetime, proven: bool = False) -> Gateway:
    """Name the wallet that rewards go to, until inception makes it final; `proven` if its holder signed for it."""
    advice = "Its wallet is final. For another wallet release it and create a new gateway."
    base.begin_with(gateway, _Status.CREATED, _Status.REGISTERED, otherwise=advice)
    try:
        address = wallets.parse_address(address)
    except ValidationError as error:
        raise ValidationError({"address": error.messages}) from error
    wallet, _created = Wallet.objects.get_or_create(partner=gateway.partner, address=address)
    if proven and wallet.proven_at is None:
        wallet.proven_at = now
        wallet.save()
    gateway.wallet = wallet
    gateway.save()
    proof = {"proven": wallet.proven_at is not None}
    events.note(gateway, events.GATEWAY_WALLET_NAMED, by, now, wallet=wallet.address, **proof)
    return gateway


@transaction.atomic
def own_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Note that SEN has bound the gateway to its wallet (inception)."""
    advice = (
        "Only a registered gateway can be bound to a wallet, and only once: register it, or go on with its position."
    )
    base.begin_with(gateway, _Status.REGISTERED, otherwise=advice)
    if gateway.wallet is None:
        base.refuse("Name the wallet first.")
    gateway.status = _Status.LOCATED if gateway.coordinates_id else _Status.OWNED
    gateway.save()
    events.note(gateway, events.GATEWAY_OWNED, by, now, wallet=gateway.wallet.address)
    return gateway


@transaction.atomic
def learn_owner(*, gateway: Gateway, address: str, by: By, now: datetime) -> Gateway:
    """Note that SEN has bound the gateway because its owner's app asked; a wallet that is named here stays."""
    base.begin_with(gateway, _Status.REGISTERED, otherwise="SEN binds what is registered, and only once.")
    if gateway.wallet is None:
        bind_wallet(gateway=gateway, address=address, by=by, now=now)
    elif gateway.wallet.address != address:
        base.refuse(f"SEN has bound {gateway} to {address}, and {gateway.wallet} is named here: ask its owner.")
    return own_gateway(gateway=gateway, by=by, now=now)


@transaction.atomic
def locate_gateway(
    *,
    gateway: Gateway,
    latitude: Decimal,
    longitude: Decimal,
    source: str,
    by: By,
    now: datetime,
    consented_at: datetime | None = None,
) -> Gateway:
    """Set or change where the installation stands, in degrees (WGS 84).

    `consented_at` is when its owner agreed to that being kept, if anybody asked.
    """
    advice = "Create a new gateway for this home."
    base.begin_with(gateway, *(status for status in _Status if status != _Status.RELEASED), otherwise=advice)
    place = gateway.coordinates or Coordinates()
    place.latitude, place.longitude = _degrees("latitude", latitude, 90), _degrees("longitude", longitude, 180)
    place.source, place.consented_at = source, consented_at
    base.validated(place).save()
    gateway.coordinates = place
    if gateway.status == _Status.OWNED:
        gateway.status = _Status.LOCATED
    gateway.save()
    # The place itself is personal data and stays out of the log that is kept for good.
    events.note(gateway, events.GATEWAY_LOCATED, by, now, source=source)
    return gateway


@transaction.atomic
def activate_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Let the gateway's readings go to SEN."""
    advice = "To be activated it needs to be registered, bound to its wallet and located: do the next of these."
    base.begin_with(gateway, _Status.OWNED, _Status.LOCATED, otherwise=advice)
    if gateway.coordinates_id is None:
        base.refuse("Set the position first.")
    return _change_status(gateway, _Status.ACTIVE, events.GATEWAY_ACTIVATED, by, now)


@transaction.atomic
def suspend_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Stop sending for a gateway; readings are still collected and wait."""
    base.begin_with(gateway, _Status.ACTIVE, otherwise="Nothing is sent for it, so leave it as it is.")
    return _change_status(gateway, _Status.SUSPENDED, events.GATEWAY_SUSPENDED, by, now)


@transaction.atomic
def resume_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """End a suspension: what waited goes out."""
    base.begin_with(gateway, _Status.SUSPENDED, otherwise="Only a suspended gateway is resumed; activate it instead.")
    return _change_status(gateway, _Status.ACTIVE, events.GATEWAY_RESUMED, by, now)


@transaction.atomic
def release_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Let a gateway go for good: its own keys are retired, nothing signs for it any more."""
    advice = "Create a new gateway for this home."
    base.begin_with(gateway, *(status for status in _Status if status != _Status.RELEASED), otherwise=advice)
    unended = gateway.keys.filter(state__in=[GatewayKey.State.PENDING, GatewayKey.State.ACTIVE])
    keys.retire(gateway, unended, by=by, now=now)
    return _change_status(gateway, _Status.RELEASED, events.GATEWAY_RELEASED, by, now)


def _change_status(gateway: Gateway, status: Gateway.Status, name: str, by: By, now: datetime) -> Gateway:
    gateway.status = status
    gateway.save()
    events.note(gateway, name, by, now)
    return gateway


def _degrees(field: str, value: Decimal, limit: int) -> Decimal:
    if not value.is_finite() or abs(value) > limit:
        msg = _("Latitude lies between -90 and 90 degrees, longitude between -180 and 180: were they swapped?")
        base.refuse(msg, field=field)
    return round(value, 6)
