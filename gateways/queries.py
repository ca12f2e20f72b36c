"""What is asked of the nouns. Everything that belongs to a partner is reached through that partner."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat

from gateways import events
from gateways.models import Event, Gateway, GatewayKey

_ACTIVE = GatewayKey.State.ACTIVE
_LATELY = timedelta(hours=6)


def active_key(gateway: Gateway) -> GatewayKey | None:
    """Return the key that signs for a gateway now, or None.

    Its own active key, else the active key of its type: a gateway whose type turns global keeps its own until the
    type's is active. Nothing signs for a gateway that SEN does not know or that is released.
    """
    if gateway.status not in Gateway.SIGNING:
        return None
    keys = GatewayKey.objects.filter(state=_ACTIVE)
    return keys.filter(gateway=gateway.pk).first() or keys.filter(gateway_type=gateway.gateway_type_id).first()


def with_active_key(gateways: QuerySet[Gateway]) -> QuerySet[Gateway]:
    """Keep the gateways for which some key may sign; the rule of `active_key`."""
    keys = GatewayKey.objects.filter(state=_ACTIVE)
    own, shared = keys.filter(gateway=OuterRef("pk")), keys.filter(gateway_type=OuterRef("gateway_type"))
    return gateways.filter(Exists(own) | Exists(shared), status__in=Gateway.SIGNING)


def active_keys(gateway_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return {gateway: (public key, URI)} of the keys that sign now, by the rule of `active_key`.

    A gateway without one is missing. Three queries at most, one if all have keys of their own.
    """
    active = GatewayKey.objects.filter(state=_ACTIVE).order_by()
    keys = _by_owner(active.filter(gateway__in=gateway_ids, gateway__status__in=Gateway.SIGNING), "gateway")
    others = Gateway.objects.filter(pk__in=[pk for pk in gateway_ids if pk not in keys], status__in=Gateway.SIGNING)
    type_of = dict(others.order_by().values_list("pk", "gateway_type"))
    shared = _by_owner(active.filter(gateway_type__in=set(type_of.values())), "gateway_type")
    return keys | {pk: shared[type_id] for pk, type_id in type_of.items() if type_id in shared}


def last_sequence(partner_id: int) -> int:
    """Return the sequence of a partner's last event, 0 where there is none."""
    rows = Event.objects.filter(partner=partner_id).order_by("-sequence")
    return rows.values_list("sequence", flat=True).first() or 0


def signed_lately(gateways: QuerySet[Gateway], *, now: datetime) -> QuerySet[Gateway]:
    """Keep the gateways that an app has had sign something in the last hours: with that it can name SEN a wallet."""
    subject = Concat(Value("gateway:"), OuterRef("serial"))
    signatures = Event.objects.filter(subject=subject, name=events.GATEWAY_SIGNED, at__gte=now - _LATELY)
    return gateways.filter(Exists(signatures))


def why_no_key(gateway: Gateway) -> str:
    """Say why nothing signs for a gateway and what to do, or nothing if a key does."""
    if active_key(gateway):
        return ""
    if gateway.status not in Gateway.SIGNING:
        return f"The gateway is {gateway.get_status_display()}: nothing signs for it."
    keys = gateway.keys.all() | GatewayKey.objects.filter(gateway_type=gateway.gateway_type_id)
    if keys.filter(state=GatewayKey.State.PENDING).exists():
        return "SEN does not know its new key yet: register the key, then mark it registered."
    banned = keys.filter(state=GatewayKey.State.BANNED).order_by("ended_at").last()
    reason = f"Its key is banned: {banned.ban_reason}. " if banned else "It has no key. "
    return f"{reason}Rotate the key, register the new one with SEN, then mark it registered."


def _by_owner(keys: QuerySet[GatewayKey], owner: str) -> dict[int, tuple[str, str]]:
    return {pk: (public_key, uri) for pk, public_key, uri in keys.values_list(owner, "public_key", "uri")}
