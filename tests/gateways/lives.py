"""Gateways at every point of their lives, brought there by the actions themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateways import actions, queries
from gateways.models import Gateway, GatewayKey, GatewayType

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
WALLET = "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"
OTHER_WALLET = "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF"
HOME: dict[str, Any] = {"latitude": Decimal("59.329323"), "longitude": Decimal("18.068581"), "source": "pin"}
BY: dict[str, Any] = {"by": "test", "now": NOW}


def gateway_at(status: str, gateway_type: GatewayType) -> Gateway:
    """Return a new gateway that has come to `status`."""
    gateway = actions.create_gateway(gateway_type=gateway_type, **BY)
    if status == "released":
        return actions.release_gateway(gateway=gateway, **BY)
    for step, reached in _STEPS:
        if gateway.status == status:
            break
        step(gateway)
        assert gateway.status == reached
    assert gateway.status == status
    return gateway


def own(gateway: Gateway) -> None:
    actions.bind_wallet(gateway=gateway, address=WALLET, **BY)
    actions.own_gateway(gateway=gateway, **BY)


_STEPS = [
    (lambda gateway: actions.register_gateway(gateway=gateway, **BY), "registered"),
    (own, "owned"),
    (lambda gateway: actions.locate_gateway(gateway=gateway, **HOME, **BY), "located"),
    (lambda gateway: actions.activate_gateway(gateway=gateway, **BY), "active"),
    (lambda gateway: actions.suspend_gateway(gateway=gateway, **BY), "suspended"),
]


def signing_key(gateway: Gateway) -> GatewayKey:
    key = queries.active_key(gateway)
    assert key
    return key


def states(owner: Gateway | GatewayType) -> dict[str, int]:
    """Count the owner's keys by state."""
    counts: dict[str, int] = {}
    for key in GatewayKey.objects.filter(pk__in=owner.keys.values("pk")):
        counts[key.state] = counts.get(key.state, 0) + 1
    return counts
