"""SolarEdge Connect, the stand-in's consent pages: sign-in, choice of a site, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sandbox import logins
from tests.sandbox.solaredge_owner import APP, NOW, REDIRECT_URI, Vendor, landed, sites


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.state.close()


def test_an_approval_brings_a_code_and_the_site_and_both_references_back_as_they_were(vendor):
    sent = {"external_id": "a b&c=ü", "state": '"><i>'}
    callback = vendor.share("ok", **sent)
    assert callback.keys() == {"code", "site_id", "external_id", "state"}
    assert {name: callback[name] for name in sent} == sent


def test_what_was_not_sent_does_not_come_back(vendor):
    reply = vendor._client.get("/solaredge/connect/authorize", query_string={"client_id": APP["client_id"]})
    page = vendor.submit(reply, login="ok", password="any")
    assert landed(vendor.submit(page, decision="share")).keys() == {"code", "site_id"}


def test_the_state_can_be_dropped(vendor):
    vendor.admin("settings", {"drop_state": True})
    callback = vendor.share("ok")
    assert (callback.get("state"), callback["external_id"]) == (None, "x-1")


def test_a_redirect_uri_in_the_request_changes_nothing(vendor):
    assert vendor.share("ok", redirect_uri="https://evil.test/")["code"]


@pytest.mark.parametrize("client_id", ["", "guessed"])
def test_an_unknown_app_gets_a_page_and_no_redirect(vendor, client_id):
    reply = vendor.authorize(client_id=client_id)
    assert (reply.status_code, "Location" in reply.headers) == (400, False)


def test_an_app_without_a_redirect_uri_is_told_how_to_register_one():
    vendor = Vendor(registered=False)
    reply = vendor.authorize()
    vendor.state.close()
    assert reply.status_code == 400
    assert "POST /solaredge/__admin/apps" in reply.text


@pytest.mark.parametrize(
    "query",
    [{"scope": "EVERYTHING"}, {"scope": " "}, {"access_duration": "25"}, {"access_duration": "0"}],
    ids=repr,
)
def test_a_request_that_cannot_be_is_a_page(vendor, query):
    reply = vendor.authorize(**query)
    assert (reply.status_code, "<form" in reply.text) == (400, False)


def test_the_consent_names_the_app_what_it_reads_and_for_how_long(vendor):
    page = vendor.sign_in("ok", scope="SITE_DATA", access_duration="6").text
    assert f"<strong>{APP['client_id']}</strong>" in page
    assert "for 6 months" in page
    assert "your site" in page
    assert "your devices" not in page


def test_every_field_has_a_label_and_no_page_has_a_script(vendor):
    pages = [vendor.authorize(), vendor.sign_in("mfa"), vendor.sign_in("ok"), vendor.sign_in("ok_two_sites")]
    for page in pages:
        fields = re.findall(r'<input id="([a-z]+)"', page.text)
        assert set(fields) == set(re.findall(r'<label for="([a-z]+)"', page.text))
        assert "<script" not in page.text
        assert "viewport" in page.text


@pytest.mark.parametrize("login,password", [("badlogin", "any"), ("nobody", "any"), ("ok", ""), ("", "any")])
def test_a_wrong_login_stays_on_the_form_and_can_be_corrected(vendor, login, password):
    page = vendor.submit(vendor.authorize(), login=login, password=password)
    assert 'role="alert"' in page.text
    assert landed(vendor.submit(vendor.submit(page, login="ok", password="any"), decision="share"))["code"]


def test_what_somebody_types_is_shown_as_text(vendor):
    page = vendor.submit(vendor.authorize(), login='"><b>', password="any")
    assert 'value="&quot;&gt;&lt;b&gt;"' in page.text


def test_a_second_factor_is_asked_for_until_it_is_right(vendor):
    page = vendor.submit(vendor.sign_in("mfa"), code="000000")
    assert "This code is wrong." in page.text
    page = vendor.submit(page, code=logins.MFA_CODE)
    assert landed(vendor.submit(page, decision="share"))["code"]


def test_consent_cannot_be_given_before_the_second_factor(vendor):
    proven = vendor.submit(vendor.sign_in("mfa"), code=logins.MFA_CODE)
    site = landed(vendor.submit(proven, decision="share"))["site_id"]
    (visit,) = re.findall(r'name="visit" value="([^"]+)"', vendor.sign_in("mfa").text)
    reply = vendor.post("/connect/consent", data={"visit": visit, "decision": "share", "site": site})
    assert (reply.status_code, "Location" in reply.headers) == (400, False)


def test_of_two_sites_one_is_chosen(vendor):
    page = vendor.sign_in("ok_two_sites")
    first, second = sites(page)
    assert landed(vendor.submit(page, decision="share", site=second))["site_id"] == second
    assert vendor.share("ok_two_sites", site=first)["site_id"] == first


def test_a_site_of_somebody_else_or_none_cannot_be_chosen(vendor):
    foreign = vendor.share("ok")["site_id"]
    for chosen in (foreign, ""):
        page = vendor.submit(vendor.sign_in("ok_two_sites"), decision="share", site=chosen)
        assert "Choose one of your sites." in page.text


def test_an_account_with_several_sites_can_be_turned_away(vendor):
    vendor.admin("settings", {"multi_site": "refuse"})
    page = vendor.sign_in("ok_two_sites")
    assert "associated to multiple SolarEdge sites" in page.text
    assert "<form" not in page.text
    assert vendor.share("ok")["code"]


def test_a_no_brings_only_the_references_back(vendor):
    refused = landed(vendor.submit(vendor.sign_in("ok"), decision="refuse"))
    denied = landed(vendor.sign_in("denied"))
    assert refused == denied == {"external_id": "x-1", "state": "s-1"}
    assert vendor.admin("grants").get_json() == []


def test_a_no_can_be_said_with_an_error(vendor):
    vendor.admin("settings", {"denial": {"error": "access_denied"}})
    assert landed(vendor.sign_in("denied"))["error"] == "access_denied"


@pytest.mark.parametrize("decision", ["share", "refuse"])
def test_a_form_sent_twice_is_answered_once(vendor, decision):
    page = vendor.sign_in("ok")
    landed(vendor.submit(page, decision=decision))
    again = vendor.submit(page, decision=decision)
    assert (again.status_code, "Location" in again.headers) == (400, False)
    assert len(vendor.admin("grants").get_json()) == (decision == "share")


def test_a_visit_outlives_the_process(vendor):
    page = vendor.sign_in("ok")
    assert landed(Vendor(vendor.state).submit(page, decision="share"))["code"]


def test_a_visit_does_not_wait_for_ever(vendor):
    page = vendor.sign_in("ok")
    vendor.clock.set(NOW + timedelta(hours=2), 0)
    vendor.authorize()
    assert vendor.submit(page, decision="share").status_code == 400


def test_every_owner_has_a_home_of_its_own_and_always_the_same(vendor):
    owners = ["ok", "ok+anna", "ok+ben", "badlogin_after", "vendor_down", "no_devices"]
    sites = [vendor.share(login)["site_id"] for login in owners]
    assert len(set(sites)) == len(owners)
    assert vendor.share(" OK+Anna ")["site_id"] == sites[1]


def test_apps_are_registered_again_and_again_and_listed_without_their_secrets(vendor):
    for _ in range(2):
        body = {"client_id": "acme", "client_secret": "hush", "redirect_uri": "https://acme.test/back"}
        reply = vendor.admin("apps", body)
    assert reply.get_json() == [
        {"client_id": "acme", "redirect_uri": "https://acme.test/back"},
        {"client_id": APP["client_id"], "redirect_uri": REDIRECT_URI},
    ]
    assert "hush" not in reply.text


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"client_id": "acme"},
        {"client_id": "acme", "client_secret": 1, "redirect_uri": "https://acme.test"},
        {"client_id": "acme", "client_secret": "s", "redirect_uri": "/relative"},
        {"client_id": "acme", "client_secret": "s", "redirect_uri": "https://acme.test/#here"},
    ],
    ids=repr,
)
def test_an_app_that_cannot_be_is_refused(vendor, body):
    assert vendor.admin("apps", body).status_code == 400


def test_a_page_that_is_not_there_is_said_in_words(vendor):
    assert "start again" in vendor.post("/connect/logout").text


def test_a_form_without_a_visit_is_over(vendor):
    for step in ("login", "code", "consent"):
        assert vendor.post(f"/connect/{step}", data={"visit": "guessed"}).status_code == 400
