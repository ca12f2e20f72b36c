"""Clients of the API and what homeowners allowed them, as staff see and change them."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client as Browser
from django.urls import reverse

from gateways.models import Client, Event, GatewayGrant
from gateways.oauth import clients
from gateways.rest import versions
from tests import factories
from tests.admin.pages import act, address, chosen, listed, told
from tests.admin.test_secrets import set_up_factor

pytestmark = pytest.mark.once

BACKEND = {
    "kind": "service", "name": "Our backend", "allowed_scopes": ["gateways:read"], "requests_per_minute": 60,
    "redirect_uris": "",
}  # fmt: skip
APP = BACKEND | {
    "kind": "app", "name": "Our app", "redirect_uris": "https://app.example/a\nhttps://app.example/b",
    "api_version": versions.LATEST,
}  # fmt: skip


@pytest.fixture
def trusted(owner: Browser) -> Browser:
    return with_factor(owner)


def with_factor(browser: Browser) -> Browser:
    """A browser whose user has just given the second factor."""
    session = browser.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp"}]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()
    return browser


def change(browser: Browser, app: Client, **answers: Any) -> list[str]:
    return told(browser.post(address(Client, "changelist"), chosen("change", app) | {"confirmed": "yes"} | answers))


def add(browser: Browser, fleet: Any, **answers: Any) -> Any:
    return browser.post(address(Client, "add"), {"partner": fleet.partner.pk, **answers})


def secret_on(page: Any) -> str:
    assert "no-store" in page["Cache-Control"]
    return dict(page.context["revealed"])["Client secret"]


def test_an_owner_makes_a_backend_and_sees_its_secret_once(trusted: Browser, fleet: Any) -> None:
    page = add(trusted, fleet, **BACKEND)
    made = Client.objects.get(name="Our backend")
    secret = secret_on(page)
    assert (len(secret), secret in page.content.decode(), made.client_id in page.content.decode()) == (128, True, True)
    assert check_password(secret, made.client_secret)
    assert (made.partner, made.requests_per_minute, made.purpose) == (fleet.partner, 60, "service")
    later = trusted.get(address(Client, "change", made.pk)).content.decode()
    assert (secret in later, made.client_secret in later) == (False, False)
    assert Event.objects.get(name="client.created", subject=f"client:{made.client_id}").data["called"] == "Our backend"


@pytest.mark.parametrize("kind, has_secret", [("app", True), ("phone", False)])
def test_an_owner_makes_an_app_and_only_one_with_a_server_has_a_secret(
    trusted: Browser, fleet: Any, kind: str, has_secret: bool
) -> None:
    page = add(trusted, fleet, **APP | {"kind": kind})
    made = Client.objects.get(name="Our app")
    assert made.redirect_uris.split() == ["https://app.example/a", "https://app.example/b"]
    assert ("Client secret" in dict(page.context["revealed"])) is has_secret


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"allowed_scopes": ["gateways:write"]}, "gateways:write"),
        ({"kind": "rewards", "redirect_uris": "", "allowed_scopes": ["webhooks:write"]}, "and not webhooks:write"),
        ({"redirect_uris": ""}, "redirect_uris cannot be empty"),
        ({"redirect_uris": "http://app.example/"}, "has to begin with https://"),
    ],
)
def test_what_a_client_cannot_be_is_said_on_the_page(trusted: Browser, fleet: Any, wrong: Any, words: str) -> None:
    page = add(trusted, fleet, **APP | wrong)
    assert words in page.content.decode()
    assert not Client.objects.filter(name="Our app").exists()


def test_without_a_second_factor_just_given_no_client_is_made(owner: Browser, fleet: Any) -> None:
    set_up_factor(owner)
    for asked in (owner.get(address(Client, "add")), add(owner, fleet, **BACKEND)):
        assert unquote(asked["Location"]) == f"{reverse('mfa_reauthenticate')}?next={address(Client, 'add')}"
    assert not Client.objects.filter(name="Our backend").exists()


@pytest.mark.parametrize("role", ["operator", "support", "viewer"])
def test_nobody_but_owners_makes_or_changes_clients(role: str, fleet: Any, request: pytest.FixtureRequest) -> None:
    browser = with_factor(request.getfixturevalue(role))
    assert add(browser, fleet, **BACKEND).status_code == 403
    before = Client.objects.get(pk=fleet.app.pk).client_secret
    for name in ("change", "new_secret", "disable"):
        browser.post(address(Client, "changelist"), chosen(name, fleet.app) | APP | {"confirmed": "yes"})
    fleet.app.refresh_from_db()
    assert (fleet.app.name, fleet.app.disabled_at, fleet.app.client_secret) == ("Sun App", None, before)


def test_an_owner_makes_no_client_for_another_partner(trusted: Browser, fleet: Any, stranger: Any) -> None:
    page = add(trusted, stranger, **BACKEND)
    assert "partner" in page.context["form"].errors


def test_an_owner_changes_what_a_client_may_and_it_is_written_down(
    trusted: Browser, fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "VERSIONS", (versions.LATEST, "2027-03-01"))
    page = trusted.post(address(Client, "changelist"), chosen("change", fleet.app))
    form = page.context["form"]
    assert form["redirect_uris"].value() == "https://app.example/done"
    assert "webhooks:write" not in dict(form.fields["allowed_scopes"].choices)
    assert form["api_version"].value() == versions.LATEST
    answers = {**APP, "allowed_scopes": ["gateways:read", "telemetry:read"], "api_version": "2027-03-01"}
    assert change(trusted, fleet.app, **answers) == ["1 client changed."]
    fleet.app.refresh_from_db()
    assert (fleet.app.name, fleet.app.requests_per_minute) == ("Our app", 60)
    event = Event.objects.get(name="client.changed")
    assert event.data["api_version"] == fleet.app.api_version == "2027-03-01"
    assert event.data["scopes"] == fleet.app.allowed_scopes == ["gateways:read", "telemetry:read"]


def test_a_stolen_session_sends_no_apps_browsers_elsewhere(owner: Browser, fleet: Any) -> None:
    set_up_factor(owner)
    elsewhere = {**APP, "redirect_uris": "https://evil.example/", "confirmed": "yes"}
    asked = owner.post(address(Client, "changelist"), chosen("change", fleet.app) | elsewhere)
    assert asked["Location"].startswith(reverse("mfa_reauthenticate"))
    fleet.app.refresh_from_db()
    assert fleet.app.redirect_uris == "https://app.example/done"


def test_a_new_secret_takes_the_place_of_the_one_before(trusted: Browser, fleet: Any) -> None:
    before = Client.objects.get(pk=fleet.app.pk).client_secret
    sure = trusted.post(address(Client, "changelist"), chosen("new_secret", fleet.app))
    assert "opens nothing any more" in sure.content.decode()
    page = trusted.post(address(Client, "changelist"), chosen("new_secret", fleet.app) | {"confirmed": "yes"})
    fleet.app.refresh_from_db()
    assert check_password(secret_on(page), fleet.app.client_secret)
    assert fleet.app.client_secret != before
    assert Event.objects.filter(name="client.secret_renewed").count() == 1


def test_an_app_on_a_phone_gets_no_secret(trusted: Browser, fleet: Any) -> None:
    phone, _none = clients.create_app(
        partner=fleet.partner, name="Phone", redirect_uris=["https://app.example/"], allowed_scopes=["gateways:read"],
        public=True, by="test", now=factories.NOW,
    )  # fmt: skip
    assert "New secret" not in trusted.get(address(Client, "change", phone.pk)).content.decode()
    told = trusted.post(address(Client, "changelist"), chosen("new_secret", phone) | {"confirmed": "yes"}, follow=True)
    assert "keeps no secret" in told.content.decode()


def test_a_client_is_disabled_for_good(trusted: Browser, fleet: Any) -> None:
    act(trusted, "disable", fleet.app)
    fleet.app.refresh_from_db()
    assert fleet.app.disabled_at is not None
    assert "for good" in change(trusted, fleet.app, **APP)[-1]


def test_an_operator_ends_what_a_homeowner_allowed(operator: Browser, viewer: Browser, fleet: Any) -> None:
    grant = GatewayGrant.objects.get()
    assert listed(viewer, GatewayGrant) == [grant]
    viewer.post(address(GatewayGrant, "changelist"), chosen("end", grant) | {"confirmed": "yes"})
    grant.refresh_from_db()
    assert grant.ended_at is None
    assert act(operator, "end", grant) == ["1 gateway grant ended."]
    grant.refresh_from_db()
    assert grant.ended_at is not None


def test_the_sidebar_leads_to_them(viewer: Browser, fleet: Any) -> None:
    page = viewer.get(reverse("admin:index")).content.decode()
    assert address(Client, "changelist") in page
    assert address(GatewayGrant, "changelist") in page
