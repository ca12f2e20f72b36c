"""A vendor that does as a test tells it: `Fake` is registered in place of Solis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ingest import pull
from ingest.models import Connection, PullRun, Tally
from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import (
    ApiKey,
    AuthScheme,
    Dropped,
    Field,
    Page,
    PullPolicy,
    Refused,
    VendorAdapter,
    VendorDer,
    VendorSystem,
    Window,
)
from tests import factories
from tests.factories import NOW

KEY = DerKey(Kind.PV, "PV-1")
POLICY = PullPolicy(
    interval=timedelta(minutes=5),
    window_cap=timedelta(hours=6),
    lookback=timedelta(hours=1),
    max_lookback=timedelta(days=7),
    first_lookback=timedelta(days=1),
    page_budget=3,
)


def home(name: str, *, sn: str = "PV-1", **more: Any) -> VendorSystem:
    return VendorSystem(name, name=more.pop("label", name), ders=[VendorDer(DerKey(Kind.PV, sn), make="Fake")], **more)


class Fake(VendorAdapter):
    """`answer(system, window)` gives the readings of a window, or raises; each call of it counts as one request."""

    slug = "solis"
    label = "Fake"
    kinds = frozenset({Kind.PV})
    base_urls: ClassVar = {"api": "http://fake.invalid"}
    schemes: ClassVar[Sequence[AuthScheme]] = (ApiKey(name="key", label="Key", fields=(Field("key", "Key"),)),)
    policy = POLICY
    resources = ("page",)

    homes: ClassVar[list[VendorSystem]] = []
    asked: ClassVar[list[tuple[str, Window]]] = []
    listed: ClassVar[list[datetime]] = []
    answer: ClassVar[Callable[[VendorSystem, Window], list[Any] | Refused]]

    def systems(self) -> list[VendorSystem]:
        self._call()
        self.listed.append(self.clock())
        return list(self.homes)

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
        self._call()
        self.asked.append((system.external_id, window))
        answer = type(self).answer(system, window)
        yield answer if isinstance(answer, Refused) else Page("page", answer)

    @classmethod
    def normalize(cls, _: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        for record in page.body:
            if isinstance(record, Reading):
                yield KEY, record
            else:
                dropped.add(f"not a reading: {record}")

    def _call(self) -> None:
        self.http._before_request()
        self.http.requests_made += 1


def hourly(_: VendorSystem, window: Window) -> list[Reading]:
    """A reading at every full hour of the window."""
    first = window.start.replace(minute=0, second=0, microsecond=0)
    times = [first + number * timedelta(hours=1) for number in range(400)]
    return [Reading(ts=ts, power_w=-float(ts.hour + 1)) for ts in times if window.start <= ts < window.end]


def with_homes(vendor, *names):
    of_type = factories.gateway_type()
    connection = factories.connection(of_type.partner)
    vendor.homes = [home(name) for name in names]
    pull_once(connection)
    vendor.asked.clear()
    vendor.listed.clear()
    for system in connection.systems.all():
        system.gateway = factories.active_gateway(of_type)
        system.save()
    PullRun.objects.all().delete()
    Tally.objects.all().delete()
    Connection.objects.update(next_pull_at=NOW)
    connection.refresh_from_db()
    return connection


def pull_once(connection, clock=lambda: NOW, until=math.inf):
    done = pull.pull_connection(connection_id=connection.pk, clock=clock, until=until)
    connection.refresh_from_db()
    return done


def failing(error):
    def answer(*_, **__):
        raise error

    return answer


def only_fails(name, error):
    def answer(system, window):
        if system.external_id == name:
            raise error
        return hourly(system, window)

    return answer


def windows(vendor, name="home"):
    return [(window.start, window.end) for asked, window in vendor.asked if asked == name]


def outcomes():
    return sorted(PullRun.objects.values_list("outcome", flat=True))
