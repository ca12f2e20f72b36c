"""A fleet of homes to measure on: active gateways with keys of their own, systems and DERs."""

from __future__ import annotations

import itertools
import secrets

from django.db import transaction

import bench.portal  # noqa: F401  before the models
from gateways import vault
from gateways.models import Coordinates, Gateway, GatewayKey
from ingest.models import Der, System
from ingest.readings import Kind
from tests import factories


@transaction.atomic
def make(count: int, *kinds: Kind) -> list[System]:
    """Make `count` systems, each with an active gateway and one DER of each kind.

    One gateway goes through its whole life by the actions; the others are copies of it with a key and a place of their
    own, because sixty statements for each of a thousand would take minutes.
    """
    first = factories.active_gateway()
    connection = factories.connection(first.partner)
    gateways = [first, *_copies(first, count - 1)]
    systems = System.objects.bulk_create(
        System(connection=connection, gateway=gateway, external_id=gateway.serial) for gateway in gateways
    )
    Der.objects.bulk_create(
        Der(system=system, kind=kind.value, sn=serial(system, kind), make="Solis", rated_power_w=8200)
        for system, kind in itertools.product(systems, kinds)
    )
    return systems


def serial(system: System, kind: Kind) -> str:
    """Return the serial of a system's only DER of a kind."""
    return f"{kind.name}{system.pk}"


def _copies(first: Gateway, count: int) -> list[Gateway]:
    assert first.registered_at is not None  # noqa: S101  it is active
    places = Coordinates.objects.bulk_create(Coordinates(latitude="59.33", longitude="18.07") for _ in range(count))
    gateways = Gateway.objects.bulk_create(
        Gateway(
            gateway_type=first.gateway_type,
            partner=first.partner,
            serial=f"{first.gateway_type.prefix}-{secrets.token_hex(8)}",
            status=first.status,
            wallet=first.wallet,
            coordinates=place,
            registered_at=first.registered_at,
        )
        for place in places
    )
    GatewayKey.objects.bulk_create(_key(gateway) for gateway in gateways)
    return gateways


def _key(gateway: Gateway) -> GatewayKey:
    public_key, uri = vault.create_key()
    return GatewayKey(
        gateway=gateway,
        public_key=public_key,
        uri=uri,
        state=GatewayKey.State.ACTIVE,
        registered_at=gateway.registered_at,
    )
