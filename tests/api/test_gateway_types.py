"""Types of gateways through the API, and their global keys."""

from __future__ import annotations

import pytest

from gateways.models import Event, GatewayType
from tests import factories
from tests.api.calling import backend, problem

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_a_type_is_made_as_sourceful_defined_it_and_found_by_its_prefix():
    api = backend()
    made = api.post("gateway-types", {"prefix": "acme", "name": "Acme"})
    assert made.status_code == 201
    assert made.json() == {
        "prefix": "acme", "name": "Acme", "key_strategy": "per_device", "model": "partner_cloud", "dtype": "json"
    }  # fmt: skip
    assert api.get(made["Location"].removeprefix("http://testserver")).json() == made.json()
    assert api.get("gateway-types").json()["data"] == [made.json()]
    assert problem(api.post("gateway-types", {"prefix": "acme", "name": "Again"})) == (422, "refused")
    assert problem(api.post("gateway-types", {"prefix": "-bad-", "name": "Bad"})) == (422, "refused")


def test_name_and_header_change_and_the_prefix_does_not():
    kind = factories.gateway_type()
    api = backend(kind.partner)
    changed = api.patch(f"gateway-types/{kind.prefix}", {"name": "New", "model": "acme_cloud"}).json()
    assert (changed["name"], changed["model"], changed["dtype"]) == ("New", "acme_cloud", "json")
    event = Event.objects.latest("sequence")
    assert (event.name, event.data) == ("gateway_type.changed", {"changed": {"name": "New", "model": "acme_cloud"}})
    assert problem(api.patch(f"gateway-types/{kind.prefix}", {"prefix": "other"})) == (400, "invalid-request")


def test_a_global_key_is_made_and_rotated():
    kind = factories.gateway_type()
    api = backend(kind.partner)
    at = f"gateway-types/{kind.prefix}"
    assert problem(api.post(f"{at}/rotate-key")) == (422, "refused")
    first = api.post(f"{at}/make-key-global")
    assert first.status_code == 201
    assert api.get(first["Location"].removeprefix("http://testserver")).json() == first.json()
    assert api.get(at).json()["key_strategy"] == "global"
    assert api.post(f"{at}/activate-key").json()["status"] == "active"
    second = api.post(f"{at}/rotate-key").json()["public_key"]
    assert [row["public_key"] for row in api.get(f"{at}/keys").json()["data"]] == [second, first.json()["public_key"]]
    assert api.post(f"{at}/keys/{second}/ban", {"reason": "leaked"}).json()["status"] == "banned"


def test_another_partners_type_is_not_there():
    other = factories.gateway_type(key_strategy="global")
    api = backend()
    at, key = f"gateway-types/{other.prefix}", other.keys.get().public_key
    assert api.get("gateway-types").json()["data"] == []
    answers = [
        api.get(at), api.patch(at, {"name": "x"}), api.get(f"{at}/keys"), api.post(f"{at}/rotate-key"),
        api.post(f"{at}/activate-key"), api.post(f"{at}/keys/{key}/ban", {"reason": "x"}),
    ]  # fmt: skip
    assert {problem(one) for one in answers} == {(404, "not-found")}
    assert GatewayType.objects.get().name == other.name
    assert other.keys.get().state == "pending"
