"""Homes with readings, as those who pull them see them, and how addresses name what a fleet has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from gateways.models import Client
from ingest import partitions, store
from ingest.models import Der, Message, System
from ingest.readings import DerKey, Kind, Reading
from onboarding.models import Enrollment
from tests import factories
from tests.admin.conftest import Fleet
from tests.api import calling
from tests.api.calling import Api
from tests.factories import NOW

SEN_PULLS = ("gateways:read", "telemetry:read")
STEP = timedelta(minutes=5)


def sending(**fields: Any) -> Any:
    """The system of an active gateway, with a PV; as Any, because a system need not have a gateway."""
    return factories.system(factories.active_gateway(), **fields)


def add(system: System, kind: Kind, sn: str = "", **fields: Any) -> Any:
    return Der.objects.create(system=system, kind=kind.value, sn=sn or f"{kind.name}{system.pk}", **fields)


def validator(system: System) -> Api:
    """SEN, which pulls what a system of this partner sends."""
    return calling.backend(system.connection.partner, *SEN_PULLS, purpose=Client.Purpose.REWARDS)


def measure(der: Der, readings: Iterable[Reading], *, now: datetime = NOW) -> None:
    """Store readings of a DER as a pull does."""
    key = DerKey(Kind(der.kind), der.sn)
    found = [(key, reading) for reading in readings]
    partitions.ensure(reading.ts for _, reading in found)
    store.store_readings(system=der.system, readings=found, now=now, pulled_through=max(r.ts for _, r in found))


def counted(start: datetime, count: int, *, watts: float = -1200, step: timedelta = STEP) -> list[Reading]:
    """PV readings, one a step: power and the counter that goes with it."""
    wh = Decimal(str(-watts)) * int(step.total_seconds()) / 3600
    return [
        Reading(ts=start + number * step, power_w=watts, total_out_wh=1000 + number * wh) for number in range(count)
    ]


def hours(start: datetime, count: int, **energies: int) -> list[Reading]:
    """Readings over intervals of an hour that begin at `start`, each with these energies."""
    hour = timedelta(hours=1)
    known = {name: Decimal(value) for name, value in energies.items()}
    return [Reading(ts=start + (number + 1) * hour, interval_s=3600, **known) for number in range(count)]  # type: ignore[arg-type]


def named(fleet: Fleet) -> dict[str, str]:
    """What the addresses of the API have in place of {gateway}, {connection} and so on."""
    partner, gateway = fleet.partner, fleet.gateway
    system = System.objects.get(gateway=gateway)
    enrollment = Enrollment.objects.get(pk=fleet.enrollment.pk)
    names = {
        "gateway": gateway.serial, "prefix": fleet.type.prefix, "system": system.uid,
        "connection": system.connection.uid, "sn": system.ders.get().sn, "credential": fleet.credential.uid,
        "flow": fleet.flow.uid, "enrollment": enrollment.uid, "reference": enrollment.user_reference,
        "vendor": "solis", "webhook": fleet.webhook.uid, "message": Message.objects.get(gateway=gateway).pk,
        "public_key": gateway.keys.get().public_key, "consent": partner.consents.earliest("pk").uid,
        "journey": partner.journeys.get().uid, "invitation": partner.invitations.get().uid,
    }  # fmt: skip
    return {name: str(value) for name, value in names.items()}
