"""The browser's way from a partner's site to the vendor and back, and all that may go wrong on it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from gateways.models import Event
from ingest import connections
from ingest.models import Connection
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
)
from onboarding import flows
from onboarding.models import Consent, Enrollment, JoinSession
from tests.onboarding.flows.walk import BACK, STATE, Keyed, Site, come_back
from tests.together import at_once

RIGHT = {"key": "right"}


def expire(sessions=JoinSession.objects):
    long_ago = timezone.now() - timedelta(days=2)
    sessions.all().update(created_at=long_ago, expires_at=long_ago + timedelta(days=1))


# --- the way there ----------------------------------------------------------------------------------------------------


def test_a_browser_goes_to_the_vendors_consent_page_with_a_state_of_ours(site, client):
    asked = site.begin(client)
    session = JoinSession.objects.get()
    assert asked["redirect_uri"].endswith("/join/enphase/auth-granted")
    assert asked["state"] not in (STATE, session.state_hash)
    assert (session.flow, session.user_reference, session.used_at) == (site.flow, "user-7", None)
    assert session.expires_at - session.created_at == timedelta(days=1)


def test_neither_caches_nor_the_next_site_learn_where_a_browser_was(site, client):
    there = client.get(site.link())
    back = come_back(client, code="anna", state="wrong")
    for reply in (there, back, client.get(site.link(vendor="nobody"))):
        assert (reply["Referrer-Policy"], reply["Cache-Control"].count("no-store")) == ("no-referrer", 1)


def test_no_token_and_no_secret_of_ours_is_in_the_browser(site, client):
    reply = client.get(site.link())
    for secret in ("SECRET-app", flows.open_secret(site.flow)):
        assert secret not in f"{reply['Location']}{reply.headers}{client.cookies}"


def test_an_unknown_or_deleted_flow_ends_on_a_page_of_ours(site, client):
    flows.delete_flow(flow=site.flow, by="test", now=timezone.now())
    for link in (site.link(), site.link().replace(str(site.flow.uid), "00000000-0000-4000-8000-000000000000")):
        reply = client.get(link)
        assert (reply.status_code, "not in use any more" in reply.content.decode()) == (404, True)
    assert not JoinSession.objects.exists()


@pytest.mark.parametrize(
    "link",
    [
        {"vendor": ""},
        {"vendor": "solaredge"},
        {"vendor": "nobody\0"},
        {"state": "x" * 2001},
        {"user": "x" * 101},
        {"user": "a\0b"},
    ],
    ids=["no vendor", "not offered", "nobody", "long state", "long user", "null"],
)
def test_a_wrong_link_goes_back_to_the_partner_with_what_is_wrong(site, client, link):
    told = site.told(client.get(site.link(**link)))
    assert told["error"] == "invalid_request"
    assert told["error_description"].split()[0] in ("vendor", "state", "user")
    assert not JoinSession.objects.exists()


def test_an_application_that_does_not_work_goes_back_to_the_partner(site, client):
    site.partner.credentials.update(secrets="sealed:nonsense")
    assert site.told(client.get(site.link()))["error"] == "server_error"


def test_one_address_begins_sixty_trips_a_minute_and_no_more(site, client, standing_clock):
    assert {client.get(site.link()).status_code for _ in range(60)} == {302}
    assert client.get(site.link()).status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.7").get(site.link()).status_code == 302


def test_trips_begin_with_get_only(site, client):
    assert client.post(site.link()).status_code == 405


# --- the way back -----------------------------------------------------------------------------------------------------


def test_a_yes_comes_back_with_an_enrollment_and_the_partners_own_state(site, client):
    told = site.join(client)
    enrollment = Enrollment.objects.get()
    assert told.keys() == {"from", "state", "enrollmentID", "ts", "signature"}
    assert (told["state"], told["enrollmentID"]) == (STATE, str(enrollment.uid))
    assert (enrollment.status, enrollment.user_reference) == ("active", "user-7")
    assert enrollment.connection.account == "anna"


def test_the_state_comes_back_byte_for_byte(site, client):
    raw = "a+b%20c%26d%23e%FF/%C3%B6"
    there = client.get(f"{site.link(state=None)}&state={raw}")
    ours = there["Location"].partition("state=")[2].partition("&")[0]
    back = come_back(client, code="anna", state=ours)
    assert f"&state={raw}&enrollmentID=" in back["Location"]


def test_a_partner_can_check_the_signature(site, client):
    back = come_back(client, code="anna", state=site.begin(client)["state"])
    signed, _, signature = urlsplit(back["Location"]).query.rpartition("&signature=")
    secret = flows.open_secret(site.flow).encode()
    assert hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest() == signature


def test_a_no_comes_back_as_access_denied(site, client):
    told = site.told(come_back(client, error="access_denied", state=site.begin(client)["state"]))
    assert (told["error"], told["state"]) == ("access_denied", STATE)
    assert "Enphase" in told["error_description"]
    assert JoinSession.objects.get().error == "access_denied"
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    "said,error",
    [
        (VendorAuthFailed("code"), "invalid_grant"),
        (VendorUnavailable("503"), "temporarily_unavailable"),
        (VendorThrottled("429", retry_after=5), "temporarily_unavailable"),
        (VendorReplyInvalid("<html>"), "server_error"),
    ],
    ids=["replayed code", "down", "throttled", "garbage"],
)
def test_a_vendor_that_does_not_play_along_ends_at_the_partner(site, client, vendor, said, error):
    vendor.said = said
    told = site.told(come_back(client, code="anna", state=site.begin(client)["state"]))
    assert (told["error"], told["state"]) == (error, STATE)
    assert str(said) not in told["error_description"]
    assert not Enrollment.objects.exists()


def test_a_replayed_callback_is_refused(site, client):
    state = site.begin(client)["state"]
    come_back(client, code="anna", state=state)
    told = site.told(come_back(client, code="anna", state=state))
    assert (told["error"], told["state"]) == ("invalid_request", STATE)
    assert Enrollment.objects.count() == 1


def test_an_answer_after_more_than_a_day_is_refused(site, client):
    state = site.begin(client)["state"]
    expire()
    assert site.told(come_back(client, code="anna", state=state))["error"] == "session_expired"
    assert not Connection.objects.exists()


def test_a_trip_of_a_flow_that_was_deleted_meanwhile_ends_at_the_partner(site, client):
    state = site.begin(client)["state"]
    flows.delete_flow(flow=site.flow, by="test", now=timezone.now())
    assert site.told(come_back(client, code="anna", state=state))["error"] == "flow_deleted"
    assert not Connection.objects.exists()


def test_a_wrong_state_ends_the_trip_of_this_browser_at_the_partner_and_burns_nothing(site, client):
    state = site.begin(client)["state"]
    assert site.told(come_back(client, code="anna", state="wrong"))["error"] == "invalid_state"
    assert "enrollmentID" in site.told(come_back(client, code="anna", state=state))


def test_what_nobody_here_began_ends_on_a_page_of_ours(site, client):
    for callback in ({}, {"state": "x" * 5000}, {"code": "1", "state": "\0"}):
        reply = come_back(client, **callback)
        assert (reply.status_code, "does not belong" in reply.content.decode()) == (400, True)
        assert 'href="/accounts/login/"' in reply.content.decode()
    assert come_back(client, vendor="nobody").status_code == 404
    assert come_back(client, vendor="solis", state="1").status_code == 400


def test_an_account_of_another_user_of_the_partner_is_linked_already(site, client):
    site.join(client)
    told = site.join(Client(), user="user-8")
    assert (told["error"], told["error_description"]) == (
        "already_linked", "This account is linked already, for another user.",
    )  # fmt: skip
    assert [row.user_reference for row in Enrollment.objects.all()] == ["user-7"]


def test_the_same_user_joins_again_and_everything_keeps_its_id(site, client):
    before = site.join(client)["enrollmentID"]
    account = Connection.objects.get()
    homes = list(account.systems.values_list("pk", "gateway"))
    connections.disconnect(connection=account, by="test", now=timezone.now())
    assert site.join(Client())["enrollmentID"] == before
    assert Connection.objects.get().status == "active"
    assert list(account.systems.values_list("pk", "gateway")) == homes
    assert Enrollment.objects.get().session == JoinSession.objects.first()


def test_a_vendor_that_is_down_right_after_the_yes_does_not_spoil_it(site, client, vendor):
    vendor.down = VendorUnavailable("503")
    assert "enrollmentID" in site.join(client)
    assert not Connection.objects.get().systems.exists()


def test_an_account_without_homes_is_enrolled_all_the_same(site, client, vendor):
    vendor.homes = []
    assert "enrollmentID" in site.join(client)


# --- the form for keys ------------------------------------------------------------------------------------------------


def test_the_form_says_who_asks_what_is_shared_and_what_is_not(site, client):
    page = client.get(site.open_form(client))
    text = page.content.decode()
    for said in (
        site.partner.name,
        "Your keys from Fake",
        "What your solar panels produce",
        "Control: nobody can switch",
        "Copy the key.",
    ):
        assert said in text
    assert "no-store" in page["Cache-Control"]


def test_right_keys_end_at_the_partner_with_an_enrollment(site, client):
    told = site.told(client.post(site.open_form(client), RIGHT))
    assert (told["state"], told["enrollmentID"]) == (STATE, str(Enrollment.objects.get().uid))


def test_wrong_keys_are_not_kept_and_others_can_be_tried(site, client):
    form = site.open_form(client)
    page = client.post(form, {"key": "wrong"})
    assert page.status_code == 422
    assert "does not accept these keys" in page.content.decode()
    assert 'value="wrong"' not in page.content.decode()
    assert not Connection.objects.exists()
    assert client.post(form, {}).status_code == 422
    assert "enrollmentID" in site.told(client.post(form, RIGHT))


def test_nobody_guesses_keys_through_the_form_however_many_trips_they_begin(site, client):
    cache.set("key-tries:address:127.0.0.1", 59)
    assert "does not accept these keys" in client.post(site.open_form(client), {"key": "wrong"}).content.decode()
    refused = client.post(site.open_form(client), RIGHT)
    assert (refused.status_code, "Too many tries" in refused.content.decode()) == (422, True)
    assert not Connection.objects.exists()


@pytest.mark.parametrize("error", [VendorUnavailable("503"), VendorReplyInvalid("<html>")], ids=["down", "garbage"])
def test_a_vendor_in_trouble_is_said_on_the_form(site, client, monkeypatch, error):
    def systems(_):
        raise error

    monkeypatch.setattr(Keyed, "systems", systems)
    page = client.post(site.open_form(client), RIGHT)
    assert (page.status_code, "right now" in page.content.decode()) == (422, True)


def test_a_no_on_the_form_goes_back_to_the_partner(site, client):
    form = site.open_form(client)
    assert site.told(client.post(form, {"decline": "1"}))["error"] == "access_denied"
    assert site.told(client.post(form, RIGHT))["error"] == "invalid_request"
    assert not Connection.objects.exists()


def test_the_form_works_once_for_a_day_and_while_there_is_the_flow(site, client):
    used, late, deleted = (site.open_form(client) for _ in range(3))
    client.post(used, RIGHT)
    expire(JoinSession.objects.filter(uid=late.split("/")[-2]))
    assert site.told(client.get(used))["error"] == "invalid_request"
    assert site.told(client.post(used, RIGHT))["error"] == "invalid_request"
    assert site.told(client.get(late))["error"] == "session_expired"
    flows.delete_flow(flow=site.flow, by="test", now=timezone.now())
    assert site.told(client.post(deleted, {"key": "another"}))["error"] == "flow_deleted"


def test_keys_of_another_users_account_are_linked_already(site, client):
    client.post(site.open_form(client), RIGHT)
    other = Client()
    assert site.told(other.post(site.open_form(other, user="user-8"), RIGHT))["error"] == "already_linked"


def test_the_form_speaks_the_flows_language_until_the_homeowner_chooses_one(site, client):
    swedish = Site(site.partner, language="sv", name="Swedish")
    form = swedish.open_form(client)
    assert '<html lang="sv">' in client.get(form).content.decode()
    client.post(form, RIGHT)
    assert Consent.objects.get().language == "sv"
    client.cookies["django_language"] = "de"
    assert '<html lang="de">' in client.get(swedish.open_form(client)).content.decode()


def test_the_form_may_end_at_the_partner_and_nowhere_else(site, client):
    policy = client.get(site.open_form(client))["Content-Security-Policy"]
    assert "form-action 'self' https://partner.example;" in f"{policy};"


# --- attacks ----------------------------------------------------------------------------------------------------------


def test_open_redirect_no_parameter_changes_where_a_browser_goes(site, client):
    evil = "https://evil.example/"
    more = dict.fromkeys(("redirect_uri", "redirectURI", "next", "url"), evil)
    site.begin(client, **more)
    state = site.begin(client, state=f"{evil}?#&redirect_uri={evil}\r\nLocation: {evil}")["state"]
    back = come_back(client, code="anna", state=state, **more)
    site.told(back)
    assert "\n" not in back["Location"]
    assert urlsplit(back["Location"]).netloc == "partner.example"


def test_csrf_the_form_for_keys_takes_nothing_from_another_site(site):
    browser = Client(enforce_csrf_checks=True)
    form = site.open_form(browser)
    assert browser.post(form, RIGHT, headers={"origin": "https://evil.example"}).status_code == 403
    assert not Connection.objects.exists()


def test_state_fixation_a_callback_works_only_in_the_browser_that_began(site, client):
    state = site.begin(client)["state"]
    victim = come_back(Client(), code="mallory", state=state)
    assert victim.status_code == 400
    assert JoinSession.objects.get().used_at is None
    assert "enrollmentID" in site.told(come_back(client, code="anna", state=state))


def test_idor_a_form_for_keys_is_open_only_to_the_browser_that_began(site, client):
    form = site.open_form(client)
    assert Client().get(form).status_code == 404
    assert Client().post(form, RIGHT).status_code == 404
    assert client.get(form).status_code == 200


def test_idor_partners_do_not_see_that_an_account_is_linked_with_another(site, client):
    other = Site()
    site.join(client)
    told = other.join(Client())
    assert told["enrollmentID"] != str(Enrollment.objects.get(partner=site.partner).uid)
    assert Connection.objects.filter(account="anna").count() == 2


def test_a_state_that_was_made_for_one_vendor_does_not_work_for_another(site, client):
    state = site.begin(client)["state"]
    assert come_back(client, vendor="solaredge", code="1", state=state).status_code == 400
    assert JoinSession.objects.get().used_at is None


# --- at the same time -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_same_callback_twice_at_once_makes_one_enrollment(vendor):
    site, browser = Site(), Client()
    state = site.begin(browser)["state"]

    def answer():
        twin = Client()
        twin.cookies.load(browser.cookies.output(header=""))
        return site.told(come_back(twin, code="anna", state=state)).get("error", "")

    assert sorted(at_once(answer, answer)) == ["", "invalid_request"]
    assert (Enrollment.objects.count(), Connection.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_users_with_the_same_account_at_once_leave_one_that_is_enrolled(vendor):
    site, vendor.homes = Site(), []

    def join(user):
        return lambda: site.join(Client(), user=user).get("error", "")

    assert set(at_once(join("user-7"), join("user-8"))) <= {"", "already_linked"}
    assert Enrollment.objects.filter(status="active").count() == Connection.objects.count() == 1
    assert Consent.objects.filter(ended_at=None).count() == 1


def test_nothing_that_happened_holds_a_token(site, client):
    site.join(client)
    text = str(list(Event.objects.values_list("data", flat=True))) + str(JoinSession.objects.values().get())
    assert "SECRET" not in text
    assert BACK in text
