"""Enphase's stand-in: consent pages, codes and tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import logins
from sandbox.state import State
from tests.sandbox.enphase.cloud import BACK, BASIC, NOW, Cloud, answer

OTHER = {"client_id": "other", "client_secret": "other-secret", "api_key": "other-key", "redirect_uri": BACK}


# --- the consent pages -----------------------------------------------------------------------------------------------


def test_a_homeowner_logs_in_approves_and_goes_back_with_a_code_and_the_state(cloud: Cloud):
    consent = cloud.log_in("ok")
    assert "<strong>Partner portal</strong>" in consent.text
    assert "Site level production monitoring" in consent.text
    brought = answer(cloud.submit(consent, decision="approve"))
    assert brought.keys() == {"code", "state"}
    assert len(brought["code"]) == 6
    assert brought["state"] == "s1"


def test_the_consent_page_names_what_the_app_ticked_and_its_plan_has(cloud: Cloud):
    cloud.admin("apps", **OTHER, name="Other & Co", groups=["system_details", "device_level"])
    page = cloud.log_in("ok", client_id="other")
    assert "Other &amp; Co" in page.text
    assert "System details" in page.text
    assert "Device level" not in page.text
    assert "production monitoring" not in page.text


@pytest.mark.parametrize("raw", ["a%20b", "a+b", "%ff%00%22%3E", "x%2By.z~_-", ""])
def test_the_state_comes_back_byte_for_byte(cloud: Cloud, raw: str):
    page = cloud.authorize(f"response_type=code&client_id={BASIC[0]}&redirect_uri={BACK}&state={raw}")
    reply = cloud.submit(cloud.submit(page, username="ok", password="x"), decision="reject")
    assert reply.headers["Location"] == f"{BACK}?error=access_denied&state={raw}"


def test_without_a_state_none_comes_back(cloud: Cloud):
    page = cloud.authorize(f"response_type=code&client_id={BASIC[0]}&redirect_uri={BACK}")
    reply = cloud.submit(cloud.submit(page, username="ok", password="x"), decision="reject")
    assert reply.headers["Location"] == f"{BACK}?error=access_denied"


def test_a_redirect_uri_with_a_query_of_its_own_keeps_it(cloud: Cloud):
    cloud.admin("apps", client_id=BASIC[0], redirect_uri=f"{BACK}?partner=1")
    reply = cloud.submit(cloud.log_in("ok", redirect_uri=f"{BACK}?partner=1"), decision="reject")
    assert reply.headers["Location"] == f"{BACK}?partner=1&error=access_denied&state=s1"


@pytest.mark.parametrize(
    "changed,said",
    [
        ({"client_id": "nobody"}, "No app has this client_id"),
        ({"response_type": "token"}, "response_type has to be code"),
        ({"redirect_uri": f"{BACK}/"}, "none of those that are registered"),
        ({"redirect_uri": "https://evil.example/"}, "none of those that are registered"),
        ({"redirect_uri": ""}, "none of those that are registered"),
    ],
)
def test_a_wrong_link_ends_on_a_page_and_never_redirects(cloud: Cloud, changed: dict[str, str], said: str):
    reply = cloud.authorize(**changed)
    assert reply.status_code == 400
    assert said in reply.text


def test_the_default_app_says_how_to_register_a_redirect_uri():
    state = State()
    cloud = Cloud(state, back="")
    assert "register the redirect URI with POST /enphase/__admin/apps" in cloud.authorize().text
    state.close()


def test_the_login_page_lists_every_magic_login_and_is_not_kept(cloud: Cloud):
    page = cloud.authorize()
    assert all(f"<code>{login}</code>" in page.text for login in logins.LOGINS)
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("login", ["badlogin", "badlogin+anna", "somebody", "<b>", ""])
def test_a_refused_login_stays_on_the_form_and_says_so(cloud: Cloud, login: str):
    page = cloud.log_in(login)
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    assert "<b>" not in page.text
    assert 'action="approve"' in cloud.submit(page, username=" Ok+Anna ", password="any").text


def test_a_password_may_be_anything_but_nothing(cloud: Cloud):
    assert 'role="alert"' in cloud.submit(cloud.authorize(), username="ok", password="").text


def test_denied_goes_back_at_once(cloud: Cloud):
    assert answer(cloud.log_in("denied")) == {"error": "access_denied", "state": "s1"}


def test_mfa_asks_for_a_code_until_it_is_right(cloud: Cloud):
    page = cloud.submit(cloud.log_in("mfa"), code="654321")
    assert 'role="alert"' in page.text
    assert answer(cloud.submit(cloud.submit(page, code="123456"), decision="approve"))["code"]


def test_a_form_is_good_for_one_answer(cloud: Cloud):
    consent = cloud.log_in("ok")
    assert cloud.submit(consent, decision="approve").status_code == 302
    again = cloud.submit(consent, decision="approve")
    assert again.status_code == 400
    assert "start again" in again.text


def test_nobody_comes_to_the_approval_past_the_login(cloud: Cloud):
    number = cloud.authorize().text.split('name="transaction" value="')[1].split('"')[0]
    reply = cloud.http.post("/enphase/api/oauth/approve", data={"transaction": number, "decision": "approve"})
    assert reply.status_code == 400
    assert cloud.http.get("/enphase/api/oauth/approve").status_code == 400


# --- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [False, True])
def test_a_code_becomes_tokens_from_the_query_or_a_form(cloud: Cloud, form: bool):
    reply = cloud.exchange(cloud.code(), form=form)
    body = reply.get_json()
    assert {name: body[name] for name in ("token_type", "expires_in", "scope", "enl_cid", "app_type")} == {
        "token_type": "bearer",
        "expires_in": 86_400,
        "scope": "read write",
        "enl_cid": "",
        "app_type": "system",
    }
    assert body["access_token"].count(".") == body["refresh_token"].count(".") == 2
    assert reply.headers["Cache-Control"] == "no-store"


def test_a_replayed_code_is_refused(cloud: Cloud):
    code = cloud.code()
    cloud.exchange(code)
    reply = cloud.exchange(code)
    said = f"Invalid authorization code: {code}"
    assert (reply.status_code, reply.get_json()) == (400, {"error": "invalid_grant", "error_description": said})


def test_a_code_of_eleven_minutes_ago_is_refused(cloud: Cloud):
    code = cloud.code()
    cloud.clock.set(NOW + timedelta(minutes=11), 0)
    assert cloud.exchange(code).get_json()["error"] == "invalid_grant"


def test_another_redirect_uri_uses_the_code_up(cloud: Cloud):
    code = cloud.code()
    assert cloud.exchange(code, redirect_uri=f"{BACK}/").get_json()["error_description"] == "Redirect URI mismatch."
    assert cloud.exchange(code).status_code == 400


def test_a_code_is_of_no_use_to_another_app(cloud: Cloud):
    cloud.admin("apps", **OTHER)
    reply = cloud.exchange(cloud.code(), auth=("other", "other-secret"))
    assert (reply.status_code, reply.get_json()["error"]) == (401, "invalid_client")


def test_vendor_down_approves_and_then_the_token_endpoint_is_down_for_its_code(cloud: Cloud):
    code = cloud.code("vendor_down+anna")
    assert [cloud.exchange(code).status_code for _ in range(2)] == [503, 503]
    assert cloud.exchange(cloud.code("ok")).status_code == 200


@pytest.mark.parametrize(
    "given,status,error",
    [
        ({"auth": None}, 401, "unauthorized"),
        ({"auth": (BASIC[0], "wrong")}, 401, "invalid_client"),
        ({"auth": ("nobody", "wrong")}, 401, "invalid_client"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "ok", "password": "x"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
        ({"method": "GET", "grant_type": "refresh_token"}, 405, "method_not_allowed"),
    ],
)
def test_the_token_endpoint_refuses_as_spring_does(cloud: Cloud, given: dict, status: int, error: str):
    reply = cloud.token(**given)
    assert (reply.status_code, reply.get_json()["error"]) == (status, error)
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)


# --- refresh ---------------------------------------------------------------------------------------------------------


def test_a_refresh_makes_a_new_pair_and_ends_the_old_refresh_token(cloud: Cloud):
    first = cloud.tokens()
    second = cloud.refresh(first["refresh_token"]).get_json()
    assert not {first["access_token"], first["refresh_token"]} & {second["access_token"], second["refresh_token"]}
    reply = cloud.refresh(first["refresh_token"])
    assert (reply.status_code, reply.get_json()["error"]) == (400, "invalid_grant")
    assert cloud.refresh(second["refresh_token"]).status_code == 200
    assert [grant["refreshes"] for grant in cloud.shown("grants")] == [2]


def test_of_several_refreshes_at_once_one_wins(cloud: Cloud):
    token = cloud.tokens()["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        replies = pool.map(cloud.refresh, [token] * 4)
    assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400]


def test_the_old_refresh_token_lives_on_where_a_test_wants_it(cloud: Cloud):
    cloud.admin("settings", old_refresh_allowed=True)
    token = cloud.tokens()["refresh_token"]
    assert [cloud.refresh(token).status_code for _ in range(2)] == [200, 200]


def test_a_refresh_token_of_another_app_or_kind_is_refused(cloud: Cloud):
    cloud.admin("apps", **OTHER)
    tokens = cloud.tokens()
    assert cloud.refresh(tokens["refresh_token"], auth=("other", "other-secret")).status_code == 400
    assert cloud.refresh(tokens["access_token"]).status_code == 400


def test_an_access_token_lives_a_day_and_a_refresh_token_thirty(cloud: Cloud):
    tokens = cloud.tokens()
    cloud.clock.set(NOW + timedelta(days=1, seconds=-1), 0)
    assert cloud.get("systems", tokens["access_token"]).status_code == 200
    cloud.clock.set(NOW + timedelta(days=1), 0)
    assert cloud.get("systems", tokens["access_token"]).status_code == 401
    cloud.clock.set(NOW + timedelta(days=30), 0)
    reply = cloud.refresh(tokens["refresh_token"])
    assert (reply.status_code, reply.get_json()["error"]) == (401, "invalid_token")
    assert [grant["status"] for grant in cloud.shown("grants")] == ["expired"]


@pytest.mark.parametrize(
    "order,access,refresh", [("expire_access", 401, 200), ("expire_refresh", 200, 401), ("revoke", 401, 400)]
)
def test_a_test_can_end_tokens_and_grants(cloud: Cloud, order: str, access: int, refresh: int):
    tokens = cloud.tokens("ok+anna")
    other = cloud.tokens("ok")
    assert cloud.admin("grants", login="ok+anna", **{order: True}).status_code == 200
    assert cloud.get("systems", tokens["access_token"]).status_code == access
    assert cloud.refresh(tokens["refresh_token"]).status_code == refresh
    assert cloud.get("systems", other["access_token"]).status_code == 200


@pytest.mark.parametrize("order", [{"login": "nobody", "revoke": True}, {"login": "ok"}, {"revoke": True}])
def test_an_order_without_effect_is_refused(cloud: Cloud, order: dict):
    cloud.tokens()
    assert cloud.admin("grants", **order).status_code == 400


# --- apps ------------------------------------------------------------------------------------------------------------


def test_registering_again_adds_a_redirect_uri_and_changes_what_is_named(cloud: Cloud):
    for uri in (BACK, f"{BACK}2", BACK):
        assert cloud.admin("apps", **{**OTHER, "redirect_uri": uri}).status_code == 200
    other = next(
        app for app in cloud.admin("apps", client_id="other", plan="kilowatt").get_json() if app["plan"] == "kilowatt"
    )
    assert other["redirect_uris"] == [BACK, f"{BACK}2"]
    assert not {"client_secret", "api_key"} & other.keys()
    assert cloud.exchange(cloud.code(client_id="other"), auth=("other", "other-secret")).status_code == 200


@pytest.mark.parametrize(
    "changed", [{"api_key": "sandbox-enphase-key"}, {"plan": "free"}, {"groups": ["all"]}, {"scope": "x"}, {"name": ""}]
)
def test_the_developer_portal_does_not_take_everything(cloud: Cloud, changed: dict):
    assert cloud.admin("apps", **{**OTHER, **changed}).status_code == 400
    assert len(cloud.shown("apps")) == 1


def test_a_partner_app_gets_its_tokens_by_password_and_asks_nobody(cloud: Cloud):
    cloud.admin("apps", **OTHER, kind="partner", plan="partner")
    ask: dict[str, Any] = {"auth": ("other", "other-secret"), "grant_type": "password", "password": "x"}
    assert cloud.token(username="ok", **ask).get_json()["app_type"] == "partner"
    assert cloud.token(username="badlogin", **ask).get_json()["error_description"] == "Bad credentials"
    assert cloud.authorize(client_id="other").status_code == 400


def test_apps_codes_and_grants_outlive_a_restart(tmp_path: Path):
    state = State(tmp_path / "state.sqlite3")
    before = Cloud(state)
    code, tokens = before.code(), before.tokens()
    state.close()
    state = State(tmp_path / "state.sqlite3")
    after = Cloud(state)
    assert after.exchange(code).status_code == 200
    assert after.refresh(tokens["refresh_token"]).status_code == 200
    assert after.get("systems", tokens["access_token"]).status_code == 200
    state.close()
