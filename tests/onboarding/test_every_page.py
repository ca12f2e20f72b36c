"""Every page of homeowners and every kind of visitor: nobody sees or changes what is somebody else's.

The addresses are walked as the URLconf has them: a page that is added and lets in whom it should not makes this fail.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from gateways.models import Gateway, Membership, Partner
from gateways.oauth import clients, grants
from ingest.models import Connection, Der, System
from onboarding import flows, invitations, journeys, key_trips, letters, steps, urls
from onboarding.models import Consent, Invitation, JoinPage, JoinSession, JourneyEntry, Notice
from tests.factories import WALLET
from tests.onboarding import homes

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# Pages for anybody: what they show is about a partner, or is opened by a token in the address.
PUBLIC = {"front_page", "flow_authorize", "auth_granted", "no_reminders", "join_welcome", "join_brand_css", "join_logo"}
# Pages about whoever is signed in: others see their own, and nothing of Anna's.
OWN = {"home", "home_consents", "home_data", "home_csv", "home_json", "home_delete", "join_invited"}
OWN |= {"join_start", "join_stop", "join_step", "join_challenge"}
# A mail program that unsubscribes has no form of ours; the token in the address is the proof.
WITHOUT_FORM = {"no_reminders"}
REFUSED = {403, 404, 405}


class Anna:
    """A homeowner with all that there can be, and the address of every page as it is for her."""

    def __init__(self) -> None:
        self.partner = homes.partner(slug="sunny", name="Sunny Homes")
        self.user = homes.user("anna@example.com")
        self.system = homes.home(self.user, self.partner, name="Villa Anna")
        self.gateway = homes.gateway_of(self.system)
        self.account = self.system.connection
        homes.read(self.system)
        self.journey = journeys.begin(partner=self.partner, user=self.user, now=timezone.now())
        flow = flows.create_flow(
            partner=self.partner, name="Site", redirect_uri="https://partner.example/", vendors={"solis": None},
            purposes=["rewards"], kinds=["pv"], by="test", now=timezone.now(),
        )  # fmt: skip
        trip = key_trips.depart(
            flow=flow, vendor="solis", partner_state="", user_reference="anna-7", now=timezone.now()
        )
        invitations.invite(partner=self.partner, name="Anna", by="test", now=timezone.now())
        self.values: dict[str, Any] = {
            "slug": self.partner.slug, "serial": self.gateway.serial, "uid": self.account.uid, "purpose": "rewards",
            "der": Der.objects.filter(system=self.system)[0].pk, "flow": flow.uid, "session": trip.uid,
            "client": self._app(), "vendor": "enphase",
            "token": letters.stop_link(self.partner, self.user).split("/")[-2],
        }  # fmt: skip
        self.secrets = [
            self.user.email, "Villa Anna", "anna-7",
            *(str(self.values[name]) for name in ("serial", "uid", "session")),
        ]  # fmt: skip

    def _app(self) -> str:
        app, _secret = clients.create_app(
            partner=self.partner, name="App", redirect_uris=["https://app.example/"], by="test", now=timezone.now(),
            allowed_scopes=["gateways:read"],
        )  # fmt: skip
        grants.give(user=self.user, client=app, gateways=[self.gateway], scopes=["gateways:read"], now=timezone.now())
        return str(app.client_id)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Yield name and address of every page; each step of the journey is one."""
        for name, keys in patterns(urls.urlpatterns):
            for step in steps.BY_SLUG if "step" in keys else [""]:
                values = {**self.values, "step": step}
                yield name, reverse(name, kwargs={key: values[key] for key in keys})

    def state(self) -> Any:
        """Return what others could have changed."""
        return (
            list(Gateway.objects.filter(owner=self.user).values("status", "wallet", "coordinates")),
            list(Connection.objects.filter(owner=self.user).values("status", "secrets", "withheld_kinds")),
            list(Consent.objects.filter(user=self.user).order_by("pk").values("pk", "ended_at")),
            list(self.user.journeys.values()),
            list(self.user.gateway_grants.values()),
        )


@pytest.fixture
def anna():
    return Anna()


def patterns(of: list[URLPattern | URLResolver]) -> Iterator[tuple[str, list[str]]]:
    for entry in of:
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns)
        else:
            yield entry.name or "", sorted(entry.pattern.converters)


def staff(of: Partner, role: str) -> Any:
    user = homes.user(f"{role}@{of.slug}.example", is_staff=True)
    Membership.objects.create(partner=of, user=user, role=role)
    return user


def neighbor(of: Partner) -> Any:
    user = homes.user("bertil@example.com")
    homes.home(user, of, name="Bertil")
    journeys.begin(partner=of, user=user, now=timezone.now())
    return user


def visitors(of: Partner) -> dict[str, Client]:
    """Return the browsers of others, all of whom have just shown who they are."""
    elsewhere = homes.partner()
    return {
        "a neighbor with the same partner": homes.confirmed(neighbor(of)),
        "a homeowner of another partner": homes.confirmed(homes.user("cecilia@example.com")),
        "an owner of another partner": homes.confirmed(staff(elsewhere, "owner")),
        "an owner of the same partner": homes.confirmed(staff(of, "owner")),
    }


def answers(browser: Client, url: str) -> list[Any]:
    return [browser.get(url), browser.post(url, {"what": "account", "word": "no", "address": WALLET})]


def text_of(response: Any) -> str:
    return response.getvalue().decode("utf-8", "replace") + str(response.headers)


def test_a_stranger_is_sent_to_sign_in_or_sees_nothing(anna):
    let_in = {
        f"{response.request['REQUEST_METHOD']} {url}: {response.status_code}"
        for name, url in anna.pages()
        if name not in PUBLIC | {"join_invited"}
        for response in answers(Client(), url)
        if response.status_code not in REFUSED
        and not response.headers.get("Location", "").startswith(("/accounts/login/?", "/accounts/signup/?"))
        and not (name == "join_stop" and response["Location"] == "/join/sunny/")
    }
    assert let_in == set()


def test_nobody_else_sees_or_changes_what_is_hers(anna):
    before, wrong = anna.state(), set()
    for who, browser in visitors(anna.partner).items():
        for name, url in anna.pages():
            for response in answers(browser, url):
                asked = f"{who}: {response.request['REQUEST_METHOD']} {url}: {response.status_code}"
                if name not in PUBLIC | OWN and response.status_code not in REFUSED:
                    wrong.add(asked)
                text = text_of(response).replace(url, "")
                wrong |= {f"{asked}: {secret}" for secret in anna.secrets if secret in text}
    assert wrong == set()
    assert anna.state() == before


def test_a_closed_page_does_not_tell_strangers_that_its_partner_exists(anna):
    JoinPage.objects.update(open=False)
    for name, url in anna.pages():
        if name.startswith("join_") and name not in {"join_brand_css", "join_logo"}:
            for browser in (Client(), homes.browser(homes.user(f"{uuid.uuid4()}@example.com"))):
                there, nowhere = browser.get(url), browser.get(url.replace("/sunny/", "/nowhere/"))
                assert there.status_code == nowhere.status_code, url
                assert "Sunny" not in text_of(there), url


def test_no_name_that_anybody_gives_becomes_part_of_a_page(anna):
    evil = """<b id=evil>"'>{{ 7|add:7 }}"""
    System.objects.update(name=evil, timezone=evil)
    Der.objects.update(make=evil, model=evil)
    Der.objects.filter(kind="pv").update(sn=evil)
    Connection.objects.update(label=evil, last_error=evil, refused_parts={evil: {"since": "", "reason": evil}})
    JoinPage.objects.update(welcome=evil, legal_name=evil, support_email=evil)
    JourneyEntry.objects.update(detail=evil)
    JoinSession.objects.update(user_reference=evil)
    Invitation.objects.update(name=evil, user_reference=evil, send_error=evil)
    Partner.objects.update(name=evil)
    pages = [(homes.confirmed(anna.user), url) for name, url in anna.pages() if name not in {"home_csv", "home_json"}]
    superuser = homes.confirmed(homes.user("root@example.com", is_staff=True, is_superuser=True))
    pages += [(superuser, url) for model in admin.site._registry for url in admin_pages(model)]
    texts = {url: text_of(browser.get(url)) for browser, url in pages}
    assert [url for url, text in texts.items() if "<b id=evil" in text] == []
    assert len([url for url, text in texts.items() if "&lt;b id=evil" in text]) > 20


def admin_pages(model: Any) -> list[str]:
    at = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    rows = model._default_manager.all()[:1]
    one = [reverse(f"{at}_{page}", args=[quote(row.pk)]) for row in rows for page in ("change", "history")]
    return [reverse(f"{at}_changelist"), *one]


def test_no_form_of_another_site_does_anything(anna):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna.user)
    session = browser.session
    session["join_sessions"] = [str(anna.values["session"])]
    session.save()
    before = anna.state()
    taken = {
        f"{url}: {response.status_code}"
        for name, url in anna.pages()
        if name not in WITHOUT_FORM
        for response in [browser.post(url, {"word": "DELETE", "what": "account"})]
        if response.status_code not in {403, 405}
    }
    assert taken == set()
    assert anna.state() == before
    assert not Notice.objects.exists()


def test_no_page_is_kept_by_a_browser_or_framed(anna):
    for name, url in anna.pages():
        for browser in (Client(), homes.confirmed(anna.user)):
            response = browser.get(url)
            if name not in {"join_brand_css", "join_logo"}:
                assert "no-store" in response.headers.get("Cache-Control", ""), url
            assert response["X-Frame-Options"] == "DENY", url
            assert response["X-Content-Type-Options"] == "nosniff", url
            assert "frame-ancestors 'none'" in response["Content-Security-Policy"], url
            assert "unsafe" not in response["Content-Security-Policy"], url
            text_of(response)  # to its end, which closes the download
