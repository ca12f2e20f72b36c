"""The homeowner's journey, page by page, without scripts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from gateways.models import Gateway
from ingest.models import Connection, System
from onboarding.models import Consent, Journey
from tests.onboarding.homeowner import Homeowner

STEPS = ("brand", "sharing", "connect", "homes", "wallet", "place", "review")


@pytest.mark.parametrize("vendor", ["solis", "enphase", "solaredge"])
def test_a_homeowner_joins_from_the_first_page_to_the_last(vendor, homeowner, clouds):
    homeowner.sign_up()
    assert homeowner.at() == "brand"
    homeowner.agree(vendor)
    assert homeowner.at() == "connect"
    came_back = homeowner.connect_with_keys() if vendor == "solis" else homeowner.consent_at_the_vendor()
    assert came_back["Location"] == homeowner.url("homes")
    homeowner.choose_all()
    homeowner.prove_wallet()
    homeowner.confirm_place()
    homeowner.see("review")
    assert homeowner.send("review")["Location"] == "/home/"
    user = User.objects.get(email=homeowner.email)
    made = Gateway.objects.filter(
        owner=user, wallet__address=homeowner.wallet.address, wallet__proven_at__isnull=False, coordinates__source="pin"
    )
    assert made.exists()
    assert homeowner.journey.finished_at
    assert Consent.objects.filter(user=user, connection__systems__gateway__in=made, purpose="rewards").exists()


# --- the way in and out --------------------------------------------------------------------------------------------


def test_the_welcome_page_names_who_asks_and_where_help_is(homeowner, join_page):
    join_page.welcome, join_page.privacy_url = "Nice that you are here.", "https://sunny.example/privacy"
    join_page.save()
    page = homeowner.see()
    for words in ("Sunny Homes invites you", "Nice that you are here.", "help@sunny.example", "sunny.example/privacy"):
        assert words in page


def test_a_partner_without_a_join_page_is_told_from_no_other(homeowner, db):
    reply = homeowner.browser.get("/join/nobody/")
    assert reply.status_code == 404
    assert "not open to you yet" in reply.text


def test_a_closed_page_opens_to_who_is_invited_alone(homeowner, join_page):
    join_page.open = False
    join_page.save()
    reply = homeowner.browser.get(homeowner.url())
    assert reply.status_code == 404
    assert "Sunny" not in reply.text


def test_a_page_that_closed_still_knows_who_has_begun(homeowner, join_page, clouds):
    homeowner.go_to("review")
    join_page.open = False
    join_page.save()
    homeowner.send("review")
    assert "Your home has joined" in homeowner.see()
    homeowner.browser.logout()
    assert homeowner.browser.get(homeowner.url()).status_code == 404


def test_without_a_session_a_step_asks_to_sign_in_and_comes_back_to_itself(homeowner, clouds):
    homeowner.go_to("wallet")
    homeowner.browser.logout()
    asked = homeowner.send("wallet", address=homeowner.wallet.address)
    assert asked["Location"] == "/accounts/login/?next=/join/sunny/wallet/"
    homeowner.browser.force_login(User.objects.get(email=homeowner.email))
    assert "Where shall the rewards go?" in homeowner.see("wallet")


def test_a_second_device_goes_on_where_the_first_was(homeowner, clouds):
    homeowner.go_to("wallet")
    phone = Homeowner("sunny", homeowner.email)
    phone.browser.force_login(User.objects.get(email=homeowner.email))
    assert "Go on where you were" in phone.see()
    assert phone.at() == "wallet"
    assert Journey.objects.count() == 1


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_step_too_far_leads_to_the_first_that_is_missing(step, homeowner):
    homeowner.enter()
    assert homeowner.browser.get(homeowner.url(step))["Location"] == homeowner.url("brand")


def test_a_step_that_does_not_exist_is_no_page(homeowner):
    homeowner.enter()
    assert homeowner.browser.get(homeowner.url("unknown")).status_code == 404


@pytest.mark.parametrize("step", STEPS)
def test_a_window_of_a_finished_journey_leads_to_the_welcome_page(step, homeowner, clouds):
    homeowner.go_to("review")
    homeowner.send("review")
    for reply in (homeowner.browser.get(homeowner.url(step)), homeowner.send(step, vendor="enphase")):
        assert reply["Location"] == homeowner.url()
    assert Journey.objects.count() == 1
    assert "Your home has joined" in homeowner.see()


def test_another_account_is_a_journey_of_its_own(homeowner, clouds):
    homeowner.go_to("review")
    homeowner.send("review")
    homeowner.browser.post(homeowner.url("start"))
    assert Journey.objects.count() == 2
    assert homeowner.at() == "brand"


def test_who_stops_leaves_nothing_connected(homeowner, clouds):
    homeowner.go_to("wallet")
    assert "Stop and leave?" in homeowner.see("stop")
    assert homeowner.send("stop")["Location"] == homeowner.url()
    assert homeowner.journey.abandoned_at
    assert Connection.objects.get().status == Connection.Status.DISCONNECTED
    assert not Consent.objects.filter(ended_at=None).exists()


def test_stopping_twice_is_stopping_once(homeowner):
    homeowner.enter()
    homeowner.send("stop")
    assert homeowner.send("stop")["Location"] == homeowner.url()


def test_what_is_sent_twice_is_done_once(homeowner, clouds):
    homeowner.go_to("connect")
    for _ in range(2):
        homeowner.connect_with_keys()
        homeowner.choose_all()
        homeowner.prove_wallet()
        homeowner.confirm_place()
    assert homeowner.send("review")["Location"] == "/home/"
    assert homeowner.send("review")["Location"] == homeowner.url()
    assert Connection.objects.count() == 1
    assert Gateway.objects.count() == System.objects.count() == 2


def test_every_form_is_guarded_against_other_sites(homeowner, clouds):
    homeowner.go_to("review")
    stranger = Homeowner("sunny", homeowner.email)
    stranger.browser.handler.enforce_csrf_checks = True
    stranger.browser.force_login(User.objects.get(email=homeowner.email))
    for page in (*STEPS, "stop", "start", "wallet/challenge"):
        assert stranger.send(page, vendor="enphase").status_code == 403, page
    assert not homeowner.journey.finished_at


def test_nobody_sees_the_journey_of_somebody_else(homeowner, clouds):
    homeowner.go_to("review")
    other = Homeowner("sunny", "berit@home.example")
    other.enter()
    assert other.browser.get(other.url("review"))["Location"] == other.url("brand")
    system = homeowner.journey.chosen.first().system
    other.go_to("connect")
    assert other.connect_with_keys().status_code == 422  # the account is Anna's
    assert other.send("homes", systems=[system.pk])["Location"] == other.url("connect")
