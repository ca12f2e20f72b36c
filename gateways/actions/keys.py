"""Keys of gateways (per device) and of gateway types (global).

A new key is pending until SEN has it; then `activate_key` lets it sign and retires the one before, so there is always
one that signs. What a retired key has signed stays valid.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from gateways import events, vault
from gateways.actions import base
from gateways.events import By
from gateways.models import Gateway, GatewayKey, GatewayType

_State = GatewayKey.State
_GLOBAL = GatewayType.KeyStrategy.GLOBAL


@transaction.atomic
def make_key_global(*, gateway_type: GatewayType, by: By, now: datetime) -> GatewayKey:
    """Let one key sign for all gateways of a type, once SEN has it; until then each signs on with its own.

    Gateways that SEN does not know yet lose theirs: they are registered with the key of the type.
    """
    base.begin(gateway_type)
    if gateway_type.key_strategy == _GLOBAL:
        base.refuse("This type has a global key already. To change it, rotate the key.")
    unknown = GatewayKey.objects.filter(gateway__gateway_type=gateway_type, gateway__status=Gateway.Status.CREATED)
    retire(gateway_type, unknown.filter(state=_State.PENDING), by=by, now=now)
    key = create_key(gateway_type, by=by, now=now)
    gateway_type.global_key, gateway_type.key_strategy = key, _GLOBAL
    gateway_type.save()
    events.note(gateway_type, events.GATEWAY_TYPE_MADE_GLOBAL, by, now, public_key=key.public_key)
    return key


@transaction.atomic
def rotate_key(*, owner: Gateway | GatewayType, by: By, now: datetime) -> GatewayKey:
    """Make the next key of a gateway or a global type. The present one signs on until `activate_key`."""
    base.begin(owner)
    gateway_type = owner.gateway_type if isinstance(owner, Gateway) else owner
    if isinstance(owner, Gateway) and owner.status == Gateway.Status.RELEASED:
        base.refuse(f"{owner} is released and signs nothing more: create a new gateway.")
    if isinstance(owner, Gateway) and gateway_type.key_strategy == _GLOBAL:
        base.refuse("This gateway signs with the key of its type: rotate the type's key.")
    if isinstance(owner, GatewayType) and gateway_type.key_strategy != _GLOBAL:
        base.refuse("The gateways of this type have their own keys: rotate those, or make the key global.")
    if owner.keys.filter(state=_State.PENDING).exists():
        base.refuse("A new key waits already. Register it with SEN and mark it registered, or ban it first.")
    return create_key(owner, by=by, now=now)


@transaction.atomic
def activate_key(*, owner: Gateway | GatewayType, by: By, now: datetime) -> GatewayKey:
    """Let the pending key sign, now that SEN has it, and retire those before; what they signed stays valid."""
    if isinstance(owner, Gateway):
        advice = "Mark the gateway registered, which activates its key." if owner.registered_at is None else _RELEASED
        base.begin_with(owner, *Gateway.SIGNING, otherwise=advice)
    else:
        base.begin(owner)
    return activate_pending(owner, by=by, now=now)


@transaction.atomic
def ban_key(*, key: GatewayKey, reason: str, by: By, now: datetime) -> GatewayKey:
    """Ban a key: it signs nothing from now on, and the queues it signed for wait until another key is active."""
    base.begin(key.owner)
    key.refresh_from_db()
    if key.state == _State.BANNED:
        base.refuse("This key is banned already. Rotate the key to get another one.")
    key.state, key.ban_reason, key.ended_at = _State.BANNED, reason.strip(), key.ended_at or now
    base.validated(key).save()
    events.note(key.owner, events.KEY_BANNED, by, now, public_key=key.public_key, reason=key.ban_reason)
    return key


def create_key(owner: Gateway | GatewayType, *, by: By, now: datetime) -> GatewayKey:
    """Make a pending key, within the transaction of an action."""
    public_key, uri = vault.create_key()
    owned_by = {"gateway": owner} if isinstance(owner, Gateway) else {"gateway_type": owner}
    key = GatewayKey.objects.create(public_key=public_key, uri=uri, **owned_by)
    events.note(owner, events.KEY_CREATED, by, now, public_key=public_key)
    return key


def activate_pending(owner: Gateway | GatewayType, *, by: By, now: datetime) -> GatewayKey:
    """Activate the pending key of an owner, within the transaction of an action."""
    pending = owner.keys.filter(state=_State.PENDING).first()
    if pending is None:
        base.refuse("No new key waits for SEN: rotate the key, register the new one with SEN, then come back.")
    retire(owner, _replaced_by(pending), by=by, now=now)
    pending.state, pending.registered_at = _State.ACTIVE, now
    pending.save()
    if isinstance(owner, GatewayType):
        owner.global_key = pending
        owner.save()
    events.note(owner, events.KEY_ACTIVATED, by, now, public_key=pending.public_key)
    return pending


def retire(owner: Gateway | GatewayType, keys: QuerySet[GatewayKey], *, by: By, now: datetime) -> None:
    """Retire keys of one partner, each with its event, within the transaction of an action."""
    entries = [
        (key.owner.event_subject, {"public_key": key.public_key})
        for key in keys.select_for_update(of=("self",)).select_related("gateway", "gateway_type").order_by("pk")
    ]
    keys.update(state=_State.RETIRED, ended_at=now)
    if entries:
        events.record_each(partner=owner.partner, name=events.KEY_RETIRED, entries=entries, by=by, now=now)


def _replaced_by(pending: GatewayKey) -> QuerySet[GatewayKey]:
    """Return the keys that `pending` takes over from: a global one also from the own keys of the type's gateways."""
    if pending.gateway_id:
        return GatewayKey.objects.filter(gateway=pending.gateway_id, state=_State.ACTIVE)
    of_type = Q(gateway_type=pending.gateway_type_id) | Q(gateway__gateway_type=pending.gateway_type_id)
    return GatewayKey.objects.filter(of_type, state__in=[_State.PENDING, _State.ACTIVE]).exclude(pk=pending.pk)


_RELEASED = "It signs nothing more: create a new gateway."
