"""Site Access at SolarEdge's stand-in: tokens, how they end, and what one site's grant opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.sandbox.solaredge_owner import APP, NOW, REDIRECT_URI, Vendor, sites

QUARTER = {"from": "2026-06-10T10:00:00Z", "to": "2026-06-10T10:15:00Z"}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.state.close()


def error(reply):
    return reply.status_code, reply.json["error"], reply.json["error_description"]


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_code_gives_a_pair_of_tokens_for_two_hours(vendor):
    reply = vendor.exchange(vendor.share()["code"])
    assert reply.status_code == 200
    assert reply.json.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (reply.json["token_type"], reply.json["expires_in"]) == ("Bearer", 7200)


def test_a_code_is_good_once_and_for_ten_minutes_and_for_its_app(vendor):
    used, late, foreign = (vendor.share()["code"] for _ in range(3))
    vendor.exchange(used)
    other = {"client_id": "acme", "client_secret": "hush"}
    vendor.admin("apps", {**other, "redirect_uri": "https://acme.test/back"})
    refused = [vendor.exchange(used), vendor.exchange("guessed"), vendor.exchange(foreign, **other)]
    vendor.clock.set(NOW + timedelta(minutes=10), 0)
    refused.append(vendor.exchange(late))
    assert {error(reply) for reply in refused} == {(400, "invalid_request", "Invalid code")}


def test_the_redirect_uri_may_be_left_out_but_not_be_another(vendor):
    code = vendor.share()["code"]
    said = "Invalid redirect_uri that does not match with any redirect_uri created with the application"
    wrong = vendor.exchange(code, redirect_uri="https://evil.test/")
    assert error(wrong) == (400, "invalid_request", said)
    assert vendor.exchange(code, redirect_uri=REDIRECT_URI).status_code == 200


@pytest.mark.parametrize("wrong", [{"client_id": "guessed"}, {"client_secret": "guessed"}, {"client_secret": None}])
def test_a_wrong_app_is_an_invalid_client(vendor, wrong):
    assert error(vendor.exchange(vendor.share()["code"], **wrong))[:2] == (400, "invalid_client")


@pytest.mark.parametrize("grant_type", ["client_credentials", "password", None, 7])
def test_other_grant_types_are_not_supported(vendor, grant_type):
    assert error(vendor.token(grant_type=grant_type))[:2] == (400, "unsupported_grant_type")


def test_only_json_is_understood_and_only_post(vendor):
    body = {**APP, "grant_type": "authorization_code", "code": vendor.share()["code"]}
    form = vendor.post("/api/v2/oauth2/token", data=body)
    assert error(form)[:2] == (400, "invalid_request")
    assert vendor.post("/api/v2/oauth2/token", data="[]", content_type="application/json").status_code == 400
    assert vendor._client.get("/solaredge/api/v2/oauth2/token").status_code == 405
    assert vendor.exchange(body["code"]).status_code == 200
    assert "x-ratelimit-limit-minute" in form.headers


def test_a_refresh_gives_a_new_pair_and_the_old_one_is_dead_at_once(vendor):
    old = vendor.tokens()
    new = {**vendor.refresh(old["refresh_token"]).get_json(), "site": old["site"]}
    assert error(vendor.refresh(old["refresh_token"])) == (400, "invalid_request", "Invalid refresh_token")
    assert vendor.get("/sites/{site}", old).status_code == 401
    assert vendor.get("/sites/{site}", new).status_code == 200
    assert vendor.refresh(new["refresh_token"]).status_code == 200


def test_an_access_token_ends_after_two_hours(vendor):
    tokens = vendor.tokens()
    vendor.clock.set(NOW + timedelta(seconds=7199), 0)
    assert vendor.get("/sites/{site}", tokens).status_code == 200
    vendor.clock.set(NOW + timedelta(seconds=7200), 0)
    reply = vendor.get("/sites/{site}", tokens)
    assert error(reply) == (401, "invalid_token", "The access token is invalid or has expired")


def test_a_refresh_token_that_nobody_uses_ends_after_thirty_days(vendor):
    used, idle = vendor.tokens(), vendor.tokens()
    vendor.clock.set(NOW + timedelta(days=29), 0)
    used = vendor.refresh(used["refresh_token"]).get_json()
    vendor.clock.set(NOW + timedelta(days=30), 0)
    assert vendor.refresh(idle["refresh_token"]).status_code == 400
    assert vendor.refresh(used["refresh_token"]).status_code == 200


def test_a_grant_ends_with_its_duration_however_often_it_is_refreshed(vendor):
    tokens = vendor.tokens(access_duration="1")
    vendor.clock.set(NOW + timedelta(days=29), 0)
    tokens = {**vendor.refresh(tokens["refresh_token"]).get_json(), "site": tokens["site"]}
    vendor.clock.set(NOW + timedelta(days=30), 0)
    assert vendor.get("/sites/{site}", tokens).status_code == 401
    assert vendor.refresh(tokens["refresh_token"]).status_code == 400


def test_a_revoked_grant_is_over_and_an_unknown_token_is_no_error(vendor):
    tokens = vendor.tokens()
    for token in (tokens["refresh_token"], "guessed"):
        assert vendor.post("/api/v2/oauth2/revoke-token", json={"token": token}).status_code == 200
    assert vendor.get("/sites/{site}", tokens).status_code == 401
    assert vendor.refresh(tokens["refresh_token"]).status_code == 400


def test_grants_outlive_the_process(vendor):
    tokens = vendor.tokens()
    assert Vendor(vendor.state).get("/sites/{site}", tokens).status_code == 200
    assert Vendor(vendor.state).refresh(tokens["refresh_token"]).status_code == 200


def test_the_vendor_can_be_down_when_the_app_wants_to_finish(vendor):
    code = vendor.share("vendor_down")["code"]
    assert [vendor.exchange(code).status_code for _ in range(2)] == [503, 503]


# --- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sites", "/alerts", "/sites/1001001", "/sites/77/power", "/sites/{other}/devices"])
def test_a_grant_opens_one_site_and_no_lists(vendor, path):
    tokens = {**vendor.tokens("ok"), "other": vendor.share("ok+anna")["site_id"]}
    reply = vendor.get(path, tokens)
    assert (reply.status_code, reply.content_type) == (403, "application/problem+json")


def test_the_other_site_of_the_same_owner_stays_closed(vendor):
    first, second = sites(vendor.sign_in("ok_two_sites"))
    tokens = vendor.tokens("ok_two_sites", site=first)
    assert vendor.get(f"/sites/{first}", tokens).status_code == 200
    assert vendor.get(f"/sites/{second}", tokens).status_code == 403


def test_a_home_has_solar_a_battery_and_a_meter_with_serials_of_its_own(vendor):
    serials: list[str] = []
    for login in ("ok", "ok+anna"):
        tokens = vendor.tokens(login)
        devices = vendor.get("/sites/{site}/devices", tokens, types=["INVERTER", "BATTERY", "METER"]).json
        assert {device["type"] for device in devices} == {"INVERTER", "BATTERY", "METER"}
        serials += {device["serialNumber"] for device in devices if device["serialNumber"]}
        for resource, noun in (("meters", "meters"), ("storage", "storage"), ("inverters", "inverters")):
            telemetry = vendor.get(f"/sites/{{site}}/{resource}/telemetry", tokens, **QUARTER).json[noun]
            assert telemetry.keys() <= {*serials}
            assert telemetry
    assert len(set(serials)) == len(serials) == 8


def test_the_second_home_has_solar_only(vendor):
    _, second = sites(vendor.sign_in("ok_two_sites"))
    tokens = vendor.tokens("ok_two_sites", site=second)
    devices = vendor.get("/sites/{site}/devices", tokens, types=["INVERTER", "BATTERY", "METER"]).json
    assert [device["type"] for device in devices] == ["INVERTER"]
    assert vendor.get("/sites/{site}/power", tokens, **QUARTER).json["values"][0]["value"] > 0


def test_a_site_without_devices_measures_nothing(vendor):
    tokens = vendor.tokens("no_devices")
    assert vendor.get("/sites/{site}", tokens).json["peakPower"] == 0
    assert vendor.get("/sites/{site}/devices", tokens, types=["INVERTER", "BATTERY", "METER"]).json == []
    assert [one["value"] for one in vendor.get("/sites/{site}/power", tokens, **QUARTER).json["values"]] == [None]


@pytest.mark.parametrize(
    "scope,closed",
    [
        ("SITE_DATA", ["devices", "meters/telemetry", "storage/telemetry", "inverters/telemetry"]),
        ("DEVICE_DATA", ["power", "energy", "overview"]),
        ("SITE_DATA,DEVICE_DATA", []),
    ],
)
def test_a_scope_opens_its_own_part(vendor, scope, closed):
    tokens = vendor.tokens("ok", scope=scope)
    resources = ["devices", "meters/telemetry", "storage/telemetry", "inverters/telemetry"]
    resources += ["power", "energy", "overview"]
    refused = [name for name in resources if vendor.get(f"/sites/{{site}}/{name}", tokens).status_code == 403]
    assert refused == closed


def test_access_is_taken_away_after_the_first_data_but_not_by_looking_around(vendor):
    tokens = vendor.tokens("badlogin_after")
    looks = [vendor.get(path, tokens).status_code for path in ("/sites/{site}", "/sites/{site}/devices")]
    data = [vendor.get("/sites/{site}/power", tokens).status_code for _ in range(2)]
    assert looks + data == [200, 200, 200, 401]
    assert error(vendor.refresh(tokens["refresh_token"]))[2] == "Invalid refresh_token"


def test_the_calls_of_all_owners_are_counted_for_the_app(vendor):
    vendor.admin("settings", {"minute": 2})
    first, second = vendor.tokens("ok"), vendor.tokens("ok+anna")
    replies = [vendor.get("/sites/{site}", tokens) for tokens in (first, second, first)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining-minute"] for reply in replies] == ["1", "0", "0"]
    assert replies[-1].headers["retry-after"] == "29"
    assert vendor.admin("ledger").json[0]["key"] == APP["client_id"]


def test_a_month_of_the_app_is_used_up_without_a_word_on_how_long(vendor):
    vendor.admin("settings", {"month": 1})
    tokens = vendor.tokens()
    replies = [vendor.get("/sites/{site}", tokens) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 429]
    assert "retry-after" not in replies[1].headers


# --- what tests order ------------------------------------------------------------------------------------------------


def test_grants_are_shown_without_tokens(vendor):
    tokens = vendor.tokens("ok+anna")
    vendor.refresh(tokens["refresh_token"])
    reply = vendor.admin("grants")
    (grant,) = reply.json
    assert (grant["login"], str(grant["site_id"]), grant["refreshes"]) == ("ok+anna", tokens["site"], 1)
    assert not [name for name in grant if "token" in name or "code" in name]


@pytest.mark.parametrize("order,status,refreshed", [("expire_access", 401, 200), ("expire_refresh", 200, 400)])
def test_a_token_can_be_made_to_expire(vendor, order, status, refreshed):
    tokens, other = vendor.tokens("ok"), vendor.tokens("ok+anna")
    assert vendor.admin("grants", {"login": "ok", order: True}).status_code == 200
    assert vendor.get("/sites/{site}", tokens).status_code == status
    assert vendor.refresh(tokens["refresh_token"]).status_code == refreshed
    assert vendor.get("/sites/{site}", other).status_code == 200


def test_a_grant_can_be_revoked_by_its_site(vendor):
    tokens = vendor.tokens()
    vendor.admin("grants", {"site_id": int(tokens["site"]), "revoke": True})
    assert vendor.get("/sites/{site}", tokens).status_code == 401
    assert vendor.refresh(tokens["refresh_token"]).status_code == 400


def test_a_scope_can_be_dropped_later(vendor):
    tokens = vendor.tokens()
    vendor.admin("grants", {"login": "ok", "drop_scope": "DEVICE_DATA"})
    assert vendor.get("/sites/{site}/devices", tokens).status_code == 403
    assert vendor.get("/sites/{site}/power", tokens).status_code == 200


@pytest.mark.parametrize(
    "body,status",
    [([], 400), ({"login": "ok", "explode": True}, 400), ({"revoke": True}, 404), ({"login": "nobody"}, 404)],
    ids=repr,
)
def test_an_order_that_would_do_nothing_is_refused(vendor, body, status):
    vendor.tokens()
    assert vendor.admin("grants", body).status_code == status
