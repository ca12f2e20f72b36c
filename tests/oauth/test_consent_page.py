"""What a homeowner sees when an app asks, and where apps are stopped."""

from __future__ import annotations

import json
import re

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from gateways.models import Event, Gateway, GatewayGrant
from gateways.oauth import clients, grants
from onboarding import deletion
from onboarding.models import JoinPage
from tests import factories
from tests.factories import NOW
from tests.oauth.world import answer, make_app, seen
from tests.onboarding import homes

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def text_of(response):
    return " ".join(response.content.decode().split())


def test_the_page_says_who_asks_for_what_and_what_stays_out_of_reach(world):
    page = text_of(world.see(scope="gateways:read telemetry:read"))
    may, _, may_not = page.partition("It may not")
    assert f"Sun App is an app that {world.partner.name} lets ask you. You are signed in as {world.anna.email}." in page
    assert "you then go back to app.example." in page
    assert "see your homes and the devices there" in may
    assert "read what your devices measured" in may
    assert "have your home sign messages" in may_not
    assert "move anything out of your wallet" in may_not
    assert [word in page for word in ("Villa", "Cabin", "Do not allow")] == [True, True, True]


def test_who_asks_for_nothing_in_particular_asks_for_all_the_app_may(world):
    world.app, _secret = make_app(world.partner, allowed_scopes=["gateways:read", "gateway:identity"])
    may = text_of(world.see(scope=None)).partition("It may not")[0]
    assert "see which key signs for your home" in may
    assert "have your home sign" not in may


def ticked(world):
    return re.findall(r'value="([^"]+)" id="id_(?:homes|kinds)_\d" checked', world.see().content.decode())


def test_no_home_is_ticked_before_and_then_what_was_allowed(world):
    assert ticked(world) == ["pv", "battery", "meter"]
    world.choose(world.cabin, kinds=["battery"])
    assert ticked(world) == [world.cabin.serial, "battery"]
    assert GatewayGrant.objects.get().kinds == ["battery"]
    seen = text_of(world.browser.get("/home/consents/")).partition("It sees")[2].partition("For")[0]
    assert ("Battery" in seen, "Solar" in seen) == (True, False)


def test_a_choice_of_no_device_is_asked_again(world):
    page = world.choose(world.villa, kinds=[])
    assert (page.status_code, "Tick at least one." in text_of(page)) == (422, True)
    assert not GatewayGrant.objects.exists()


def test_a_choice_of_no_home_is_asked_again(world):
    page = world.browser.post(world.url(), {})
    assert (page.status_code, "Tick at least one home." in text_of(page)) == (422, True)
    assert not GatewayGrant.objects.exists()


def test_saying_no_tells_the_app_so_and_gives_nothing(world):
    back = answer(world.browser.post(world.url(), {"deny": "yes", "homes": [world.villa.serial], "kinds": ["pv"]}))
    assert (back["error"], back["state"]) == ("access_denied", "s t&")
    assert (GatewayGrant.objects.count(), world.app.grant_set.count()) == (0, 0)


def test_who_has_no_home_with_the_partner_is_told_so_and_can_go_back(world):
    homes_elsewhere = homes.user("cecilia@example.com")
    browser = homes.browser(homes_elsewhere)
    page = text_of(browser.get(world.url()))
    assert f"You have no home with {world.partner.name} here yet" in page
    assert "Villa" not in page
    assert answer(browser.post(world.url(), {"deny": "yes"}))["error"] == "access_denied"
    assert browser.post(world.url(), {"homes": [world.villa.serial], "kinds": ["pv"]}).status_code == 422


def test_a_released_home_is_not_offered(world):
    Gateway.objects.filter(pk=world.villa.pk).update(status="released")
    assert b"Villa" not in world.see().content


def test_who_is_not_signed_in_signs_in_with_the_partners_look_and_comes_back(world):
    JoinPage.objects.create(partner=world.partner, gateway_type=world.villa.gateway_type)
    EmailAddress.objects.create(user=world.anna, email=world.anna.email, verified=True, primary=True)
    browser = Browser()
    sent = browser.get(world.url())
    assert sent["Location"].startswith(f"{reverse('account_login')}?next=/oauth/authorize/%3F")
    assert world.partner.name in text_of(browser.get(sent["Location"]))
    back = browser.post(sent["Location"], {"login": world.anna.email, "password": "correct horse"})
    assert (back.status_code, back["Location"]) == (302, world.url())


SIGN = "gateways:read gateway:sign"


def test_a_session_that_was_left_open_lets_no_app_have_the_home_sign(world):
    for asked in (world.see(scope=SIGN), world.choose(world.villa, scope=SIGN)):
        assert (asked.status_code, asked["Location"].partition("?")[0]) == (302, reverse("account_reauthenticate"))
    assert not GatewayGrant.objects.exists()
    world.browser = homes.confirmed(world.anna)
    assert "code" in answer(world.choose(world.villa, scope=SIGN))


def test_who_has_just_signed_in_is_not_asked_for_the_password_again(world):
    EmailAddress.objects.create(user=world.anna, email=world.anna.email, verified=True, primary=True)
    world.browser = Browser()
    sent = world.see(scope=SIGN)["Location"]
    world.browser.post(sent, {"login": world.anna.email, "password": "correct horse"})
    assert "says for good which wallet" in text_of(world.see(scope=SIGN)).partition("It may not")[0]


@pytest.mark.parametrize(
    "language, words", [("sv", "Får Sun App handla för ditt hem?"), ("es", "¿Puede Sun App actuar por su hogar?")]
)
def test_the_page_speaks_the_homeowners_language(world, language, words):
    page = world.browser.get(world.url(), headers={"Accept-Language": language})
    assert words in page.content.decode()


def test_the_page_escapes_what_an_app_is_called(world):
    clients.change(
        client=world.app, name="<b>Sun</b>", allowed_scopes=["gateways:read"], requests_per_minute=9, by="test",
        redirect_uris=["https://app.example/done"], now=timezone.now(),
    )  # fmt: skip
    assert b"<b>Sun" not in world.see().content


# --- The page of what is shared ---------------------------------------------------------------------------------------


def test_apps_are_listed_with_homes_since_when_and_when_they_were_last_used(world):
    token = world.tokens(world.villa, world.cabin)["access_token"]
    page = text_of(world.browser.get(reverse("home_consents")))
    assert "Sun App" in page
    assert "<dd>Villa, Cabin</dd>" in page
    assert "<dt>Last used</dt><dd>not yet</dd>" in page
    seen(token)
    assert "<dt>Last used</dt><dd>not yet</dd>" not in text_of(world.browser.get(reverse("home_consents")))
    GatewayGrant.objects.update(last_used_at=NOW)
    factories.system(world.villa, timezone="Asia/Tokyo")
    assert "<dd>June 15, 2026, 9 p.m.</dd>" in text_of(world.browser.get(reverse("home_consents")))


def test_stopping_an_app_ends_its_tokens_and_is_written_down(world):
    token = world.tokens()["access_token"]
    stopped = world.browser.post(reverse("home_stop_app", args=[world.app.client_id]))
    assert (stopped.status_code, seen(token)) == (302, 401)
    page = text_of(world.browser.get(reverse("home_consents")))
    assert "Stopped. Sun App sees nothing of your homes any more." in page
    assert "<h2>Apps</h2>" not in page
    assert Event.objects.filter(name="grant.ended", actor=f"user:{world.anna.pk}").count() == 1


def test_nobody_stops_the_apps_of_others(world):
    token = world.tokens()["access_token"]
    other = homes.browser(world.bos_home().owner)
    assert other.post(reverse("home_stop_app", args=[world.app.client_id])).status_code == 404
    assert seen(token) == {world.villa.serial}


def test_who_leaves_takes_the_apps_along_and_others_keep_theirs(world):
    token = world.tokens()["access_token"]
    his = world.bos_home()
    bos = world.exchange(answer(world.choose(his, by=his.owner))["code"]).json()["access_token"]
    deletion.delete_for(user=world.anna, partner=world.partner, by=world.anna, now=timezone.now())
    assert (seen(token), seen(bos)) == (401, {his.serial})
    assert list(GatewayGrant.objects.values_list("user", flat=True)) == [his.owner.pk]


def test_what_was_allowed_is_in_the_data_that_a_homeowner_takes_away(world):
    world.tokens()
    [row] = json.loads(b"".join(world.browser.get(reverse("home_json")).streaming_content))["apps"]
    assert (row["app"], row["partner"], row["home"]) == ("Sun App", world.partner.name, world.villa.serial)
    assert (row["may"], row["ended_at"]) == (["gateways:read"], None)


def test_an_app_that_is_allowed_less_by_its_partner_is_shown_with_less(world):
    world.tokens(scope="gateways:read telemetry:read")
    clients.change(
        client=world.app, name="Sun App", allowed_scopes=["gateways:read"], requests_per_minute=9, by="test",
        redirect_uris=["https://app.example/done"], now=timezone.now(),
    )  # fmt: skip
    assert "read what your devices measured" not in text_of(world.browser.get(reverse("home_consents")))
    assert grants.active(world.anna).count() == 1
