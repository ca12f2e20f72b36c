"""A vendor's system becomes a home that sends, through the API."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateways.models import Gateway
from ingest.models import System
from tests import factories
from tests.api.calling import backend, problem
from tests.factories import WALLET

pytestmark = pytest.mark.django_db


@pytest.fixture
def system():
    of = factories.connection()
    factories.gateway_type(of.partner, prefix="acme")
    return factories.system(of=of, latitude=59.3293, longitude=18.0686)


@pytest.fixture
def api(system):
    return backend(system.connection.partner)


def test_a_system_of_a_fleet_becomes_a_home_at_once(api, system):
    at = f"systems/{system.uid}/gateway"
    made = api.post(at, {"type": "acme", "wallet": WALLET})
    assert made.status_code == 201, made.content
    assert (made.json()["name"], made.json()["has_wallet"], made.json()["has_position"]) == (system.name, True, True)
    assert api.get(made["Location"].removeprefix("http://testserver")).json() == made.json()
    gateway = Gateway.objects.get()
    assert System.objects.get().gateway == gateway
    assert gateway.coordinates is not None
    assert gateway.coordinates.latitude == Decimal("59.329300")  # where the vendor says
    again = api.post(at, {"type": "acme"})
    assert problem(again) == (422, "refused")
    assert gateway.serial in again.json()["detail"]
    assert Gateway.objects.count() == 1


def test_a_place_that_is_told_goes_before_the_vendors(api, system):
    at = f"systems/{system.uid}/gateway"
    assert problem(api.post(at, {"type": "acme", "latitude": "1.5"})) == (400, "invalid-request")
    serial = api.post(at, {"type": "acme", "latitude": "1.5", "longitude": "2.5"}).json()["id"]
    place = api.get(f"gateways/{serial}/coordinates").json()
    assert (place["latitude"], place["longitude"], place["source"]) == ("1.500000", "2.500000", "typed")


def test_a_wrong_wallet_leaves_nothing_behind(api, system):
    assert problem(api.post(f"systems/{system.uid}/gateway", {"type": "acme", "wallet": "1" * 32})) == (422, "refused")
    assert not Gateway.objects.exists()


def test_a_home_that_sends_through_another_account_stays_there(api, system):
    partner = system.connection.partner
    account = factories.connection(partner, label="anna@home.example")
    gateway = factories.active_gateway(partner.gateway_types.get())
    known = factories.system(gateway, of=account)
    known.ders.update(sn=system.ders.get().sn)
    refused = api.post(f"systems/{system.uid}/gateway", {"type": "acme"})
    assert problem(refused) == (422, "refused")
    assert gateway.serial in refused.json()["detail"]
    assert b"anna@" not in refused.content


def test_another_partners_system_is_not_there_nor_is_its_type(system):
    api = backend()
    assert problem(api.post(f"systems/{system.uid}/gateway", {"type": "acme"})) == (404, "not-found")
    own = factories.system(of=factories.connection(factories.partner()))
    api = backend(own.connection.partner)
    assert problem(api.post(f"systems/{own.uid}/gateway", {"type": "acme"})) == (400, "invalid-request")
    assert not Gateway.objects.exists()


def test_who_reads_sets_up_nothing(system):
    reader = backend(system.connection.partner, "gateways:read", "enrollments:write")
    assert problem(reader.post(f"systems/{system.uid}/gateway", {"type": "acme"})) == (403, "insufficient-scope")
