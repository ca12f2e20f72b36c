"""Enphase's stand-in: who may read what, how often, and which systems there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.state import State
from tests.sandbox.enphase.cloud import BACK, NOW, Cloud, Home

# --- who may read ----------------------------------------------------------------------------------------------------


def test_a_call_without_key_or_token_is_not_authorized(cloud: Cloud, home: Home):
    refusal = {"message": "Not Authorized", "details": "User is not authorized", "code": 401}
    for reply in (
        cloud.get("systems", home.access, key=""),
        cloud.get("systems", home.access, key="wrong"),
        cloud.get("systems", "wrong"),
        cloud.http.get("/enphase/api/api/v4/systems?key=sandbox-enphase-key"),
    ):
        assert (reply.status_code, reply.get_json()) == (401, refusal)


def test_the_key_may_stand_in_a_header(cloud: Cloud, home: Home):
    headers = {"Authorization": f"Bearer {home.access}", "key": "sandbox-enphase-key"}
    assert cloud.http.get("/enphase/api/api/v4/systems", headers=headers).status_code == 200


def test_key_and_token_of_two_apps_do_not_go_together(cloud: Cloud, home: Home):
    cloud.admin("apps", client_id="other", client_secret="s", api_key="other-key", redirect_uri=BACK)
    reply = cloud.get("systems", home.access, key="other-key")
    assert (reply.status_code, reply.get_json()["details"]) == (401, "API Key -Client mismatch")


def test_a_home_of_somebody_else_is_forbidden_and_one_of_nobody_is_not_found(cloud: Cloud, home: Home):
    theirs = Home(cloud, "ok+anna")
    assert cloud.get(theirs.path, home.access).get_json()["details"] == "Not authorized to access this resource"
    reply = cloud.get("systems/1/summary", home.access)
    assert (reply.status_code, reply.get_json()["details"]) == (404, 'System not found for {:id=>"1"}')


def test_other_verbs_are_refused(cloud: Cloud, home: Home):
    assert cloud.get(home.path, home.access, method="DELETE").get_json() == {
        "reason": "405",
        "message": ["Method not allowed"],
    }
    assert cloud.get(home.path, home.access, method="BREW").status_code == 501
    assert cloud.get(f"{home.path}/nothing", home.access).status_code == 404


def test_an_endpoint_outside_the_ticked_groups_or_the_plan_is_not_authorized(cloud: Cloud, home: Home):
    cloud.admin("apps", client_id="sandbox-enphase", groups=["system_details", "device_level"], plan="watt")
    assert home.status("summary") == 200
    assert home.status("telemetry/battery") == 401
    assert home.status("devices/micros/1/telemetry") == 401


def test_the_plan_limits_the_minute_and_says_when_it_ends_on_some_endpoints(cloud: Cloud, home: Home):
    cloud.admin("apps", client_id="sandbox-enphase", plan="watt")
    cloud.admin("settings", limits=True)
    assert [home.status("devices") for _ in range(9)] == [200] * 8 + [429]  # listing the systems was a call or two
    refusal = cloud.get(f"{home.path}/summary", home.access).get_json()
    minute = int(NOW.replace(second=0).timestamp())
    assert refusal == {
        "message": "Too Many Requests",
        "details": "Usage limit exceeded for plan Watt",
        "code": 429,
        "period": "minute",
        "period_start": minute,
        "period_end": minute + 60,
        "limit": 10,
    }
    assert "period" not in cloud.get(f"{home.path}/devices", home.access).get_json()
    cloud.clock.set(NOW + timedelta(minutes=1), 0)
    assert home.status("devices") == 200
    cloud.admin("settings", limits=False)
    assert {home.status("devices") for _ in range(12)} == {200}


def test_a_used_up_month_ends_with_the_month(cloud: Cloud, home: Home, state: State):
    cloud.admin("apps", client_id="sandbox-enphase", plan="watt")
    state.run("UPDATE enphase_use SET calls = 1000 WHERE period = 'month'")
    cloud.clock.set(NOW + timedelta(minutes=1), 0)
    refusal = cloud.get(f"{home.path}/summary", home.access).get_json()
    assert (refusal["period"], refusal["period_end"]) == ("month", int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()))


def test_the_ledger_counts_calls_by_app_resource_and_outcome(cloud: Cloud, home: Home):
    home.status("telemetry/battery")
    home.status("telemetry/battery", granularity="year")
    counted = {(row["resource"], row["status"]): row["calls"] for row in cloud.shown("ledger")}
    assert counted["telemetry/battery", 200] == counted["telemetry/battery", 422] == counted["oauth/token", 200] == 1
    assert {row["client_id"] for row in cloud.shown("ledger")} == {"sandbox-enphase"}
    cloud.http.delete("/enphase/__admin/settings")
    assert cloud.shown("ledger") == []


def test_badlogin_after_lets_the_first_data_be_read_and_nothing_more(cloud: Cloud):
    tokens = cloud.tokens("badlogin_after")
    system_id = cloud.get("systems", tokens["access_token"]).get_json()["systems"][0]["system_id"]
    paths = ["summary", "telemetry/production_meter", "telemetry/production_meter", "summary"]
    replies = [cloud.get(f"systems/{system_id}/{path}", tokens["access_token"]).status_code for path in paths]
    assert replies == [200, 200, 401, 401]
    assert cloud.refresh(tokens["refresh_token"]).status_code == 400
    assert [grant["status"] for grant in cloud.shown("grants")] == ["revoked"]


# --- systems ---------------------------------------------------------------------------------------------------------


def test_a_listing_has_the_deprecated_constants_and_the_place(home: Home):
    assert {home.entry[name] for name in ("energy_lifetime", "energy_today", "system_size")} == {-1}
    assert home.entry["address"].keys() == {"city", "state", "country", "postal_code"}
    assert 10**5 <= home.entry["system_id"] < 10**10
    assert home.ask("") == home.entry


def test_each_login_is_an_owner_of_its_own_and_always_the_same(cloud: Cloud):
    homes = [Home(cloud, login) for login in ("ok", "ok+anna", "ok+bert", "ok")]
    serials = [home.ask("devices")["devices"]["gateways"][0]["serial_number"] for home in homes]
    assert len({home.path for home in homes}) == len(set(serials)) == 3
    assert (homes[0].path, serials[0]) == (homes[3].path, serials[3])


def test_an_account_may_have_two_homes_or_none(cloud: Cloud, two: tuple[Home, Home]):
    assert two[0].path != two[1].path
    assert Home(cloud, "no_devices").systems() == []


def test_the_listing_comes_in_pages_in_the_order_asked_for(cloud: Cloud, two: tuple[Home, Home]):
    def page(**query: Any) -> dict[str, Any]:
        reply: dict[str, Any] = cloud.get("systems", two[0].access, **query).get_json()
        return reply

    first, second = page(size=1), page(size=1, page=2)
    assert (first["total"], first["count"], second["current_page"], page(page=3)["systems"]) == (2, 1, 2, [])
    ids = [entry["system_id"] for one in (first, second) for entry in one["systems"]]
    assert ids == sorted(ids)
    assert [entry["system_id"] for entry in page(sort_by="-id")["systems"]] == ids[::-1]
    for wrong in ({"size": 101}, {"size": 0}, {"page": 0}, {"page": "x"}, {"sort_by": "name"}):
        assert cloud.get("systems", two[0].access, **wrong).status_code == 422


def test_a_search_finds_by_id_and_needs_a_system(cloud: Cloud, two: tuple[Home, Home]):
    def search(body: Any) -> Any:
        headers = {"Authorization": f"Bearer {two[0].access}", "key": "sandbox-enphase-key"}
        return cloud.http.post("/enphase/api/api/v4/systems/search", json=body, headers=headers)

    found = search({"system": {"ids": [two[1].entry["system_id"]]}}).get_json()
    assert [entry["system_id"] for entry in found["systems"]] == [two[1].entry["system_id"]]
    assert (
        len(search({"sort_by": "id", "system": {"statuses": ["normal", "comm"], "name": ""}}).get_json()["systems"])
        == 2
    )
    assert search({"system": {"ids": 1, "statuses": ["comm"]}}).get_json()["total"] == 0
    assert [search(wrong).status_code for wrong in ({"sort_by": "id"}, {"system": {"owner": "x"}})] == [422, 422]


def test_a_system_is_found_by_a_serial(cloud: Cloud, two: tuple[Home, Home]):
    serial = two[1].ask("devices")["devices"]["micros"][3]["serial_number"]
    found = cloud.get("systems/retrieve_system_id", two[0].access, serial_num=serial).get_json()
    assert found == {"system_id": two[1].entry["system_id"]}
    assert cloud.get("systems/retrieve_system_id", two[0].access, serial_num="1").status_code == 422


def test_the_inventory_has_what_the_home_has(home: Home, two: tuple[Home, Home]):
    devices = home.ask("devices")["devices"]
    assert {kind: len(several) for kind, several in devices.items()} == {
        "micros": 16,
        "meters": 2,
        "gateways": 1,
        "encharges": 1,
        "enpowers": 1,
    }
    assert [(meter["name"], meter["config_type"]) for meter in devices["meters"]] == [
        ("production", "Production"),
        ("consumption", "Net"),
    ]
    assert devices["meters"][0]["serial_number"].endswith("EIM1")
    assert len(two[0].ask("devices")["devices"]["encharges"]) == 2
    assert two[1].ask("devices")["devices"].keys() == {"micros", "gateways"}


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [{"speed": 2}, ["limits"]], ids=str)
def test_a_setting_that_does_not_exist_is_refused(cloud: Cloud, order: Any):
    assert cloud.http.post("/enphase/__admin/settings", json=order).status_code == 400


def test_settings_are_shown_and_forgotten(cloud: Cloud):
    assert cloud.admin("settings", access_ttl_s=60).get_json()["access_ttl_s"] == 60
    assert cloud.tokens()["expires_in"] == 60
    assert cloud.http.delete("/enphase/__admin/settings").get_json()["access_ttl_s"] == 86_400
