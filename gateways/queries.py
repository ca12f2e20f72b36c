"""What is asked of the nouns. Everything that belongs to a partner is reached through that partner."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from gateways.models import Gateway, GatewayKey, GatewayType, Membership, Partner


def partners_of(user: AbstractBaseUser | AnonymousUser, *roles: str) -> QuerySet[Partner]:
    """Return the partners a staff user may see, or act for in one of `roles`; a superuser sees them all."""
    if getattr(user, "is_superuser", False):
        return Partner.objects.all()
    memberships = Membership.objects.filter(user_id=user.pk)
    if roles:
        memberships = memberships.filter(role__in=roles)
    return Partner.objects.filter(pk__in=memberships.values("partner"))


def gateways_of(partner: Partner) -> QuerySet[Gateway]:
    """Return the gateways of a partner."""
    return Gateway.objects.filter(partner=partner)


def active_key(gateway: Gateway) -> GatewayKey | None:
    """Return the key that signs for a gateway now: its own, or the global one of its type; None if there is none."""
    keys = GatewayKey.objects.filter(state=GatewayKey.State.ACTIVE)
    if gateway.gateway_type.key_strategy == GatewayType.KeyStrategy.GLOBAL:
        return keys.filter(gateway_type=gateway.gateway_type_id).first()
    return keys.filter(gateway=gateway).first()


def with_active_key(gateways: QuerySet[Gateway]) -> QuerySet[Gateway]:
    """Keep the gateways for which some key may sign."""
    keys = GatewayKey.objects.filter(state=GatewayKey.State.ACTIVE)
    own = Q(gateway_type__key_strategy="per_device") & Exists(keys.filter(gateway=OuterRef("pk")))
    shared = Q(gateway_type__key_strategy="global") & Exists(keys.filter(gateway_type=OuterRef("gateway_type")))
    return gateways.filter(own | shared)


def active_keys(gateway_ids: list[int]) -> dict[int, tuple[str, str]]:
    """Return {gateway: (public key, URI)} of the keys that sign now; a gateway without one is missing."""
    active = GatewayKey.objects.filter(state=GatewayKey.State.ACTIVE)
    own = active.filter(gateway__in=gateway_ids, gateway__gateway_type__key_strategy="per_device")
    shared = active.filter(gateway_type__gateways__in=gateway_ids, gateway_type__key_strategy="global")
    rows = [
        *own.values_list("gateway", "public_key", "uri"),
        *shared.annotate(for_gateway=F("gateway_type__gateways")).values_list("for_gateway", "public_key", "uri"),
    ]
    return {gateway: (public_key, uri) for gateway, public_key, uri in rows}
