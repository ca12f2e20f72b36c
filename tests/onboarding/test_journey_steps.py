"""Each step of the journey: what it shows, what it takes, what it refuses."""

from __future__ import annotations

import re

import pytest
import requests
from django.utils import timezone
from kombu.exceptions import OperationalError

from gateways.models import Gateway
from ingest import connections, health
from ingest.models import Connection, Der, System
from onboarding import tasks
from onboarding.models import Consent
from tests.onboarding.homeowner import SOLIS_KEYS, Homeowner


def fault(clouds, cloud, **fault):
    requests.post(f"{clouds}/__admin/faults", json={"cloud": cloud, **fault}, timeout=60).raise_for_status()


def test_brands_are_found_by_country_and_name(homeowner, monkeypatch):
    monkeypatch.setattr("ingest.vendors.solis.Solis.countries", frozenset({"DE"}))
    homeowner.enter()
    seen = homeowner.browser.get(homeowner.url("brand"), headers={"accept-language": "sv-SE,sv;q=0.9"}).text
    assert '<option value="SE" selected>' in seen
    assert 'value="solis"' not in seen
    assert 'value="enphase"' in seen
    seen = homeowner.browser.get(homeowner.url("brand"), {"country": "DE", "q": " SOLI "}).text
    assert 'value="solis"' in seen
    assert 'value="enphase"' not in seen
    assert "No brand of this name" in homeowner.browser.get(homeowner.url("brand"), {"q": "<b>"}).text


def test_brands_that_begin_alike_have_different_marks(homeowner):
    homeowner.enter()
    marks = re.findall(r">(\w+)</text>", homeowner.see("brand"))
    assert sorted(marks) == ["En", "SE", "So"]


def test_a_brand_that_is_not_offered_is_refused(homeowner, join_page):
    join_page.partner.credentials.filter(vendor="enphase").delete()
    homeowner.enter()
    refused = homeowner.send("brand", vendor="enphase")
    assert refused.status_code == 422
    assert "<title>Error: " in refused.text


def test_a_brand_that_is_offered_no_more_leads_back_to_the_brands(homeowner, join_page, clouds):
    homeowner.go_to("connect", "enphase")
    join_page.partner.credentials.filter(vendor="enphase").delete()
    assert homeowner.send("connect")["Location"] == homeowner.url("brand")
    assert "cannot be linked right now" in homeowner.see("brand")


def test_a_brand_in_trouble_says_so(homeowner, monkeypatch):
    trouble = health.Health(up=False, text="Solis has trouble right now.")
    monkeypatch.setattr(health, "vendor_status", lambda _vendor, _now: trouble)
    homeowner.enter()
    assert "Trouble right now" in homeowner.see("brand")


def test_what_is_kept_of_the_consent_is_what_was_shown(homeowner):
    homeowner.enter()
    homeowner.send("brand", vendor="solis")
    page = homeowner.see("sharing")
    homeowner.send("sharing", battery="on", service="on")
    given = Consent.objects.filter(ended_at=None)
    assert {consent.purpose for consent in given} == {"rewards", "service"}
    for consent in given:
        assert consent.kinds == ["pv", "battery"]
        for line in consent.text.splitlines():
            assert line.removeprefix("- ") in page, line


def test_only_the_kinds_are_ticked_before_the_homeowner_ticks_anything(homeowner):
    homeowner.enter()
    homeowner.send("brand", vendor="solis")
    boxes = dict(re.findall(r'<input type="checkbox" name="(\w+)"([^>]*)>', homeowner.see("sharing")))
    assert {name: "checked" in rest for name, rest in boxes.items()} == {
        "service": False, "battery": True, "meter": True
    }  # fmt: skip


def test_the_consent_is_kept_in_the_language_it_was_shown_in(homeowner):
    homeowner.enter()
    homeowner.send("brand", vendor="solis")
    homeowner.browser.post(homeowner.url("sharing"), headers={"accept-language": "sv"})
    consent = Consent.objects.get()
    assert consent.language == "sv"
    assert consent.kinds == ["pv"]


def test_a_wrong_key_is_said_and_not_kept_or_shown(homeowner, clouds):
    homeowner.go_to("connect")
    refused = homeowner.send("connect", **SOLIS_KEYS | {"key_secret": "TOP-SECRET"})
    assert refused.status_code == 422
    assert "Solis does not accept these keys" in refused.text
    assert "TOP-SECRET" not in refused.text
    assert not Connection.objects.exists()
    assert homeowner.journey.entries.last().what == "vendor failed"


def test_a_vendor_that_is_down_is_said_and_nothing_is_lost(homeowner, clouds):
    homeowner.go_to("connect")
    fault(clouds, "solis", status=503, times=5)
    refused = homeowner.connect_with_keys()
    assert "Solis does not answer right now" in refused.text
    requests.delete(f"{clouds}/__admin/faults", timeout=60)
    assert homeowner.connect_with_keys()["Location"] == homeowner.url("homes")


def test_the_page_that_leads_to_a_vendor_lets_its_form_go_there_and_nowhere_else(homeowner, clouds):
    homeowner.go_to("connect", "enphase")
    page = homeowner.browser.get(homeowner.url("connect"))
    policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))
    assert policy["form-action"] == f"'self' {clouds}"


def test_a_no_at_the_vendor_comes_back_to_the_same_step(homeowner, clouds):
    homeowner.go_to("connect", "solaredge")
    back = homeowner.consent_at_the_vendor("denied")
    assert back["Location"] == homeowner.url("connect")
    assert "Nothing was linked" in homeowner.see("connect")


def test_an_account_that_was_lost_on_the_way_is_connected_again_and_not_gone_on_with(homeowner, clouds):
    homeowner.go_to("homes")
    assert "An account is linked already." in homeowner.see("connect")
    connections.mark_needs_reconnect(connection=Connection.objects.get(), reason="refused", now=timezone.now())
    page = homeowner.see(homeowner.at())
    assert "does not let us in any more" in page
    assert "An account is linked already." not in page
    assert homeowner.connect_with_keys()["Location"] == homeowner.url("homes")


def test_an_answer_for_a_journey_that_was_left_meanwhile_connects_nothing(homeowner, clouds):
    homeowner.go_to("connect", "solaredge")
    leave = homeowner.browser.post(homeowner.url("connect"))
    homeowner.send("stop")
    assert homeowner.browser.get(homeowner.answer_of_vendor(leave))["Location"] == homeowner.url()
    assert not Connection.objects.exclude(status=Connection.Status.DISCONNECTED).exists()


def test_an_account_of_somebody_else_is_said_with_a_way_out(homeowner, clouds):
    homeowner.go_to("homes")
    other = Homeowner("sunny", "berit@home.example")
    other.go_to("connect")
    refused = other.connect_with_keys()
    assert "linked already, under another sign-in" in refused.text


def test_an_account_without_homes_says_so(homeowner, clouds):
    homeowner.go_to("connect")
    homeowner.send("connect", key_id="empty-key", key_secret="empty-secret")
    page = homeowner.see("homes")
    assert "There is no home in this Solis account" in page
    assert "Link another account" in page


def test_an_account_that_could_not_be_listed_yet_is_asked_again(homeowner, clouds, monkeypatch):
    homeowner.go_to("connect")
    with monkeypatch.context() as patched:
        patched.setattr("onboarding.linking.look_around", lambda *_, **__: [])
        homeowner.connect_with_keys()
    assert "data-progress" in homeowner.see("homes")
    assert homeowner.send("homes", look="1")["Location"] == homeowner.url("homes")
    page = homeowner.see("homes")
    assert "data-progress" not in page
    assert "Cape Town home" in page
    Der.objects.all().delete()
    assert "Solis knows of no devices in it yet" in homeowner.see("homes")


def test_a_home_can_be_left_out(homeowner, clouds):
    homeowner.go_to("homes")
    system = System.objects.get(name="Cape Town home")
    homeowner.send("homes", systems=[system.pk])
    assert [chosen.system for chosen in homeowner.journey.chosen.all()] == [system]
    assert homeowner.send("homes").status_code == 422


@pytest.mark.parametrize("number", ["9" * 40, "-1", "1 or 1=1"])
def test_a_home_that_is_not_of_the_account_is_refused(number, homeowner, clouds):
    homeowner.go_to("homes")
    assert homeowner.send("homes", systems=[number]).status_code == 422
    assert not homeowner.journey.chosen.exists()


def test_devices_that_send_already_through_another_account_are_said(homeowner, clouds):
    homeowner.go_to("review")
    homeowner.send("review")
    serial = System.objects.get(name="Cape Town home").ders.values_list("sn", flat=True)[0]
    berit = Homeowner("sunny", "berit@home.example")
    berit.go_to("connect")
    berit.send("connect", key_id="summer-time-key", key_secret="summer-time-secret")
    system = System.objects.get(name="Berlin home")
    system.ders.filter(kind="battery").update(sn=serial)
    page = berit.see("homes")
    assert "send already, through another account" in page
    assert "mailto:help@sunny.example" in page
    assert 'name="systems"' not in page
    assert homeowner.email not in page
    assert berit.send("homes", systems=[system.pk]).status_code == 422


def test_a_mistyped_wallet_is_refused_beside_the_field(homeowner, clouds):
    homeowner.go_to("wallet")
    refused = homeowner.send("wallet", address="0OIl")
    assert refused.status_code == 422
    assert "aria-invalid" in refused.text
    assert homeowner.journey.wallet is None


def test_a_wallet_is_proven_by_a_signature_that_was_made_elsewhere(homeowner, clouds):
    homeowner.go_to("wallet")
    named = homeowner.send("wallet", address=f" solana:{homeowner.wallet.address} ")
    assert named["Location"] == homeowner.url("wallet")
    page = homeowner.browser.get(homeowner.url("wallet"))
    message = page.context["form"].signing
    signature = homeowner.wallet.sign(message)
    fields = {"address": homeowner.wallet.address, "message": message.replace("\n", "\r\n"), "prove": "1"}
    assert homeowner.send("wallet", **fields).status_code == 422
    assert homeowner.send("wallet", **fields, signature="no").status_code == 422
    assert homeowner.send("wallet", **fields, signature=signature)["Location"] == homeowner.url("place")
    assert homeowner.journey.wallet_proven
    again = homeowner.send("wallet", address=homeowner.wallet.address)
    assert again["Location"] == homeowner.url("place"), "a proof lasts"


def test_a_wallet_may_come_later(homeowner, clouds):
    homeowner.go_to("wallet")
    assert homeowner.send("wallet", later="1")["Location"] == homeowner.url("place")
    homeowner.confirm_place()
    assert "starts to earn when you have named a wallet" in homeowner.see("review")
    homeowner.send("review")
    assert Gateway.objects.filter(wallet=None).count() == 2


def test_strangers_get_no_words_to_sign(homeowner, join_page):
    reply = homeowner.browser.post(homeowner.url("wallet/challenge"), {"address": homeowner.wallet.address})
    assert reply.status_code == 403
    assert reply.json()["error"]


def test_the_words_to_sign_are_made_for_wallets_only(homeowner):
    homeowner.enter()
    reply = homeowner.browser.post(homeowner.url("wallet/challenge"), {"address": "nonsense"})
    assert reply.status_code == 422
    assert "not a wallet address" in reply.json()["error"]


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"latitude": "91"}, "were the two swapped?"),
        ({"longitude": "180,5"}, "were the two swapped?"),
        ({"latitude": "here"}, "Enter degrees as a number"),
        ({"latitude": "nan"}, "were the two swapped?"),
        ({"latitude": "1e999999999"}, "were the two swapped?"),
        ({"latitude": "0", "longitude": "0"}, "lies in the sea"),
        ({"confirmed": ""}, "Tick the box when the place is right."),
    ],
)
def test_a_place_that_cannot_be_right_is_refused(wrong, said, homeowner, clouds):
    homeowner.go_to("place")
    refused = homeowner.confirm_place(**wrong)
    assert refused.status_code == 422
    assert said in refused.text
    assert homeowner.at() == "place"


def test_of_several_homes_each_wrong_place_says_which_home_it_is(homeowner, clouds):
    homeowner.enter()
    homeowner.agree("enphase")
    homeowner.consent_at_the_vendor("ok_two_sites")
    homeowner.choose_all()
    homeowner.send("wallet", later="1")
    refused = homeowner.confirm_place(latitude="")
    for home in homeowner.journey.chosen.all():
        assert f">Latitude ({home.system})</a>: Put the pin on the map, or type this number." in refused.text


def test_a_place_may_have_a_comma_and_an_unknown_source_was_typed(homeowner, clouds):
    homeowner.go_to("place")
    homeowner.confirm_place(latitude="59,3293°", source="satellite")
    chosen = homeowner.journey.chosen.first()
    assert (str(chosen.latitude), chosen.source) == ("59.329300", "typed")


def test_changing_the_brand_lets_go_of_the_account(homeowner, clouds):
    homeowner.go_to("review")
    homeowner.send("brand", vendor="enphase")
    assert homeowner.at() == "sharing"
    assert Connection.objects.get().status == Connection.Status.DISCONNECTED
    assert homeowner.journey.wallet_proven


def test_keys_are_not_tried_without_end(homeowner, clouds):
    homeowner.go_to("connect")
    for _ in range(10):
        assert "does not accept these keys" in homeowner.send("connect", key_id="1", key_secret="2").text
    assert "Too many tries" in homeowner.connect_with_keys().text


def test_homes_that_all_joined_lead_home(homeowner, clouds):
    homeowner.go_to("review")
    homeowner.send("review")
    homeowner.go_to("homes")
    page = homeowner.see("homes")
    assert page.count("This home has joined already.") == 2
    assert 'name="systems"' not in page
    assert '<a href="/home/">' in page


def test_a_broker_that_is_away_keeps_nobody_from_finishing(homeowner, clouds, monkeypatch):
    def refuse(**_):
        raise OperationalError

    monkeypatch.setattr(tasks.advance_homes, "apply_async", refuse)
    homeowner.go_to("review")
    assert homeowner.send("review")["Location"] == "/home/"
    assert homeowner.journey.finished_at
