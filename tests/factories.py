"""Rows that tests start from, made by the same actions that people use."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateways import actions
from gateways.models import Gateway, GatewayType, Partner
from ingest.models import Connection, Der, System
from ingest.readings import DerKey, Kind, Reading

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
WALLET = "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"  # a published example (sen.md 15)
_numbers = itertools.count(1)


def partner(**fields: Any) -> Partner:
    number = next(_numbers)
    return Partner.objects.create(**{"name": f"Partner {number}", "slug": f"partner-{number}", **fields})


def gateway_type(of: Partner | None = None, **fields: Any) -> GatewayType:
    number = next(_numbers)
    values = {"name": f"Type {number}", "prefix": f"type{number}", **fields}
    return actions.create_gateway_type(partner=of or partner(), by="test", now=NOW, **values)


def gateway(of_type: GatewayType | None = None, **fields: Any) -> Gateway:
    """A gateway as it is made: created, its key pending."""
    return actions.create_gateway(gateway_type=of_type or gateway_type(), by="test", now=NOW, **fields)


def active_gateway(of_type: GatewayType | None = None, **fields: Any) -> Gateway:
    """A gateway that SEN takes data from: registered, owned, located, active."""
    made = gateway(of_type, **fields)
    return activate(actions.register_gateway(gateway=made, by="test", now=NOW))


def activate(registered: Gateway) -> Gateway:
    """Take a registered gateway through the rest of its life up to active."""
    actions.bind_wallet(gateway=registered, address=WALLET, by="test", now=NOW)
    actions.own_gateway(gateway=registered, by="test", now=NOW)
    place: dict[str, Any] = {"latitude": Decimal("59.33"), "longitude": Decimal("18.07"), "source": "typed"}
    actions.locate_gateway(gateway=registered, **place, by="test", now=NOW)
    return actions.activate_gateway(gateway=registered, by="test", now=NOW)


def connection(of: Partner | None = None, **fields: Any) -> Connection:
    number = next(_numbers)
    values = {"vendor": "solis", "label": f"Account {number}", "next_pull_at": NOW, **fields}
    return Connection.objects.create(partner=of or partner(), **values)


def system(for_gateway: Gateway | None = None, of: Connection | None = None, **fields: Any) -> System:
    """A system with a PV DER; with a gateway, its readings go to SEN."""
    owner = for_gateway.partner if for_gateway else None
    number = next(_numbers)
    values = {"external_id": str(number), "name": f"Home {number}", **fields}
    made = System.objects.create(connection=of or connection(owner), gateway=for_gateway, **values)
    Der.objects.create(system=made, kind="pv", sn=f"PV{number}", make="Solis")
    return made


def readings(
    of: System, count: int, *, start: datetime = NOW, step: timedelta = timedelta(minutes=5)
) -> list[tuple[DerKey, Reading]]:
    """`count` PV readings of a system, one a step, starting at `start`."""
    key = DerKey(Kind.PV, of.ders.get(kind="pv").sn)
    return [(key, Reading(ts=start + number * step, power_w=-100.0 - number)) for number in range(count)]
