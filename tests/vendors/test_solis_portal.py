"""A Solis account in the portal: connected, pulled from the stand-in, stored, and pulled again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import requests
from werkzeug.serving import make_server

from ingest import budget, connections, pull
from ingest.models import Connection, Der, PullRun, Reading, System
from sandbox.clock import Clock
from sandbox.server import Server, World
from sandbox.solis import Solis
from sandbox.state import State
from tests import factories

NOON = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(settings, monkeypatch) -> Iterator[Clock]:
    moment, state = Clock(NOON, speed=0), State()
    world = World(moment, state, {})
    server = make_server("127.0.0.1", 0, Server(world, {"solis": Solis(world)}), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.SANDBOX_URL = f"http://127.0.0.1:{server.server_port}"
    requests.post(f"{settings.SANDBOX_URL}/solis/__admin/settings", json={"per_second": 1000}, timeout=60)
    # Waiting for the quota of a second takes no time here but moves the clock.
    wait = SimpleNamespace(sleep=lambda seconds: moment.set(moment.now() + timedelta(seconds=seconds), 0))
    monkeypatch.setattr(budget, "time", wait)
    yield moment
    server.shutdown()
    thread.join()
    server.server_close()
    state._db.close()


def connect(**other: str) -> Connection:
    secrets = {"key_id": "sandbox-key", "key_secret": "sandbox-secret", **other}
    partner = factories.partner()
    made = connections.connect(partner=partner, vendor="solis", label="Homes", by="test", now=NOON, secrets=secrets)
    return Connection.objects.get(pk=made.pk)


def pull_now(connection: Connection, clock: Clock) -> Connection:
    Connection.objects.filter(pk=connection.pk).update(next_pull_at=clock.now())
    assert pull.pull_connection(connection_id=connection.pk, clock=clock.now, until=time.monotonic() + 60)
    return Connection.objects.get(pk=connection.pk)


def pulled(clock: Clock) -> Connection:
    """Return an account whose systems were listed, got gateways and were pulled once."""
    connection = pull_now(connect(), clock)
    gateway_type = factories.gateway_type(connection.partner)
    for system in System.objects.all():
        System.objects.filter(pk=system.pk).update(gateway=factories.gateway(gateway_type))
    return pull_now(connection, clock)


def test_an_account_is_listed_pulled_and_stored(clock: Clock):
    connection = pulled(clock)
    assert (connection.last_error, connection.failures) == ("", 0)
    assert set(System.objects.values_list("name", "timezone")) == {
        ("Amsterdam roof", "Europe/Amsterdam"),
        ("Cape Town home", "Africa/Johannesburg"),
    }
    assert Der.objects.count() == 4
    assert Reading.objects.count() > 4 * 250
    assert not PullRun.objects.exclude(outcome=PullRun.Outcome.OK).exists()
    assert PullRun.objects.filter(dropped__gt=0).count() == 0


def test_pulling_again_changes_only_what_is_new(clock: Clock):
    connection = pulled(clock)
    for _ in range(4):
        known = Reading.objects.count()
        clock.set(clock.now() + timedelta(minutes=10), 0)
        last_run = PullRun.objects.latest("pk").pk
        connection = pull_now(connection, clock)
        changed = sum(PullRun.objects.filter(pk__gt=last_run).values_list("changed", flat=True))
        assert connection.last_error == ""
        assert 0 < changed <= Reading.objects.count() - known + 4  # the newest row of each DER may learn its counters


def test_a_wrong_secret_needs_the_owner(clock: Clock):
    connection = pull_now(connect(key_secret="wrong"), clock)
    assert connection.status == Connection.Status.NEEDS_RECONNECT
    assert "403" in connection.last_error


def test_a_spent_quota_waits_for_the_next_day_in_utc(clock: Clock, settings):
    requests.post(f"{settings.SANDBOX_URL}/solis/__admin/settings", json={"daily_quota": 0}, timeout=60)
    connection = pull_now(connect(), clock)
    assert connection.status == Connection.Status.ACTIVE
    assert connection.next_pull_at == datetime(2026, 6, 21, tzinfo=UTC)
    assert "too many request 0 times in 1DAYS" in connection.last_error
