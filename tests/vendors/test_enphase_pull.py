"""An Enphase home from its owner's consent to stored readings, and what comes of a consent that shrinks or ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count, Max
from werkzeug.serving import make_server

from gateways.models import Event
from ingest import adapters, connections, credentials
from ingest.models import Connection, PullRun, Reading, System, VendorCredential
from ingest.vendors.base import Tokens
from ingest.vendors.enphase import Enphase, telemetry
from sandbox.state import State
from tests import factories
from tests.ingest.vendor import pull_once
from tests.sandbox.enphase.cloud import BACK, BASIC, KEY, NOW, Cloud

pytestmark = pytest.mark.django_db

APP = {"client_id": BASIC[0], "client_secret": BASIC[1], "api_key": KEY}
EVERYTHING = {"pv", "battery", "meter"}

Open = Callable[[str], Connection]
Pull = Callable[..., set[str]]


@pytest.fixture
def cloud(settings) -> Iterator[Cloud]:
    state = State()
    cloud = Cloud(state)
    http = make_server("127.0.0.1", 0, cloud.http.application, threaded=True)
    thread = threading.Thread(target=http.serve_forever, args=[0.01])
    thread.start()
    settings.SANDBOX_URL = f"http://127.0.0.1:{http.server_port}"
    yield cloud
    http.shutdown()
    thread.join()
    http.server_close()
    state.close()


def consented(cloud: Cloud, credential: VendorCredential, login: str) -> Tokens:
    application = adapters.open_application(credential, clock=cloud.clock.now)
    return application.exchange({"code": cloud.code(login)}, redirect_uri=BACK)


@pytest.fixture
def connect(cloud: Cloud) -> Open:
    def account(login: str) -> Connection:
        """Return an account whose owner has consented and whose homes were listed and have gateways."""
        of_type = factories.gateway_type()
        made: dict[str, Any] = {"partner": of_type.partner, "vendor": "enphase", "by": "test", "now": NOW}
        credential = credentials.add(name="App", secrets=APP, **made)
        given = consented(cloud, credential, login)
        account = connections.connect(label=login, credential=credential, given=given, **made)
        pull_once(account, cloud.clock.now)
        for system in account.systems.all():
            System.objects.filter(pk=system.pk).update(gateway=factories.active_gateway(of_type))
        return account

    return account


@pytest.fixture
def pull(cloud: Cloud) -> Pull:
    def later(account: Connection, **by: float) -> set[str]:
        """Pull some time later; return the kinds of DERs with news."""
        newest = Reading.objects.aggregate(ts=Max("ts"))["ts"] or NOW - timedelta(days=9)
        cloud.clock.set(cloud.clock.now() + timedelta(**by or {"minutes": 20}), 0)
        Connection.objects.filter(pk=account.pk).update(next_pull_at=cloud.clock.now())
        pull_once(account, cloud.clock.now)
        return set(Reading.objects.filter(ts__gt=newest).values_list("der__kind", flat=True))

    return later


def test_a_day_is_pulled_without_a_hole_through_renewals_of_the_tokens(cloud, connect, pull):
    account = connect("ok")
    assert pull(account) == EVERYTHING
    for _ in range(4):
        assert pull(account, hours=6) == EVERYTHING
    (system,) = account.systems.all()
    first = NOW - Enphase.policy.first_lookback + timedelta(hours=1)
    rows = Reading.objects.filter(der__system=system, ts__gt=first).values("der__kind").annotate(rows=Count("ts"))
    ended = system.last_reading_at.replace(tzinfo=NOW.tzinfo)
    quarters = (ended - first) // timedelta(minutes=15) + 1
    assert {row["der__kind"]: row["rows"] for row in rows} == dict.fromkeys(EVERYTHING, quarters)
    assert cloud.shown("grants")[0]["refreshes"] == 2
    assert (account.failures, account.last_error) == (0, "")
    assert not PullRun.objects.exclude(outcome=PullRun.Outcome.OK).exists()
    assert not PullRun.objects.filter(dropped__gt=0).exists()


def test_one_home_lasts_a_month_on_the_smallest_plan(cloud, connect, pull):
    cloud.admin("apps", client_id=BASIC[0], plan="watt")
    cloud.clock.set(NOW + timedelta(days=3), 0)  # early in the thirty days of our quota
    account = connect("ok")
    pull(account)
    assert pull(account) == EVERYTHING
    calls = PullRun.objects.latest("pk").requests
    every = account.next_pull_at - cloud.clock.now()
    assert calls == 4
    assert timedelta(hours=2) < every < timedelta(hours=5)


def test_a_token_that_was_called_back_is_renewed_in_the_middle_of_a_pull(cloud, connect, pull):
    account = connect("ok")
    pull(account)
    cloud.admin("grants", login="ok", expire_access=True)
    assert pull(account) == EVERYTHING
    assert account.status == Connection.Status.ACTIVE
    assert cloud.shown("grants")[0]["refreshes"] == 1


def test_without_site_consumption_pv_goes_on_and_the_rest_is_noted_until_it_is_back(cloud, connect, pull):
    account = connect("ok")
    pull(account)
    cloud.admin("apps", client_id=BASIC[0], groups=["system_details", "site_production"])
    assert pull(account) == {"pv"}
    assert account.refused_parts.keys() == {telemetry.IMPORT, telemetry.EXPORT, telemetry.BATTERY}
    assert account.status == Connection.Status.ACTIVE
    cloud.admin("apps", client_id=BASIC[0], groups=["system_details", "site_production", "site_consumption"])
    assert pull(account) == EVERYTHING
    assert account.refused_parts == {}


def test_access_that_is_taken_away_after_the_first_data_waits_for_the_owner(connect, pull):
    account = connect("badlogin_after")
    pull(account)
    assert account.status == Connection.Status.NEEDS_RECONNECT
    assert account.refused_parts == {}


def test_a_refresh_token_that_is_too_old_waits_for_the_owner_whose_new_consent_closes_the_gap(cloud, connect, pull):
    account = connect("ok")
    pull(account)
    cloud.admin("grants", login="ok", expire_access=True, expire_refresh=True)
    assert pull(account, hours=13) == set()
    assert account.status == Connection.Status.NEEDS_RECONNECT
    assert Event.objects.filter(name="connection.needs_reconnect").count() == 1
    cloud.clock.set(NOW + timedelta(days=2), 0)
    given = consented(cloud, account.credential, "ok")
    now = cloud.clock.now()
    connections.reconnect(connection=account, credential=account.credential, given=given, by="test", now=now)
    assert pull(account) == EVERYTHING
    assert pull(account, minutes=1) == EVERYTHING  # three windows take more calls than a minute has
    missed = Reading.objects.filter(der__kind="meter", ts__gt=NOW, ts__lte=NOW + timedelta(days=2))
    assert missed.count() == 2 * 96


def test_kinds_that_the_owner_keeps_are_not_asked_for(cloud, connect, pull):
    account = connect("ok")
    Connection.objects.filter(pk=account.pk).update(withheld_kinds=["battery", "meter"])
    account.refresh_from_db()
    assert pull(account) == {"pv"}
    assert not [call for call in cloud.shown("ledger") if call["resource"] in (telemetry.IMPORT, telemetry.BATTERY)]


def test_a_disconnected_account_is_forgotten_although_the_vendor_takes_no_consent_back(cloud, connect):
    account = connect("ok")
    connections.disconnect(connection=account, by="test", now=cloud.clock.now())
    account.refresh_from_db()
    connections.revoke(connection=account, clock=cloud.clock.now)
    account.refresh_from_db()
    assert account.secrets == ""
    assert Event.objects.filter(name="connection.revoked").latest("pk").data == {"at_vendor": False}
