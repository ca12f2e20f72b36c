"""What every token may ask: whose it is, and what it may do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from gateways.models import Client
from gateways.oauth import clients, scopes
from tests import factories
from tests.api.calling import Api, backend, problem, token_of
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_a_backend_is_told_what_it_is():
    partner = factories.partner(name="Acme", slug="acme")
    told = backend(partner, "events:read", "gateways:read", requests_per_minute=7).get("me").json()
    assert told == {
        "client": {
            "id": Client.objects.get().client_id, "name": "Backend", "kind": "service", "version": "2026-11-21",
            "requests_per_minute": 7,
        },
        "partner": {"slug": "acme", "name": "Acme", "environment": "sandbox"},
        "scopes": ["events:read", "gateways:read"], "acts_for_homeowner": False,
    }  # fmt: skip


def test_an_app_is_told_that_it_acts_for_somebody_and_not_for_whom():
    anna = User.objects.create_user("anna", "anna@home.example", first_name="Anna")
    app, _secret = clients.create_app(
        partner=factories.partner(), name="App", redirect_uris=["https://app.example/back"],
        allowed_scopes=["gateways:read"], by="test", now=NOW,
    )  # fmt: skip
    answer = Api(token_of(app, anna)).get("me")
    assert (answer.json()["client"]["kind"], answer.json()["acts_for_homeowner"]) == ("app", True)
    assert "anna" not in answer.content.decode().lower()


def test_what_the_partner_allows_no_more_is_not_told():
    api = backend(None, "events:read", "gateways:read")
    Client.objects.update(allowed_scopes=["events:read"])
    assert api.get("me").json()["scopes"] == ["events:read"]


def test_a_token_without_any_scope_is_told_who_it_is_and_a_false_one_is_not():
    api = backend(None, "events:read")
    Client.objects.update(allowed_scopes=["gateways:read"])
    assert (api.get("me").status_code, api.get("me").json()["scopes"]) == (200, [])
    assert Api("made-up").get("me").status_code == 401
    assert Api("").get("me").status_code == 401


@pytest.mark.parametrize(
    "path", ["join-flows", "enrollments", "homeowners", "invitations", "consents", "journeys", "events"]
)
def test_who_validates_rewards_has_no_business_with_what_is_no_single_homes(path, monkeypatch):
    partner = factories.partner()
    assert backend(partner).get(path).status_code == 200
    assert problem(backend(partner, purpose="rewards").get(path)) == (403, "insufficient-scope")
    monkeypatch.setattr(scopes, "VALIDATORS", scopes.BACKENDS)  # also if it might ask for more one day
    assert problem(backend(partner, purpose="rewards").get(path)) == (403, "forbidden")
