"""A SolarEdge home from its owner's consent to stored readings, and what comes of a consent that shrinks or ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Max
from werkzeug.serving import make_server

from ingest import adapters, connections, credentials
from ingest.models import Connection, Reading, VendorCredential
from ingest.vendors.base import Tokens
from tests import factories
from tests.ingest.vendor import pull_once
from tests.sandbox.solaredge_owner import APP, NOW, REDIRECT_URI, Vendor

pytestmark = pytest.mark.django_db

Pull = Callable[[], set[str]]


@pytest.fixture
def vendor(settings) -> Iterator[Vendor]:
    vendor = Vendor()
    http = make_server("127.0.0.1", 0, vendor.server, threaded=True)
    thread = threading.Thread(target=http.serve_forever, args=[0.01])
    thread.start()
    settings.SANDBOX_URL = f"http://127.0.0.1:{http.server_port}"
    yield vendor
    http.shutdown()
    thread.join()
    http.server_close()
    vendor.state.close()


def consented(vendor: Vendor, credential: VendorCredential) -> Tokens:
    application = adapters.open_application(credential, clock=vendor.clock.now)
    return application.exchange(vendor.share("ok"), redirect_uri=REDIRECT_URI)


@pytest.fixture
def account(vendor: Vendor) -> Connection:
    """An account whose owner has consented and whose home has a gateway."""
    of_type = factories.gateway_type()
    made: dict[str, Any] = {"partner": of_type.partner, "vendor": "solaredge", "by": "test", "now": NOW}
    credential = credentials.add(name="App", scheme="siteaccess", secrets=APP, **made)
    account = connections.connect(label="Anna", credential=credential, given=consented(vendor, credential), **made)
    pull_once(account, vendor.clock.now)
    account.systems.update(gateway=factories.active_gateway(of_type), pulled_through=NOW)
    return account


@pytest.fixture
def pull(vendor: Vendor, account: Connection) -> Pull:
    def later() -> set[str]:
        """Pull twenty minutes later, before half of a token's life is over; return the kinds of DERs with news."""
        newest = Reading.objects.aggregate(ts=Max("ts"))["ts"] or NOW - timedelta(days=1)
        vendor.clock.set(vendor.clock.now() + timedelta(minutes=20), 0)
        Connection.objects.filter(pk=account.pk).update(next_pull_at=vendor.clock.now())
        pull_once(account, vendor.clock.now)
        return set(Reading.objects.filter(ts__gt=newest).values_list("der__kind", flat=True))

    return later


def test_a_home_is_read_with_its_owners_consent_whose_tokens_are_renewed(vendor, account, pull):
    assert pull() == {"pv", "battery", "meter"}
    received_at = account.tokens_received_at
    vendor.admin("grants", {"login": "ok", "expire_access": True})
    assert pull() == {"pv", "battery", "meter"}
    assert account.tokens_received_at > received_at
    assert vendor.admin("grants").get_json()[0]["refreshes"] == 1


def test_without_the_right_to_devices_pv_goes_on_and_the_rest_is_noted_until_it_is_back(vendor, account, pull):
    pull()
    vendor.admin("grants", {"login": "ok", "drop_scope": "DEVICE_DATA"})
    assert pull() == {"pv"}
    assert account.refused_parts.keys() == {"meters/telemetry", "storage/telemetry"}
    assert account.status == Connection.Status.ACTIVE
    given = consented(vendor, account.credential)
    now = vendor.clock.now()
    connections.reconnect(connection=account, credential=account.credential, given=given, by="test", now=now)
    assert pull() == {"pv", "battery", "meter"}
    assert account.refused_parts == {}


def test_a_consent_that_is_taken_away_stops_the_account_until_its_owner_reconnects(vendor, account, pull):
    vendor.admin("grants", {"login": "ok", "revoke": True})
    assert pull() == set()
    assert account.status == Connection.Status.NEEDS_RECONNECT


def test_an_account_that_is_disconnected_gives_its_consent_back(vendor, account):
    connections.disconnect(connection=account, by="test", now=vendor.clock.now())
    account.refresh_from_db()
    connections.revoke(connection=account, clock=vendor.clock.now)
    account.refresh_from_db()
    assert vendor.admin("grants").get_json()[0]["revoked"]
    assert account.secrets == ""
