"""Every operation that the API describes, asked about rows of somebody else: none is told of, and none changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone

from gateways.models import Client, Gateway, GatewayGrant
from gateways.oauth import clients, grants, scopes
from gateways.rest import paging
from ingest.models import System
from ingest.passthrough import ids
from ingest.passthrough.ids import Native
from ingest.readings import DerKey, Kind
from onboarding.models import Enrollment, WebhookEndpoint
from onboarding.webhooks import addresses
from tests import factories
from tests.admin.conftest import Fleet, make_fleet
from tests.api import homes
from tests.api.calling import Api, backend, token_of
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OF_EVERYBODY = ("/api/v1/vendors/{vendor}",)


@dataclass
class Rows:
    """What addresses, parameters and bodies can name of a fleet."""

    named: dict[str, str]
    secret: list[str]
    """words that no answer to others has"""

    def bodies(self, example: Any) -> Iterator[Any]:
        """Give the example of a body, and again with each id in it replaced by one of the fleet's."""
        yield example
        for name in ("type", "credential", "flow"):
            if isinstance(example, dict) and name in example:
                yield {**example, name: self.named[name]}
        if isinstance(example, dict) and "vendors" in example:
            yield {**example, "vendors": [{"vendor": "solaredge", "credential": self.named["credential"]}]}
        if isinstance(example, dict) and "secrets" in example and "vendor" in example:
            without = {name: value for name, value in example.items() if name != "secrets"}
            yield {**without, "vendor": "solaredge", "credential": self.named["credential"]}


_IDS = (
    "gateway", "system", "connection", "sn", "credential", "flow", "enrollment", "webhook", "public_key", "consent",
    "journey", "invitation", "site", "device",
)  # fmt: skip


def rows_of(fleet: Fleet) -> Rows:
    gateway = fleet.gateway
    System.objects.filter(gateway=gateway).update(name="Villa Kulla", external_id="plant-of-villa-kulla")
    system = System.objects.get(gateway=gateway)
    Enrollment.objects.filter(pk=fleet.enrollment.pk).update(user_reference="kulla-7")
    WebhookEndpoint.objects.filter(pk=fleet.webhook.pk).update(url="http://127.0.0.1:9009/kulla")
    system.ders.update(sn="panel-of-villa-kulla")
    named = homes.named(fleet)
    named |= {
        "type": named["prefix"], "user_reference": named["reference"], "subject": f"gateway:{gateway.serial}",
        "cursor": paging.encode(0), "includeSecrets": "true",
        "site": ids.encode(Native("solis", system.external_id)),
        "device": ids.encode(Native("solis", system.external_id, DerKey(Kind.PV, named["sn"]))),
    }  # fmt: skip
    secret = [
        *(named[name] for name in _IDS), system.name, system.external_id, str(fleet.webhook.deliveries.get().uid),
        "9009/kulla", "TOP-SECRET-KEY",
    ]  # fmt: skip
    return Rows(named, secret)


@pytest.fixture
def fleet(settings: Any, monkeypatch: Any) -> Fleet:
    settings.SANDBOX_URL = "http://127.0.0.1:1"  # where nobody answers
    monkeypatch.setattr(addresses, "resolve", lambda _site, sandbox: ("127.0.0.1",))  # noqa: ARG005  no names here
    return make_fleet()


def strangers_backend(_fleet: Fleet) -> Api:
    return backend(make_fleet().partner, requests_per_minute=10**6)


def validator_of_a_silent_home(fleet: Fleet) -> Api:
    System.objects.filter(gateway=fleet.gateway).update(sends=False)
    return backend(fleet.partner, purpose=Client.Purpose.REWARDS, requests_per_minute=10**6)


def backend_without_scopes(fleet: Fleet) -> Api:
    api = backend(fleet.partner, scopes.PASSTHROUGH)
    Client.objects.filter(name="Backend").update(allowed_scopes=[scopes.CREDENTIALS_REVEAL], requests_per_minute=10**6)
    return api


def neighbors_app(fleet: Fleet) -> Api:
    """An app of the same partner, for a homeowner with another home."""
    user = User.objects.create_user("bo", "bo@example.com")
    return _app(fleet, user, _home(fleet, user))


def app_for_another_home(fleet: Fleet) -> Api:
    """An app of the owner, for the home that was ticked, which is not this one."""
    owner = Gateway.objects.get(pk=fleet.gateway.pk).owner
    return _app(fleet, owner, _home(fleet, owner))


def app_for_a_home_that_was_sold(fleet: Fleet) -> Api:
    owner = Gateway.objects.get(pk=fleet.gateway.pk).owner
    api = _app(fleet, owner, Gateway.objects.get(pk=fleet.gateway.pk))
    Gateway.objects.filter(pk=fleet.gateway.pk).update(owner=User.objects.create_user("cleo", "cleo@example.com"))
    return api


def nobody(_fleet: Fleet) -> Api:
    return Api("")


CALLERS = [
    strangers_backend, validator_of_a_silent_home, backend_without_scopes, neighbors_app, app_for_another_home,
    app_for_a_home_that_was_sold, nobody,
]  # fmt: skip


ALSO_SEEN = {validator_of_a_silent_home: (*OF_EVERYBODY, "/api/v1/gateway-types/{prefix}")}  # its partner's types


def _home(fleet: Fleet, owner: Any) -> Gateway:
    return factories.gateway(factories.gateway_type(fleet.partner), owner=owner)


def _app(fleet: Fleet, user: Any, home: Gateway) -> Api:
    made, _secret = clients.create_app(
        partner=fleet.partner, name="Moon App", redirect_uris=["https://moon.example/"], by="test", now=NOW,
        allowed_scopes=list(scopes.HOMEOWNERS), requests_per_minute=10**6,
    )  # fmt: skip
    grants.give(user=user, client=made, gateways=[home], scopes=list(scopes.HOMEOWNERS), now=timezone.now())
    return Api(token_of(made, user))


@pytest.mark.parametrize("caller", CALLERS)
def test_nothing_of_others_is_told_or_changed_at_any_address(fleet: Fleet, caller: Any, client: Any) -> None:
    rows, api = rows_of(fleet), caller(fleet)
    before, told, asked = everything(), [], 0
    for path, method, operation in operations(client):
        for address, body in requests(path, operation, rows):
            answer = api.browser.generic(method, address, body, "application/json")
            asked += 1
            words = {word for word in rows.secret if word not in address and word not in body}
            known = [word for word in words if word in answer.content.decode()]
            if known or (
                answer.status_code < 300 and "{" in path and not path.startswith(ALSO_SEEN.get(caller, OF_EVERYBODY))
            ):
                told.append((method, address, body, answer.status_code, known))
            assert answer.status_code != 500, (method, address, answer.content)
    assert told == []
    after = everything()
    assert [name for name in before if before[name] - after[name]] == []
    assert [
        row for name in before for row in after[name] - before[name] if f"'partner_id': {fleet.partner.pk}," in row
    ] == []
    assert asked > 150


def test_the_partners_own_backend_is_told_every_word_of_it(fleet: Fleet, client: Any) -> None:
    rows, api = rows_of(fleet), backend(fleet.partner, requests_per_minute=10**6)
    told = ""
    for path, method, operation in operations(client):
        for address, _body in requests(path, operation, rows) if method == "GET" else ():
            told += api.browser.get(address).content.decode()
    of_vendors = {rows.named["site"], rows.named["device"]}  # where nobody answers
    assert {word for word in rows.secret if word not in told} <= of_vendors


def operations(client: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in client.get("/api/schema").json()["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def requests(path: str, operation: Any, rows: Rows) -> Iterator[tuple[str, str]]:
    """Give addresses and bodies of an operation: as in its example, and with ids of the fleet wherever it takes one."""
    named = rows.named | {"id": rows.named["site" if "/sites" in path else "device"]}
    address = re.sub(r"\{(\w+)\}", lambda found: quote(named[found[1]], safe=""), path)
    taken = [one["name"] for one in operation["parameters"] if one.get("in") == "query" and one["name"] in named]
    needed = "date=2026-06-15&" if path.endswith("/energy") else ""
    for query in ("", *(f"{name}={quote(named[name])}" for name in taken)):
        yield f"{address}?{needed}{query}", ""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for body in rows.bodies(content["example"]):
            yield address, orjson.dumps(body).decode()


def everything() -> dict[str, set[str]]:
    """All rows of all tables of ours, but for when a grant was used last."""
    models = [
        model for app in ("gateways", "ingest", "onboarding", "auth") for model in apps.get_app_config(app).get_models()
    ]
    return {
        model.__name__: {repr(row) for row in model._base_manager.values()}
        for model in models
        if model is not GatewayGrant
    }
