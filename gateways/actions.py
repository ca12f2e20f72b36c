"""What is done to the nouns. Every action is one transaction that writes the change and its Event.

The life of a gateway is created → registered → owned → located → active, with suspended and released beside it.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model

from gateways import events, vault, wallets
from gateways.events import By
from gateways.models import Coordinates, Gateway, GatewayKey, GatewayType, Partner, Wallet

ModelT = TypeVar("ModelT", bound=Model)
_Status = Gateway.Status
_KeyState = GatewayKey.State


@transaction.atomic
def create_gateway_type(*, partner: Partner, name: str, prefix: str, by: By, now: datetime, **fields: Any) -> GatewayType:
    """Create a type; with `key_strategy="global"` it gets its key, which signs once SEN has it."""
    strategy = fields.pop("key_strategy", GatewayType.KeyStrategy.PER_DEVICE)
    gateway_type = _validated(GatewayType(partner=partner, name=name, prefix=prefix, **fields))
    gateway_type.save()
    events.record(
        partner=partner, name=events.GATEWAY_TYPE_CREATED, subject=_subject(gateway_type), by=by, now=now,
        data={"prefix": prefix, "key_strategy": strategy},
    )  # fmt: skip
    if strategy == GatewayType.KeyStrategy.GLOBAL:
        make_key_global(gateway_type=gateway_type, by=by, now=now)
    return gateway_type


@transaction.atomic
def make_key_global(*, gateway_type: GatewayType, by: By, now: datetime) -> GatewayKey:
    """Let one key sign for all gateways of a type from now on; it signs once SEN has it."""
    gateway_type = GatewayType.objects.select_for_update().get(pk=gateway_type.pk)
    if gateway_type.key_strategy == GatewayType.KeyStrategy.GLOBAL:
        _refuse("This type has a global key already. To change it, rotate the key.")
    key = _create_key(gateway_type, by=by, now=now)
    gateway_type.global_key = key
    gateway_type.key_strategy = GatewayType.KeyStrategy.GLOBAL
    gateway_type.save()
    return key


@transaction.atomic
def create_gateway(*, gateway_type: GatewayType, by: By, now: datetime, name: str = "", serial: str = "") -> Gateway:
    """Create a gateway with a random id under the type's prefix and, in per-device types, its pending key."""
    serial = serial or f"{gateway_type.prefix}-{secrets.token_hex(8)}"
    if not serial.startswith(f"{gateway_type.prefix}-"):
        _refuse(f"A gateway id of this type starts with {gateway_type.prefix}-")
    gateway = _validated(Gateway(gateway_type=gateway_type, partner=gateway_type.partner, serial=serial, name=name))
    gateway.save()
    _record(gateway, events.GATEWAY_CREATED, by, now)
    if gateway_type.key_strategy == GatewayType.KeyStrategy.PER_DEVICE:
        _create_key(gateway, by=by, now=now)
    return gateway


@transaction.atomic
def register_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Note that SEN knows the gateway and its key: the pending key becomes active."""
    gateway = _locked(gateway, _Status.CREATED)
    gateway.status, gateway.registered_at = _Status.REGISTERED, now
    gateway.save()
    _record(gateway, events.GATEWAY_REGISTERED, by, now)
    owner = gateway.gateway_type if gateway.gateway_type.key_strategy == GatewayType.KeyStrategy.GLOBAL else gateway
    if owner.keys.filter(state=_KeyState.PENDING).exists():
        activate_key(owner=owner, by=by, now=now)
    return gateway


@transaction.atomic
def rotate_key(*, owner: Gateway | GatewayType, by: By, now: datetime) -> GatewayKey:
    """Make the next key of a gateway or a global type. The present one signs on until `activate_key`."""
    owner = type(owner)._default_manager.select_for_update().get(pk=owner.pk)
    if isinstance(owner, Gateway) and owner.gateway_type.key_strategy == GatewayType.KeyStrategy.GLOBAL:
        _refuse("This gateway signs with the key of its type: rotate the type's key.")
    if isinstance(owner, GatewayType) and owner.key_strategy != GatewayType.KeyStrategy.GLOBAL:
        _refuse("The gateways of this type have their own keys: rotate those.")
    if owner.keys.filter(state=_KeyState.PENDING).exists():
        _refuse("A new key waits already. Register it with SEN and mark it registered, or ban it first.")
    return _create_key(owner, by=by, now=now)


@transaction.atomic
def activate_key(*, owner: Gateway | GatewayType, by: By, now: datetime) -> GatewayKey:
    """Let the pending key sign, now that SEN has it, and retire the one before; what that one signed stays valid."""
    keys = GatewayKey.objects.select_for_update().filter(pk__in=owner.keys.values("pk"))
    pending = keys.filter(state=_KeyState.PENDING).first()
    if pending is None:
        _refuse("There is no new key to activate: rotate first.")
    for active in keys.filter(state=_KeyState.ACTIVE):
        active.state, active.ended_at = _KeyState.RETIRED, now
        active.save()
        _record_key(active, events.KEY_RETIRED, by, now)
    pending.state, pending.registered_at = _KeyState.ACTIVE, now
    pending.save()
    if isinstance(owner, GatewayType):
        GatewayType.objects.filter(pk=owner.pk).update(global_key=pending)
    _record_key(pending, events.KEY_ACTIVATED, by, now)
    return pending


@transaction.atomic
def ban_key(*, key: GatewayKey, reason: str, by: By, now: datetime) -> GatewayKey:
    """Ban a key: it signs nothing from now on, and the queues it signed for wait until another key is active."""
    key = GatewayKey.objects.select_for_update().get(pk=key.pk)
    if key.state == _KeyState.BANNED:
        _refuse("This key is banned already.")
    key.state, key.ban_reason, key.ended_at = _KeyState.BANNED, reason, key.ended_at or now
    key.save()
    _record_key(key, events.KEY_BANNED, by, now, reason=reason)
    return key


@transaction.atomic
def bind_wallet(*, gateway: Gateway, address: str, by: By, now: datetime, proven: bool = False) -> Gateway:
    """Name the wallet that rewards go to, before inception makes it final. Raises ValidationError on a bad address."""
    gateway = _locked(gateway, _Status.CREATED, _Status.REGISTERED)
    address = wallets.parse_address(address)
    wallet, _ = Wallet.objects.get_or_create(partner=gateway.partner, address=address)
    if proven and wallet.proven_at is None:
        wallet.proven_at = now
        wallet.save()
    gateway.wallet = wallet
    gateway.save()
    return gateway


@transaction.atomic
def own_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Note that SEN has bound the gateway to its wallet (inception)."""
    gateway = _locked(gateway, _Status.REGISTERED)
    if gateway.wallet is None:
        _refuse("Name the wallet first.")
    gateway.status = _Status.OWNED
    gateway.save()
    _record(gateway, events.GATEWAY_OWNED, by, now, wallet=gateway.wallet.address)
    return gateway


@transaction.atomic
def locate_gateway(
    *, gateway: Gateway, latitude: Decimal, longitude: Decimal, source: str, by: By, now: datetime
) -> Gateway:
    """Set or change where the installation stands, in degrees. Raises ValidationError for a place that cannot be."""
    gateway = Gateway.objects.select_for_update().get(pk=gateway.pk)
    if gateway.status == _Status.RELEASED:
        _refuse("This gateway is released.")
    coordinates = Coordinates() if gateway.coordinates is None else gateway.coordinates
    coordinates.latitude, coordinates.longitude = round(latitude, 6), round(longitude, 6)
    coordinates.source, coordinates.consented_at = source, now
    _validated(coordinates).save()
    gateway.coordinates = coordinates
    if gateway.status == _Status.OWNED:
        gateway.status = _Status.LOCATED
    gateway.save()
    # The place itself is personal data and stays out of the log that is kept for good.
    _record(gateway, events.GATEWAY_LOCATED, by, now, source=source)
    return gateway


@transaction.atomic
def activate_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Let the gateway's readings go to SEN."""
    gateway = _locked(gateway, _Status.OWNED, _Status.LOCATED)
    if gateway.coordinates is None:
        _refuse("Set the position first.")
    return _change_status(gateway, _Status.ACTIVE, events.GATEWAY_ACTIVATED, by, now)


@transaction.atomic
def suspend_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Stop sending for a gateway; readings are still collected and wait."""
    return _change_status(_locked(gateway, _Status.ACTIVE), _Status.SUSPENDED, events.GATEWAY_SUSPENDED, by, now)


@transaction.atomic
def resume_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """End a suspension: what waited goes out."""
    return _change_status(_locked(gateway, _Status.SUSPENDED), _Status.ACTIVE, events.GATEWAY_RESUMED, by, now)


@transaction.atomic
def release_gateway(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Let a gateway go for good: its own keys are retired, nothing more is sent."""
    gateway = _locked(gateway, *(status for status in _Status if status != _Status.RELEASED))
    for key in gateway.keys.filter(state__in=[_KeyState.PENDING, _KeyState.ACTIVE]):
        key.state, key.ended_at = _KeyState.RETIRED, now
        key.save()
        _record_key(key, events.KEY_RETIRED, by, now)
    return _change_status(gateway, _Status.RELEASED, events.GATEWAY_RELEASED, by, now)


def _change_status(gateway: Gateway, status: Gateway.Status, name: str, by: By, now: datetime) -> Gateway:
    gateway.status = status
    gateway.save()
    _record(gateway, name, by, now)
    return gateway


def _locked(gateway: Gateway, *allowed: str) -> Gateway:
    gateway = Gateway.objects.select_for_update(of=("self",)).select_related("gateway_type", "partner").get(pk=gateway.pk)
    if gateway.status not in allowed:
        _refuse(f"{gateway} is {gateway.get_status_display()}; this needs it to be {' or '.join(allowed)}.")
    return gateway


def _create_key(owner: Gateway | GatewayType, *, by: By, now: datetime) -> GatewayKey:
    public_key, uri = vault.create_key()
    owned_by = {"gateway": owner} if isinstance(owner, Gateway) else {"gateway_type": owner}
    key = GatewayKey.objects.create(public_key=public_key, uri=uri, **owned_by)
    _record_key(key, events.KEY_CREATED, by, now)
    return key


def _record(gateway: Gateway, name: str, by: By, now: datetime, **data: Any) -> None:
    events.record(partner=gateway.partner, name=name, subject=_subject(gateway), by=by, now=now, data=data)


def _record_key(key: GatewayKey, name: str, by: By, now: datetime, **data: Any) -> None:
    owner = key.gateway or key.gateway_type
    assert owner is not None  # noqa: S101  the database says so: key_exactly_one_owner
    events.record(
        partner=owner.partner, name=name, subject=_subject(owner), by=by, now=now,
        data={"public_key": key.public_key, **data},
    )  # fmt: skip


def _subject(thing: Gateway | GatewayType) -> str:
    return f"gateway:{thing.serial}" if isinstance(thing, Gateway) else f"gateway_type:{thing.prefix}"


def _validated(row: ModelT) -> ModelT:
    row.full_clean()
    return row


def _refuse(message: str) -> NoReturn:
    raise ValidationError(message)
