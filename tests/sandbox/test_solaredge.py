"""The stand-in of SolarEdge against what is documented of the real one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from sandbox.clock import Clock
from sandbox.server import Server, World
from sandbox.solaredge import SolarEdge
from sandbox.state import State

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared/recordings/solaredge"
NOW = datetime(2026, 6, 10, 12, 7, 31, 160_789, tzinfo=UTC)  # 14:07:31 in Amsterdam and Madrid
KEY = {"X-API-Key": "sandbox-fleet-key"}
COTTAGE, HYBRID, FARM, FOREIGN, REPLAYED = 1001001, 1001002, 1001003, 2002001, 3066774
TELEMETRY = ["power", "energy", "inverters/telemetry", "meters/telemetry", "storage/telemetry"]


class Cloud:
    """The stand-in without a network."""

    def __init__(self, state: State, recordings: Path | None = None) -> None:
        self.clock = Clock(NOW, speed=0)
        world = World(self.clock, state, {"recordings": recordings})
        self._client = Client(Server(world, {"solaredge": SolarEdge(world)}))

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        query = {name.rstrip("_").replace("__", "-"): value for name, value in query.items()}
        return self._client.get(
            f"/solaredge/api/v2{path}", query_string=query, headers=KEY if headers is None else headers
        )

    def values(self, site: int, resource: str, **query: Any) -> dict[str, float | None]:
        reply = self.get(f"/sites/{site}/{resource}", **query)
        assert reply.status_code == 200, reply.text
        return {one["timestamp"]: one["value"] for one in reply.get_json()["values"]}

    def raw(self, path: str, method: str = "GET", **more: Any) -> TestResponse:
        return self._client.open(f"/solaredge{path}", method=method, **more)

    def set(self, **settings: Any) -> TestResponse:
        return self.raw("/__admin/settings", "POST", json=settings)


@pytest.fixture
def cloud(state: State) -> Cloud:
    return Cloud(state)


# --- the gateway in front --------------------------------------------------------------------------------------------


def test_no_credential_is_told_in_the_words_of_oauth(cloud):
    reply = cloud.get("/sites", headers={})
    assert (reply.status_code, reply.json["error"]) == (401, "invalid_request")
    assert reply.json["error_description"] == "The access token is missing"


def test_a_wrong_or_revoked_key_is_a_problem(cloud):
    cloud.set(revoked=["sandbox-other-key"])
    for key in ("guessed", "sandbox-other-key"):
        reply = cloud.get("/sites", headers={"X-API-Key": key})
        assert (reply.status_code, reply.json["detail"]) == (401, "Invalid API key")
        assert reply.content_type == "application/problem+json"


def test_a_bearer_token_that_nobody_issued_is_invalid(cloud):
    reply = cloud.get("/sites", headers={"Authorization": "Bearer abc"})
    assert (reply.status_code, reply.json["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    "path", ["/sites/list", "/site/1/overview", "/equipment/1/list", "/version/current", "/v1/sites"]
)
def test_everything_of_v1_is_gone(cloud, path):
    reply = cloud.raw(f"/api{path}", query_string={"api_key": "x"})
    assert (reply.status_code, reply.json["title"]) == (410, "Gone")


def test_every_reply_has_the_rate_headers_and_a_404_costs_a_call_too(cloud):
    cloud.set(minute=10)
    statuses = {}
    for path in ("/sites", "/nothing", f"/sites/{FOREIGN}", "/sites/9", f"/sites/{COTTAGE}/power-flow"):
        reply = cloud.get(path)
        statuses[reply.status_code] = reply.headers["x-ratelimit-remaining-minute"]
        assert reply.headers["x-ratelimit-limit-minute"] == "10"
    assert statuses == {200: "9", 403: "5", 404: "6"}
    assert "x-ratelimit-limit-minute" in cloud.get("/sites", headers={}).headers
    assert "x-ratelimit-limit-minute" in cloud.raw("/api/sites/list").headers


def test_a_minute_that_is_used_up_says_how_long_to_wait(cloud):
    cloud.set(minute=1)
    assert cloud.get("/sites").status_code == 200
    reply = cloud.get("/sites")
    assert (reply.status_code, reply.json) == (429, {"message": "API rate limit exceeded"})
    assert (reply.headers["x-ratelimit-remaining-minute"], reply.headers["retry-after"]) == ("0", "29")
    cloud.clock.set(NOW + timedelta(seconds=29), 0)
    assert cloud.get("/sites").status_code == 200


def test_a_month_that_is_used_up_says_nothing_but_429_until_the_next(cloud):
    cloud.set(month=1, minute=10)
    cloud.get("/sites")
    reply = cloud.get("/sites")
    assert (reply.status_code, reply.headers["x-ratelimit-remaining-minute"]) == (429, "9")
    assert "retry-after" not in reply.headers
    cloud.clock.set(datetime(2026, 7, 1, tzinfo=UTC), 0)
    assert cloud.get("/sites").status_code == 200


def test_each_key_has_its_own_count_and_the_ledger_shows_it(cloud):
    cloud.get("/sites")
    cloud.get("/sites")
    cloud.get("/sites", headers={"X-API-Key": "sandbox-other-key"})
    used = {row["key"]: row["in_month"] for row in cloud.raw("/__admin/ledger").json}
    assert used == {"sandbox-fleet-key": 2, "sandbox-other-key": 1}


def test_counts_and_settings_outlive_the_process(state):
    Cloud(state).set(month=1)
    assert Cloud(state).get("/sites").status_code == 200
    assert Cloud(state).get("/sites").status_code == 429
    Cloud(state).raw("/__admin/settings", "DELETE")
    assert Cloud(state).get("/sites").status_code == 200


@pytest.mark.parametrize("settings", [{"minutes": 3}, [], "fast"])
def test_a_setting_nobody_knows_is_refused(cloud, settings):
    assert cloud.raw("/__admin/settings", "POST", json=settings).status_code == 400
    assert cloud.raw("/__admin/magic").status_code == 404


def test_only_get_is_answered(cloud):
    assert cloud.raw("/api/v2/sites", "POST", headers=KEY).status_code == 405


# --- sites and devices -----------------------------------------------------------------------------------------------


def test_sites_come_in_pages(cloud):
    whole = cloud.get("/sites").json["sites"]
    assert (whole["count"], [site["siteId"] for site in whole["site"]]) == (3, [COTTAGE, HYBRID, FARM])
    pages = [cloud.get("/sites", page=page, sites__in__page=2).json["sites"]["site"] for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [2, 1, 0]
    assert pages[0] + pages[1] == whole["site"]


@pytest.mark.parametrize("query", [{"page": 0}, {"page": "x"}, {"sites__in__page": 1001}, {"sites__in__page": 0}])
def test_a_page_that_cannot_be_is_a_bad_request(cloud, query):
    assert cloud.get("/sites", **query).status_code == 400


def test_another_fleet_has_other_sites_one_of_them_pending(cloud):
    sites = cloud.get("/sites", headers={"X-API-Key": "sandbox-other-key"}).json["sites"]["site"]
    assert [site["activationStatus"] for site in sites] == ["ACTIVE", "PENDING"]


def test_a_site_of_another_fleet_is_forbidden_and_an_unknown_one_not_found(cloud):
    assert cloud.get(f"/sites/{FOREIGN}").json["detail"] == "No access to this site"
    assert cloud.get("/sites/77/power").status_code == 404


def test_a_site_that_left_is_not_listed_and_forbidden(cloud):
    cloud.set(left=[COTTAGE])
    assert cloud.get("/sites").json["sites"]["count"] == 2
    assert cloud.get(f"/sites/{COTTAGE}/power").status_code == 403


def test_details_know_the_zone(cloud):
    details = cloud.get(f"/sites/{FARM}").json
    assert details["location"]["timezone"] == "Pacific/Auckland"
    assert details["lastUpdateTime"] == "2026-06-11T00:07:31+12:00"


def test_devices_are_inverters_unless_types_are_asked_for(cloud):
    def found(**query: Any) -> list[Any]:
        return [device["type"] for device in cloud.get(f"/sites/{HYBRID}/devices", **query).json]

    assert found() == ["INVERTER"]
    assert found(types=["METER", "BATTERY"]) == ["BATTERY", "METER", "METER", "METER", "METER"]
    assert found(types="BATTERY,INVERTER") == ["INVERTER", "BATTERY"]
    assert found(types="EV_CHARGER") == []
    assert cloud.get(f"/sites/{HYBRID}/devices", types="TOASTER").status_code == 400


def test_the_grid_meter_is_listed_once_per_direction_and_computed_meters_have_no_serial(cloud):
    meters = cloud.get(f"/sites/{HYBRID}/devices", types="METER").json
    assert [(meter["meterType"], meter["serialNumber"]) for meter in meters] == [
        ("FeedIn", "5118719"),
        ("Purchased", "5118719"),
        ("Production", "5118720"),
        ("Consumption", None),
    ]


def test_alerts_can_be_asked_for_open_ones_only(cloud):
    assert [alert["siteId"] for alert in cloud.get("/alerts").json] == [HYBRID]
    assert cloud.get(f"/sites/{HYBRID}/alerts", only__open="true").json == []
    assert cloud.get("/alerts", alerts__in__page=101).status_code == 400


def test_power_flow_is_of_another_tier(cloud):
    reply = cloud.get(f"/sites/{HYBRID}/power-flow")
    assert (reply.status_code, reply.content_type) == (403, "application/problem+json")
    assert "tier" in reply.json["detail"]


def test_a_misspelled_path_is_an_unknown_endpoint(cloud):
    reply = cloud.get(f"/sites/{HYBRID}/powerDetails")
    assert (reply.status_code, reply.json["detail"]) == (404, "Unknown endpoint")
    assert reply.json.keys() == {"type", "title", "status", "detail", "traceId"}


# --- windows and buckets ---------------------------------------------------------------------------------------------


def test_by_default_a_day_is_answered_from_local_midnight_until_now_without_a_cap(cloud):
    reply = cloud.get(f"/sites/{COTTAGE}/power").json
    assert reply["period"] == {"from": "2026-06-10T00:00:00+02:00", "to": "2026-06-10T14:07:31.160789237+02:00"}
    assert (reply["unit"], reply["resolution"], len(reply["values"])) == ("W", "QUARTER_HOUR", 57)


def test_night_is_null_waking_up_is_zero_and_the_open_bucket_is_null(cloud):
    values = list(cloud.values(COTTAGE, "power").values())
    first = next(index for index, value in enumerate(values) if value is not None)
    assert values[first] == 0.0
    assert all(value is None for value in values[:first])
    assert all(value is not None for value in values[first:-1])
    assert values[-1] is None


def test_a_bucket_is_known_ninety_seconds_after_its_end(cloud):
    for second, known in (89, False), (91, True):
        cloud.clock.set(datetime(2026, 6, 10, 12, 0, tzinfo=UTC) + timedelta(seconds=second), 0)
        assert (cloud.values(COTTAGE, "power")["2026-06-10T13:45:00+02:00"] is not None) is known


@pytest.mark.parametrize("resource", TELEMETRY)
@pytest.mark.parametrize(
    "query,status",
    [
        ({"from_": "2026-06-10T00:00:00Z", "to": "2026-06-10T12:00:00Z"}, 200),
        ({"from_": "2026-06-10T00:00:00Z", "to": "2026-06-10T12:00:01Z"}, 400),
        ({"from_": "2026-06-09T00:00:00", "to": "2026-06-10T00:00:00", "resolution": "HOUR"}, 200),
        ({"from_": "2026-06-09T00:00:00", "to": "2026-06-10T00:00:01", "resolution": "HOUR"}, 400),
        ({"from_": "2026-05-01", "to": "2026-06-01", "resolution": "DAY"}, 200),
        ({"from_": "2026-05-01", "to": "2026-06-02", "resolution": "DAY"}, 400),
        ({"from_": "2026-06-01", "to": "2026-06-10", "resolution": "YEAR"}, 200),
        ({"from_": "2026-06-10", "to": "2026-06-10"}, 400),
        ({"from_": "last tuesday"}, 400),
        ({"resolution": "MINUTE"}, 400),
    ],
)
def test_windows_are_capped_by_resolution_and_checked(cloud, resource, query, status):
    assert cloud.get(f"/sites/{HYBRID}/{resource}", **query).status_code == status


def test_the_cap_of_quarter_hours_can_be_set(cloud):
    cloud.set(window_hours=24 * 7)
    week = {"from_": "2026-06-03T00:00:00Z", "to": "2026-06-10T00:00:00Z"}
    assert len(cloud.values(COTTAGE, "power", **week)) == 7 * 96


def test_a_time_without_offset_is_site_time_and_replies_have_offsets(cloud):
    naive = cloud.get(f"/sites/{FARM}/power", from_="2026-06-10T10:00:00", to="2026-06-10T10:30:00").json
    aware = cloud.get(f"/sites/{FARM}/power", from_="2026-06-09T22:00:00Z", to="2026-06-10T10:30:00+12:00").json
    assert naive == aware
    assert [one["timestamp"] for one in naive["values"]] == ["2026-06-10T10:00:00+12:00", "2026-06-10T10:15:00+12:00"]


def test_the_hour_that_comes_twice_differs_only_by_its_offset(cloud):
    cloud.clock.set(datetime(2026, 11, 1, tzinfo=UTC), 0)
    stamps = list(cloud.values(COTTAGE, "power", from_="2026-10-25T01:00:00Z", to="2026-10-25T02:00:00Z"))
    before = list(cloud.values(COTTAGE, "power", from_="2026-10-25T00:00:00Z", to="2026-10-25T01:00:00Z"))
    assert [stamp[:19] for stamp in before] == [stamp[:19] for stamp in stamps]
    assert {stamp[19:] for stamp in before} == {"+02:00"}
    assert {stamp[19:] for stamp in stamps} == {"+01:00"}


def test_days_begin_at_local_midnight_on_both_sides_of_a_clock_change(cloud):
    days = cloud.values(COTTAGE, "energy", from_="2026-03-28", to="2026-03-31", resolution="DAY")
    assert list(days) == ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]


def test_coarser_buckets_are_means_of_power_and_sums_of_energy(cloud):
    window = {"from_": "2026-06-10T08:00:00Z", "to": "2026-06-10T09:00:00Z"}
    power = [value or 0 for value in cloud.values(COTTAGE, "power", **window).values()]
    energy = [value or 0 for value in cloud.values(COTTAGE, "energy", **window).values()]
    (hour,) = cloud.values(COTTAGE, "power", **window, resolution="HOUR").values()
    assert hour == pytest.approx(sum(power) / 4, abs=0.001)
    assert list(cloud.values(COTTAGE, "energy", **window, resolution="HOUR").values()) == [sum(energy)]


def test_the_total_begins_where_the_data_begin(cloud):
    cloud.clock.set(datetime(2026, 3, 4, tzinfo=UTC), 0)
    reply = cloud.get(f"/sites/{COTTAGE}/energy", from_="2000-01-01", resolution="TOTAL").json
    assert reply["period"]["from"] == "2026-03-02T00:00:00+01:00"
    assert len(reply["values"]) == 1


def test_values_come_in_the_unit_that_was_asked_for_and_a_wrong_unit_is_refused(cloud):
    window = {"from_": "2026-06-10T08:00:00Z", "to": "2026-06-10T08:15:00Z"}
    (watts,), (kilowatts,) = (cloud.values(COTTAGE, "power", **window, unit=unit).values() for unit in ("W", "KW"))
    assert kilowatts == pytest.approx((watts or 0) / 1000)
    assert cloud.get(f"/sites/{COTTAGE}/energy", unit="KW").status_code == 400


def test_the_unit_is_not_honored_by_meters(cloud):
    meters = cloud.get(f"/sites/{HYBRID}/meters/telemetry", unit="KWH", from_="2026-06-10T10:00:00Z").json["meters"]
    assert {series["unit"] for series in meters["5118719"].values()} == {"W", "WH"}


def test_a_gap_is_null_until_the_data_arrive(cloud):
    window = {"from_": "2026-06-10T08:00:00Z", "to": "2026-06-10T08:30:00Z"}
    cloud.set(gaps=[{"site": COTTAGE, "from": "2026-06-10T08:00:00Z", "to": "2026-06-10T08:15:00Z"}])
    (lost, kept) = cloud.values(COTTAGE, "power", **window).values()
    assert (lost is None, kept is None) == (True, False)
    cloud.set(gaps=[])
    assert None not in cloud.values(COTTAGE, "power", **window).values()


# --- telemetry -------------------------------------------------------------------------------------------------------


def test_without_meter_or_battery_telemetry_is_empty(cloud):
    assert cloud.get(f"/sites/{COTTAGE}/meters/telemetry", from_="2026-06-10T10:00:00Z").json["meters"] == {}
    assert cloud.get(f"/sites/{COTTAGE}/storage/telemetry", from_="2026-06-10T10:00:00Z").json["storage"] == {}


def test_a_production_meter_has_no_import_and_export(cloud):
    meters = cloud.get(f"/sites/{HYBRID}/meters/telemetry", from_="2026-06-10T10:00:00Z").json["meters"]
    assert set(meters["5118719"]) == {"importEnergy", "importPower", "exportEnergy", "exportPower"}
    assert set(meters["5118720"]) == {"productionEnergy", "productionPower"}


def test_storage_tells_its_state_in_percent(cloud):
    storage = cloud.get(f"/sites/{HYBRID}/storage/telemetry", from_="2026-06-10T06:00:00Z").json["storage"]["BT000002"]
    assert storage["stateOfEnergy"]["unit"] == "PERCENTAGE"
    states = [one["value"] for one in storage["stateOfEnergy"]["values"] if one["value"] is not None]
    assert 1 < max(states) <= 100
    assert {series["unit"] for series in storage.values()} == {"W", "WH", "PERCENTAGE"}


def test_voltage_is_stamped_at_the_end_of_a_bucket_and_power_at_its_start(cloud):
    window = {"from_": "2026-06-10T08:00:00Z", "to": "2026-06-10T08:15:00Z"}
    series = cloud.get(f"/sites/{COTTAGE}/inverters/telemetry", **window).json["inverters"]["7E000001-A1"]
    assert series["power"]["values"][0]["timestamp"] == "2026-06-10T10:00:00+02:00"
    assert series["voltage"]["values"][0]["timestamp"] == "2026-06-10T10:15:00+02:00"


def test_a_hybrid_inverter_delivers_pv_less_what_the_battery_takes(cloud):
    window = {"from_": "2026-06-10T06:00:00Z", "to": "2026-06-10T06:15:00Z"}
    (pv,) = cloud.values(HYBRID, "power", **window).values()
    inverter = cloud.get(f"/sites/{HYBRID}/inverters/telemetry", **window).json["inverters"]["7B000002-B2"]
    battery = cloud.get(f"/sites/{HYBRID}/storage/telemetry", **window).json["storage"]["BT000002"]
    charge, discharge = (battery[name]["values"][0]["value"] for name in ("chargePower", "dischargePower"))
    assert inverter["power"]["values"][0]["value"] == pytest.approx((pv or 0) - charge + discharge, abs=0.01)
    assert charge != discharge


def test_the_overview_is_the_sum_of_today_and_null_where_nothing_measures(cloud):
    overview = cloud.get(f"/sites/{COTTAGE}/overview").json
    energy = sum(value or 0 for value in cloud.values(COTTAGE, "energy").values())
    assert overview["production"] == {
        "total": energy, "unit": "WH", "toSelfConsumption": None, "toStorage": None, "toGrid": None,
    }  # fmt: skip
    assert overview["consumption"]["total"] is None
    assert cloud.get(f"/sites/{HYBRID}/overview").json["consumption"]["total"] > 0


def test_benefits_know_two_systems_of_units(cloud):
    assert cloud.get(f"/sites/{COTTAGE}/environmental-benefits", unit="IMPERIAL").json.keys() == {
        "co2Emissions",
        "evMiles",
    }
    assert cloud.get(f"/sites/{COTTAGE}/environmental-benefits", unit="FURLONG").status_code == 400


# --- the recorded home -----------------------------------------------------------------------------------------------


@pytest.fixture
def replay(state: State) -> Cloud:
    if not RECORDINGS.is_dir():
        pytest.skip("no recorded replies in ../shared/recordings/solaredge beside the checkout")
    cloud = Cloud(state, RECORDINGS)
    cloud.clock.set(datetime(2026, 11, 20, tzinfo=UTC), 0)
    return cloud


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / f"live-{name}.json").read_bytes())


@pytest.mark.parametrize("resource", ["power", "energy"])
def test_the_recorded_day_is_replayed_value_by_value(replay, resource):
    halves = (("00", "12"), ("12", "17"))
    answered: dict[str, float | None] = {}
    for start, end in halves:
        query = {"from_": f"2026-08-24T{start}:00:00+01:00", "to": f"2026-08-24T{end}:15:00+01:00"}
        replay.set(window_hours=13)
        answered |= replay.values(REPLAYED, resource, **query)
    assert answered == {one["timestamp"]: one["value"] for one in recorded(resource)["values"]}


def test_the_recorded_home_is_silent_on_other_days_and_the_period_is_the_one_asked_for(replay):
    query = {"from_": "2026-08-25T10:00:00+01:00", "to": "2026-08-25T11:00:00+01:00"}
    assert set(replay.values(REPLAYED, "power", **query).values()) == {None}
    period = {"from": query["from_"], "to": query["to"]}
    assert replay.get(f"/sites/{REPLAYED}/power", **query).get_json()["period"] == period


def test_the_recorded_home_is_listed_and_equipped_as_recorded(replay):
    assert replay.get("/sites").get_json()["sites"]["site"][-1] == recorded("sites")["sites"]["site"][0]
    assert replay.get(f"/sites/{REPLAYED}/devices").json == recorded("devices")
    assert replay.get(f"/sites/{REPLAYED}/devices", types="METER").json == []
    assert replay.get(f"/sites/{REPLAYED}/overview").json == recorded("overview")
    assert replay.get(f"/sites/{REPLAYED}/alerts").json == recorded("alerts")


def test_a_folder_that_is_not_there_adds_no_home(state, tmp_path):
    assert Cloud(state, tmp_path / "missing").get("/sites").get_json()["sites"]["count"] == 3
