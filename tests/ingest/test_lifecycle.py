"""Registration with the sandbox and inception: what SEN answers decides where a gateway stands."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import responses
from django.core.exceptions import ValidationError

from gateways import actions, vault
from gateways.models import Gateway, GatewayKey, GatewayType, Partner
from ingest import lifecycle
from ingest.sen.errors import SenRefused, SenUnavailable
from tests import factories

pytestmark = pytest.mark.django_db

SANDBOX = "http://sandbox.test"


@pytest.fixture
def sen(settings):
    settings.SANDBOX_URL = SANDBOX
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def registered() -> Gateway:
    gateway = factories.gateway()
    actions.register_gateway(gateway=gateway, by="test", now=factories.NOW)
    return actions.bind_wallet(gateway=gateway, address=factories.WALLET, by="test", now=factories.NOW)


def answer(initialized: Any) -> dict[str, Any]:
    return {"data": {"gatewayInception": {"initialize": {"initialized": initialized}}}}


def incept(gateway: Gateway, **options: bool) -> bool:
    return lifecycle.incept(gateway=gateway, by="test", now=factories.NOW, **options)


def sent_text(sen: responses.RequestsMock, name: str) -> str:
    query = sen.calls[0].request.body
    found = re.search(rf'{name}:\\\\?"([^"\\\\]+)', query.decode() if isinstance(query, bytes) else str(query))
    assert found, query
    return found[1]


@pytest.mark.parametrize("app_form", [False, True])
def test_inception_is_signed_by_the_gateways_key_in_both_forms(sen, app_form):
    sen.post(f"{SANDBOX}/sen/", json=answer(initialized=True))
    gateway = registered()
    assert incept(gateway, app_form=app_form)
    message, signature = sent_text(sen, "idAndWallet"), sent_text(sen, "signature")
    if app_form:
        assert re.fullmatch(rf"{factories.WALLET}\|\d{{6}}\|2026-06-15T12:00:00Z\|{gateway.serial}", message)
    else:
        assert message == f"{gateway.serial}:{factories.WALLET}"
    key = gateway.keys.get(state=GatewayKey.State.ACTIVE)
    assert vault.verify(key.public_key, bytes.fromhex(signature), message.encode())
    gateway.refresh_from_db()
    assert gateway.status == Gateway.Status.OWNED


def test_a_dry_run_tells_what_would_be_and_changes_nothing(sen):
    sen.post(f"{SANDBOX}/sen/", json=answer(initialized=True))
    gateway = registered()
    assert incept(gateway, dry_run=True)
    assert b"dryRun:true" in sen.calls[0].request.body
    gateway.refresh_from_db()
    assert gateway.status == Gateway.Status.REGISTERED


@pytest.mark.parametrize(
    "said", [answer(initialized=False), answer(initialized=None), {"data": {"gatewayInception": None}}]
)
def test_a_refusal_leaves_the_gateway_where_it_is(sen, said):
    sen.post(f"{SANDBOX}/sen/", json=said)
    sen.post(f"{SANDBOX}/sen/", json={"data": {"gateway": {"gateway": {"wallet": "somebody else"}}}})
    gateway = registered()
    assert not incept(gateway)
    gateway.refresh_from_db()
    assert gateway.status == Gateway.Status.REGISTERED


def test_an_answer_that_was_lost_is_made_good_by_asking_who_owns_the_gateway(sen):
    sen.post(f"{SANDBOX}/sen/", json=answer(initialized=False))
    sen.post(f"{SANDBOX}/sen/", json={"data": {"gateway": {"gateway": {"wallet": factories.WALLET}}}})
    assert incept(registered())


def test_graphql_errors_come_with_200_and_are_errors(sen):
    sen.post(f"{SANDBOX}/sen/", json={"errors": [{"message": "no such field"}]})
    with pytest.raises(SenRefused, match="no such field"):
        incept(registered())


@pytest.mark.parametrize("fault", [{"status": 503}, {"body": "<html>"}, {"body": requests.ConnectionError()}])
def test_a_sen_in_trouble_is_said_to_be(sen, fault):
    sen.post(f"{SANDBOX}/sen/", **fault)
    with pytest.raises(SenUnavailable):
        incept(registered())


def test_inception_needs_registration_and_a_wallet():
    with pytest.raises(ValidationError, match="must be registered"):
        incept(factories.gateway())


def test_registration_tells_the_sandbox_the_type_the_gateway_and_its_key(sen):
    sen.post(f"{SANDBOX}/sen/__admin/types", status=201, json={})
    sen.post(f"{SANDBOX}/sen/__admin/gateways", status=201, json={})
    gateway = factories.gateway()
    lifecycle.register_in_sandbox(gateway=gateway, by="test", now=factories.NOW)
    key = gateway.keys.get()
    assert key.public_key in sen.calls[1].request.body.decode()
    assert key.state == GatewayKey.State.ACTIVE
    gateway.refresh_from_db()
    assert gateway.status == Gateway.Status.REGISTERED


def test_registration_of_a_rotated_key_adds_it_and_lets_it_sign(sen):
    sen.post(f"{SANDBOX}/sen/__admin/types", status=200, json={})
    gateway = factories.active_gateway()
    sen.post(f"{SANDBOX}/sen/__admin/gateways/{gateway.serial}/keys", status=201, json={})
    new = actions.rotate_key(owner=gateway, by="test", now=factories.NOW)
    lifecycle.register_in_sandbox(gateway=gateway, by="test", now=factories.NOW)
    new.refresh_from_db()
    assert new.state == GatewayKey.State.ACTIVE


def test_registration_with_a_global_key_names_no_key_of_the_gateway(sen):
    kind = factories.gateway_type(key_strategy=GatewayType.KeyStrategy.GLOBAL)
    sen.post(f"{SANDBOX}/sen/__admin/types", status=201, json={})
    sen.post(f"{SANDBOX}/sen/__admin/types/{kind.prefix}/keys", status=201, json={})
    sen.post(f"{SANDBOX}/sen/__admin/gateways", status=201, json={})
    gateway = factories.gateway(kind)
    lifecycle.register_in_sandbox(gateway=gateway, by="test", now=factories.NOW)
    assert b"public_key" not in sen.calls[2].request.body
    assert kind.keys.get().state == GatewayKey.State.ACTIVE


def test_a_sandbox_that_refuses_leaves_the_gateway_unregistered(sen):
    sen.post(f"{SANDBOX}/sen/__admin/types", status=409, body="another key")
    gateway = factories.gateway()
    with pytest.raises(SenRefused, match="another key"):
        lifecycle.register_in_sandbox(gateway=gateway, by="test", now=factories.NOW)
    gateway.refresh_from_db()
    assert gateway.status == Gateway.Status.CREATED


def test_production_gateways_are_registered_by_hand_only():
    kind = factories.gateway_type(factories.partner(environment=Partner.Environment.PRODUCTION))
    with pytest.raises(ValidationError, match="registration CSV"):
        lifecycle.register_in_sandbox(gateway=factories.gateway(kind), by="test", now=factories.NOW)
