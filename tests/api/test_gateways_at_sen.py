"""Steps of a gateway's life that SEN has a part in, through the API."""

from __future__ import annotations

import pytest
import requests

from gateways import actions
from gateways.models import Event, Gateway, Partner
from tests import factories
from tests.api.calling import backend, problem
from tests.clouds import clouds, running_clouds
from tests.factories import NOW, WALLET

__all__ = ["clouds", "running_clouds"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway():
    return factories.gateway()


@pytest.fixture
def api(gateway):
    return backend(gateway.partner)


def registry(clouds, gateway):
    return requests.get(f"{clouds}/sen/__admin/gateways/{gateway.serial}", timeout=60)


def test_a_gateway_is_brought_to_life_by_calls_alone(clouds, gateway, api):
    at = f"gateways/{gateway.serial}"
    assert api.post(f"{at}/register").json()["status"] == "registered"
    assert registry(clouds, gateway).status_code == 200
    assert problem(api.post(f"{at}/rehearse-inception")) == (422, "refused")
    api.put(f"{at}/wallet", {"address": WALLET})
    assert api.post(f"{at}/rehearse-inception").json() == {"agrees": True}
    assert api.get(at).json()["status"] == "registered"
    assert api.post(f"{at}/incept").json()["status"] == "owned"
    api.put(f"{at}/coordinates", {"latitude": "59.33", "longitude": "18.07"})
    assert api.post(f"{at}/activate").json()["status"] == "active"
    assert problem(api.post(f"{at}/incept")) == (422, "refused")
    actors = Event.objects.filter(subject=f"gateway:{gateway.serial}", name__in=["gateway.registered", "gateway.owned"])
    assert all(actor.startswith("client:") for actor in actors.values_list("actor", flat=True))


def test_a_wallet_that_sen_does_not_bind_is_a_conflict(clouds, gateway, api):
    at = f"gateways/{gateway.serial}"
    api.post(f"{at}/register")
    api.put(f"{at}/wallet", {"address": WALLET})
    requests.post(f"{clouds}/sen/__admin/gateways/{gateway.serial}/ban", json={"reason": "x"}, timeout=60)
    assert api.post(f"{at}/rehearse-inception").json() == {"agrees": False}
    assert problem(api.post(f"{at}/incept")) == (409, "inception-refused")
    assert api.get(at).json()["status"] == "registered"


def test_sen_that_does_not_answer_is_told_apart_and_changes_nothing(clouds, gateway, api):
    at = f"gateways/{gateway.serial}"
    api.post(f"{at}/register")
    api.put(f"{at}/wallet", {"address": WALLET})
    fault = {"cloud": "sen", "status": 503}
    requests.post(f"{clouds}/__admin/faults", json=fault, timeout=60).raise_for_status()
    refused = api.post(f"{at}/incept")
    assert problem(refused) == (502, "sen-unavailable")
    assert refused.json()["fault"] == "network"
    assert Gateway.objects.get().status == "registered"


def test_in_production_it_is_noted_that_sourceful_has_it():
    partner = factories.partner(environment=Partner.Environment.PRODUCTION)
    gateway = factories.gateway(factories.gateway_type(partner))
    api = backend(partner)
    assert api.post(f"gateways/{gateway.serial}/register").json()["status"] == "registered"
    assert gateway.keys.get().state == "active"
    assert problem(api.post(f"gateways/{gateway.serial}/register")) == (422, "refused")


def test_another_partners_gateway_is_not_there(gateway):
    actions.register_gateway(gateway=gateway, by="test", now=NOW)
    api, at = backend(), f"gateways/{gateway.serial}"
    answers = [api.post(f"{at}/{step}") for step in ("register", "incept", "rehearse-inception")]
    assert {problem(one) for one in answers} == {(404, "not-found")}
