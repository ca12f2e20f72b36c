from __future__ import annotations

import base64

import pytest

from gateways import actions
from gateways.models import Gateway, GatewayType, Partner
from gateways.vault import signers
from tests.gateways.lives import BY, gateway_at


@pytest.fixture
def partner(db) -> Partner:
    return Partner.objects.create(name="Sunny Homes", slug="sunny")


@pytest.fixture
def other_partner(db) -> Partner:
    return Partner.objects.create(name="Windy Homes", slug="windy")


@pytest.fixture
def gateway_type(partner) -> GatewayType:
    return actions.create_gateway_type(partner=partner, name="Home", prefix="acme", **BY)


@pytest.fixture
def global_type(partner) -> GatewayType:
    return actions.create_gateway_type(partner=partner, name="Fleet", prefix="fleet", key_strategy="global", **BY)


@pytest.fixture
def created(gateway_type) -> Gateway:
    return gateway_at("created", gateway_type)


@pytest.fixture
def active(gateway_type) -> Gateway:
    return gateway_at("active", gateway_type)


@pytest.fixture
def master_keys(settings):
    """Set VAULT_KEYS to keys named here, each of one repeated byte."""

    def choose(**keys: int) -> None:
        settings.VAULT_KEYS = ",".join(
            f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}" for name, byte in keys.items()
        )
        signers.signer_for.cache_clear()

    choose(k1=1)
    yield choose
    signers.signer_for.cache_clear()
