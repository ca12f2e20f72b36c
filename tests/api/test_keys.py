"""Keys through the API: the next one made, put in place of the one before, banned."""

from __future__ import annotations

import pytest

from gateways import queries
from gateways.models import Event, Gateway, GatewayKey
from tests import factories
from tests.api.calling import backend, problem

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def gateway():
    return factories.active_gateway()


@pytest.fixture
def api(gateway):
    return backend(gateway.partner)


def states(api, at):
    return {row["public_key"]: row["status"] for row in api.get(f"{at}/keys").json()["data"]}


def test_the_next_key_is_made_and_takes_over_when_sen_has_it(gateway, api):
    at = f"gateways/{gateway.serial}"
    (before,) = states(api, at)
    made = api.post(f"{at}/rotate-key")
    new = made.json()["public_key"]
    assert (made.status_code, made.json()["status"]) == (201, "pending")
    assert made["Location"] == f"http://testserver/api/v1/{at}/keys/{new}"
    assert api.get(made["Location"].removeprefix("http://testserver")).json() == made.json()
    assert states(api, at) == {before: "active", new: "pending"}
    assert problem(api.post(f"{at}/rotate-key")) == (422, "refused")
    assert api.post(f"{at}/activate-key").json()["status"] == "active"
    assert list(states(api, at).items()) == [(new, "active"), (before, "retired")]


def test_a_banned_key_signs_no_more_and_says_why(gateway, api):
    key = gateway.keys.get().public_key
    at = f"gateways/{gateway.serial}/keys/{key}"
    assert api.post(f"{at}/ban", {}).status_code == 400
    assert problem(api.post(f"{at}/ban", {"reason": "x" * 201})) == (400, "invalid-request")
    banned = api.post(f"{at}/ban", {"reason": "leaked"}).json()
    assert (banned["status"], banned["ban_reason"]) == ("banned", "leaked")
    assert queries.active_key(Gateway.objects.get()) is None
    assert Event.objects.latest("sequence").data == {"public_key": key, "reason": "leaked"}
    assert problem(api.post(f"{at}/ban", {"reason": "again"})) == (422, "refused")


def test_a_key_is_found_below_its_own_gateway_and_nowhere_else(gateway, api):
    neighbor, stranger = factories.active_gateway(gateway.gateway_type), factories.active_gateway()
    key = gateway.keys.get().public_key
    assert api.get(f"gateways/{gateway.serial}/keys/{key}").status_code == 200
    assert problem(api.get(f"gateways/{neighbor.serial}/keys/{key}")) == (404, "not-found")
    foreign = stranger.keys.get().public_key
    for serial in (stranger.serial, gateway.serial):
        answer = api.post(f"gateways/{serial}/keys/{foreign}/ban", {"reason": "mine now"})
        assert problem(answer) == (404, "not-found")
    assert not GatewayKey.objects.filter(state="banned").exists()


def test_no_answer_says_where_the_private_key_is(gateway, api):
    at = f"gateways/{gateway.serial}"
    key = gateway.keys.get()
    text = api.get(f"{at}/keys").content + api.post(f"{at}/rotate-key").content
    assert b"sealed:" not in text
    assert key.uri.encode() not in text


def test_a_client_that_reads_bans_nothing(gateway):
    reader = backend(gateway.partner, "gateways:read")
    key = gateway.keys.get().public_key
    assert reader.get(f"gateways/{gateway.serial}/keys").status_code == 200
    assert problem(reader.post(f"gateways/{gateway.serial}/keys/{key}/ban", {"reason": "x"}))[0] == 403
    assert problem(reader.post(f"gateways/{gateway.serial}/rotate-key"))[0] == 403
