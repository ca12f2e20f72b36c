"""Gateways through the API: made, named, taken through their life, and let go."""

from __future__ import annotations

import csv
import io

import pytest

from gateways import actions
from gateways.models import Event, Gateway, GatewayGrant
from gateways.oauth import clients
from tests import factories
from tests.api.calling import Api, backend, fields, problem, token_of
from tests.factories import NOW, WALLET

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PLACE = {"latitude": "59.329300", "longitude": "18.068600"}


@pytest.fixture
def gateway():
    return factories.gateway()


@pytest.fixture
def api(gateway):
    return backend(gateway.partner)


def newest_event():
    return Event.objects.latest("sequence")


def test_a_gateway_is_made_and_found_at_the_address_it_came_with():
    kind = factories.gateway_type(prefix="acme")
    api = backend(kind.partner)
    made = api.post("gateways", {"type": "acme", "name": "Home"})
    assert made.status_code == 201
    row = made.json()
    assert (row["type"], row["name"], row["status"], row["has_wallet"]) == ("acme", "Home", "created", False)
    assert made["Location"] == f"http://testserver/api/v1/gateways/{row['id']}"
    assert api.get(made["Location"].removeprefix("http://testserver")).json() == row
    assert Gateway.objects.get(serial=row["id"]).keys.get().state == "pending"
    assert newest_event().actor.startswith("client:")


def test_a_gateway_that_sourceful_knows_already_keeps_its_id():
    api = backend(factories.gateway_type(prefix="acme").partner)
    known = {"type": "acme", "id": "acme-0123456789abcdef"}
    assert api.post("gateways", known).json()["id"] == known["id"]
    for body in (known, {"type": "acme", "id": "other-1"}):
        refused = api.post("gateways", body)
        assert (refused.status_code, fields(refused)) == (422, ["id"])


def test_a_gateway_is_of_a_type_of_its_own_partner():
    other = factories.gateway_type()
    refused = backend().post("gateways", {"type": other.prefix})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "type")
    assert not Gateway.objects.exists()


def test_gateways_are_found_by_type_and_status(gateway, api):
    active = factories.active_gateway(gateway.gateway_type)
    elsewhere = factories.gateway(factories.gateway_type(gateway.partner))
    of_type = api.get("gateways", {"type": gateway.gateway_type.prefix}).json()["data"]
    assert {row["id"] for row in of_type} == {gateway.serial, active.serial}
    created = api.get("gateways", {"status": "created"}).json()["data"]
    assert {row["id"] for row in created} == {gateway.serial, elsewhere.serial}


def test_a_name_is_changed_and_the_log_does_not_have_it(gateway, api):
    assert api.patch(f"gateways/{gateway.serial}", {"name": "Sea Road 1"}).json()["name"] == "Sea Road 1"
    event = newest_event()
    assert (event.name, event.data) == ("gateway.renamed", {})


def test_a_wallet_is_named_and_seen_by_those_who_may_write(gateway, api):
    address = f"gateways/{gateway.serial}/wallet"
    assert api.get(address).status_code == 404
    assert api.put(address, {"address": WALLET}).json() == {"address": WALLET, "proven_at": None}
    assert api.get(address).json()["address"] == WALLET
    reader = backend(gateway.partner, "gateways:read")
    assert problem(reader.get(address)) == (403, "insufficient-scope")
    no_wallet = api.put(address, {"address": "1" * 32})
    assert (problem(no_wallet), fields(no_wallet)) == ((422, "refused"), ["address"])


def test_a_place_comes_back_digit_by_digit(gateway, api):
    address = f"gateways/{gateway.serial}/coordinates"
    assert api.get(address).status_code == 404
    kept = {**PLACE, "source": "typed", "consented_at": None}
    assert api.put(address, PLACE).json() == kept
    assert api.get(address).json() == kept
    moved = {"latitude": -33.8567844, "longitude": 151.2152967, "consented_at": "2026-06-01T10:00:00+02:00"}
    assert api.put(address, moved).json() == {
        "latitude": "-33.856784", "longitude": "151.215297", "source": "typed", "consented_at": "2026-06-01T08:00:00Z"
    }  # fmt: skip
    assert problem(backend(gateway.partner, "gateways:read").get(address)) == (403, "insufficient-scope")
    assert not any("59.3293" in str(data) for data in Event.objects.values_list("data", flat=True))


@pytest.mark.parametrize(
    "place",
    [
        {"latitude": "91", "longitude": "0"},
        {"latitude": "0", "longitude": "0"},
        {"latitude": "1e999", "longitude": "0"},
    ],
)
def test_a_place_that_cannot_be_is_refused(gateway, api, place):
    assert api.put(f"gateways/{gateway.serial}/coordinates", place).status_code == 422
    assert api.put(f"gateways/{gateway.serial}/coordinates", {**place, "latitude": "NaN"}).status_code == 400


def test_a_gateway_goes_through_its_life(api, gateway):
    actions.register_gateway(gateway=gateway, by="test", now=NOW)
    at = f"gateways/{gateway.serial}"
    early = api.post(f"{at}/activate")
    assert problem(early) == (422, "refused")
    assert "do the next of these" in early.json()["detail"]
    api.put(f"{at}/wallet", {"address": WALLET})
    actions.own_gateway(gateway=gateway, by="test", now=NOW)
    api.put(f"{at}/coordinates", PLACE)
    steps = ["activate", "suspend", "resume", "release"]
    assert [api.post(f"{at}/{step}").json()["status"] for step in steps] == [
        "active", "suspended", "active", "released"
    ]  # fmt: skip
    assert problem(api.post(f"{at}/resume")) == (422, "refused")


@pytest.mark.parametrize(
    "method,path,body",
    [
        ("get", "", None),
        ("patch", "", {"name": "x"}),
        ("get", "/wallet", None),
        ("put", "/wallet", {"address": WALLET}),
        ("get", "/coordinates", None),
        ("put", "/coordinates", PLACE),
        ("get", "/keys", None),
        *[
            ("post", f"/{step}", {})
            for step in ("activate", "suspend", "resume", "release", "rotate-key", "activate-key")
        ],
    ],
)
def test_another_partners_gateway_is_not_there(method, path, body):
    other = factories.active_gateway()
    call = getattr(backend(), method)
    answer = call(f"gateways/{other.serial}{path}", *([] if body is None else [body]))
    assert problem(answer) == (404, "not-found")
    before = other.status, other.name, other.wallet_id
    other.refresh_from_db()
    assert (other.status, other.name, other.wallet_id) == before
    assert other.keys.count() == 1


def test_an_app_sees_a_home_it_was_granted_and_changes_nothing(django_user_model):
    owner = django_user_model.objects.create_user("owner", "owner@home.example")
    mine = factories.active_gateway(owner=owner)
    app, _ = clients.create_app(
        partner=mine.partner, name="App", redirect_uris=["https://app.example/back"], by="test", now=NOW,
        allowed_scopes=["gateways:read", "telemetry:read"],
    )  # fmt: skip
    GatewayGrant.objects.create(client=app, gateway=mine, user=owner, scopes=["gateways:read"], given_at=NOW)
    app.allowed_scopes = [*app.allowed_scopes, "gateways:write"]  # even if its row said so
    app.save()
    api = Api(token_of(app, owner, "gateways:read", "gateways:write"))
    at = f"gateways/{mine.serial}"
    assert api.get(at).json()["id"] == mine.serial
    refused = [
        api.post("gateways", {"type": mine.gateway_type.prefix}),
        api.patch(at, {"name": "x"}),
        api.get(f"{at}/wallet"),
        api.put(f"{at}/wallet", {"address": WALLET}),
        api.get(f"{at}/coordinates"),
        api.post(f"{at}/release"),
        api.post(f"{at}/rotate-key"),
        api.get("gateways/registration"),
    ]
    assert {problem(one) for one in refused} == {(403, "insufficient-scope")}
    assert problem(api.get(f"{at}/keys")) == (404, "not-found")


def test_what_sourceful_has_to_be_told_comes_as_its_tool_reads_it(gateway, api):
    known = factories.active_gateway(gateway.gateway_type)
    factories.gateway()
    answer = api.get("gateways/registration")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert list(rows[0]) == ["ecc_serial", "mac_eth0", "mac_wlan0", "helium_public_key", "full_public_key"]
    assert [(row["ecc_serial"], row["full_public_key"]) for row in rows] == [
        (gateway.serial, gateway.keys.get().public_key)
    ]
    new_key = api.post(f"gateways/{known.serial}/rotate-key").json()["public_key"]
    again = api.get("gateways/registration", {"gateway": known.serial, "format": "csv"}).content.decode()
    assert again.splitlines()[1:] == [f"{known.serial},,,,{new_key}"]
    assert api.get("gateways/registration", {"type": "none"}).content.decode().count("\n") == 1
    assert problem(backend(gateway.partner, "gateways:read").get("gateways/registration"))[0] == 403
