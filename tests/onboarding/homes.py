"""Homes of homeowners who have joined: accounts, consents, gateways that send, readings."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from gateways.models import Gateway, Partner
from ingest import connections, store
from ingest.models import Connection, Der, System
from ingest.readings import DerKey, Kind, Quality, Reading
from onboarding import consents, my_sharing
from onboarding.models import JoinPage
from tests import factories
from tests.factories import NOW

STEP = timedelta(minutes=5)
KEYS = {"key_id": "key", "key_secret": "TOP-SECRET"}


def partner(**fields: Any) -> Partner:
    """A partner that homeowners can join."""
    of_type = factories.gateway_type(factories.partner(**fields))
    JoinPage.objects.create(partner=of_type.partner, gateway_type=of_type)
    return of_type.partner


def user(email: str = "anna@example.com", **fields: Any) -> User:
    return User.objects.create_user(email, email, "correct horse", **fields)


def browser(of: User) -> Client:
    client = Client()
    client.force_login(of)
    return client


def account(owner: User, of: Partner, **secrets: str) -> Connection:
    """A Solis account that its owner shares everything of, for every purpose."""
    made = connections.connect(
        partner=of, vendor="solis", label=owner.email, secrets={**KEYS, "key_id": owner.email, **secrets}, owner=owner,
        by=owner, now=NOW,
    )  # fmt: skip
    share(made)
    return made


def share(connection: Connection, *purposes: str, now: datetime = NOW) -> None:
    assert connection.owner is not None
    my_sharing.share(
        connection=connection, purposes=purposes or ("rewards", "service"), kinds=list(Kind), language="en",
        by=connection.owner, now=now,
    )  # fmt: skip


def home(owner: User, of: Partner | None = None, *, connection: Connection | None = None, **fields: Any) -> System:
    """An active home with panels, a battery and a meter; it has no readings yet."""
    at = of or (connection.partner if connection else partner())
    gateway = factories.active_gateway(at.join_page.gateway_type, owner=owner)
    names = {"name": "Villa", "timezone": "Europe/Stockholm", **fields}
    system = factories.system(gateway, connection or account(owner, at), **names)
    for kind in ("battery", "meter"):
        Der.objects.create(system=system, kind=kind, sn=f"{kind}-{system.pk}")
    return system


def read(system: System, count: int = 6, *, until: datetime | None = None, quality: str = "measured") -> None:
    """Store `count` readings of each DER, the last of them now."""
    last = (until or timezone.now()).replace(microsecond=0)
    key = {kind: DerKey(kind, system.ders.get(kind=kind).sn) for kind in Kind}
    readings = []
    for number in range(count):
        at: dict[str, Any] = {"ts": last - number * STEP, "interval_s": 300, "quality": Quality(quality)}
        readings += [
            (key[Kind.PV], Reading(power_w=-2100.0, energy_out_wh=Decimal(175), **at)),
            (key[Kind.BATTERY], Reading(power_w=800.0, energy_in_wh=Decimal(67), soc=0.64, **at)),
            (key[Kind.METER], Reading(power_w=-300.0, energy_out_wh=Decimal(25), **at)),
        ]
    store.store_readings(system=system, readings=readings, now=timezone.now(), pulled_through=last)


def gateway_of(system: System) -> Gateway:
    assert system.gateway is not None
    return system.gateway


def active_purposes(connection: Connection) -> set[str]:
    return set(consents.active(connection).values_list("purpose", flat=True))


def confirmed(of: User) -> Client:
    """A browser whose user has just typed the password again."""
    client = browser(of)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(of.pk)
    session.save()
    return client
