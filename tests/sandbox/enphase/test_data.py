"""Enphase's stand-in: the figures of a home agree with each other, and windows and late data are as documented."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.state import State
from tests.sandbox.enphase.cloud import NOW, Cloud, Home

QUARTER = 900
DAYS_BEFORE = 30
TODAY = "2026-06-10"
NIGHT = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)  # 3:30 in Amsterdam, where `ok` lives


def at(text: str, home: Home) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(home.entry["timezone"])).timestamp())


# --- figures that agree ----------------------------------------------------------------------------------------------


def test_what_comes_in_goes_out_in_every_quarter_hour(home: Home):
    names = {
        "telemetry/production_meter": "wh_del",
        "energy_import_telemetry": "wh_imported",
        "energy_export_telemetry": "wh_exported",
        "telemetry/consumption_meter": "enwh",
    }
    day = "2026-06-08"
    wh = {name: {row["end_at"]: row[field] for row in home.rows(name, start_date=day)} for name, field in names.items()}
    battery = {row["end_at"]: row for row in home.rows("telemetry/battery", start_date=day)}
    assert len(battery) == 96
    for end, row in battery.items():
        came = wh["telemetry/production_meter"][end] + wh["energy_import_telemetry"][end] + row["discharge"]["enwh"]
        went = wh["telemetry/consumption_meter"][end] + wh["energy_export_telemetry"][end] + row["charge"]["enwh"]
        assert came == went
    assert max(wh["telemetry/production_meter"].values()) > 300
    assert 0 in wh["telemetry/production_meter"].values()
    assert {row["soc"]["percent"] for row in battery.values()} <= set(range(101))


@pytest.mark.parametrize(
    "telemetry,lifetime,pick",
    [
        ("telemetry/production_meter", ("energy_lifetime", "production"), lambda row: row["wh_del"]),
        ("telemetry/consumption_meter", ("consumption_lifetime", "consumption"), lambda row: row["enwh"]),
        ("telemetry/battery", ("battery_lifetime", "charge"), lambda row: row["charge"]["enwh"]),
        ("telemetry/battery", ("battery_lifetime", "discharge"), lambda row: row["discharge"]["enwh"]),
        ("energy_import_telemetry", ("energy_import_lifetime", "import"), lambda row: row["wh_imported"]),
        ("energy_export_telemetry", ("energy_export_lifetime", "export"), lambda row: row["wh_exported"]),
    ],
    ids=["production", "consumption", "charge", "discharge", "import", "export"],
)
def test_the_days_of_a_lifetime_are_the_sums_of_their_intervals(home: Home, telemetry: str, lifetime: Any, pick: Any):
    path, name = lifetime
    answered = home.ask(path, start_date="2026-06-08")
    assert answered["start_date"] == "2026-06-08"
    sums = [sum(map(pick, home.rows(telemetry, start_date=day))) for day in ("2026-06-08", "2026-06-09")]
    assert answered[name] == sums
    assert home.ask(path, start_date=TODAY)[name] == [sum(map(pick, home.rows(telemetry)))]
    assert len(home.ask(path)[name]) == DAYS_BEFORE


def test_the_summary_ends_its_lifetime_the_day_before(home: Home):
    today, yesterday = home.ask("summary"), home.ask("summary", summary_date="2026-06-09")
    assert yesterday["energy_lifetime"] + yesterday["energy_today"] == today["energy_lifetime"]
    assert today["energy_lifetime"] == sum(home.ask("energy_lifetime")["production"])
    rows = home.rows("telemetry/production_meter")
    assert today["energy_today"] == sum(row["wh_del"] for row in rows)
    assert (today["current_power"], today["last_interval_end_at"]) == (rows[-1]["wh_del"] * 4, rows[-1]["end_at"])
    assert today["battery_capacity_wh"] == 5000
    assert {yesterday[name] for name in ("modules", "size_w", "current_power")} == {0}
    assert home.status("summary", summary_date="2026-06-11") == 422


def test_the_meters_readings_are_lifetime_counters(home: Home):
    summary, counter = home.ask("summary"), home.ask("production_meter_readings")["meter_readings"][0]
    assert counter["value"] == summary["energy_lifetime"] + summary["energy_today"]
    assert counter["serial_number"].endswith("EIM1")
    midnight = at(TODAY, home)
    before = home.ask("production_meter_readings", end_at=midnight)["meter_readings"][0]
    assert (before["value"], before["read_at"]) == (summary["energy_lifetime"], midnight)
    assert home.ask("consumption_meter_readings")["meter_readings"][0]["serial_num"].endswith("EIM2")
    storage = home.ask("storage_meter_readings", end_at=midnight)["meter_readings"][0]
    assert storage["value_charged"] == sum(home.ask("battery_lifetime")["charge"])
    assert home.status("production_meter_readings", end_at="soon") == 422


def test_latest_power_counts_the_battery_into_the_consumption(home: Home):
    devices = home.ask("latest_telemetry")["devices"]
    power = {row["name"]: row["power"] for row in devices["meters"] if row["channel"] == 1}
    assert [row["power"] for row in devices["meters"] if row["channel"] == 2] == [None, None]
    [battery] = devices["encharges"]
    assert power["consumption"] - battery["power"] == home.rows("telemetry/consumption_meter")[-1]["enwh"] * 4
    assert battery["operational_mode"] in ("Charging", "Discharging", "Idle")


def test_latest_power_of_more_than_a_week_ago_is_null(cloud: Cloud, home: Home):
    gap = {"system": home.entry["system_id"], "from": "2026-06-01T00:00:00Z", "to": "2026-06-11T00:00:00Z"}
    cloud.admin("settings", gaps=[gap])
    assert {row["power"] for row in home.ask("latest_telemetry")["devices"]["meters"]} == {None}


def test_microinverters_are_about_a_percent_off_the_meter(home: Home):
    every = home.ask("energy_lifetime", production="all")
    assert every["meter_production"] == every["production"]
    assert 1.005 < sum(every["micro_production"]) / sum(every["production"]) < 1.015


def test_a_home_without_meters_has_microinverters_alone(two: tuple[Home, Home]):
    _, micro = two
    for name in ("production_meter", "consumption_meter", "battery"):
        answered = micro.ask(f"telemetry/{name}")
        assert (answered["total_devices"], answered["intervals"]) == (0, [])
    assert micro.ask("energy_import_lifetime")["import"] == []
    assert micro.ask("production_meter_readings")["meter_readings"] == []
    summary = micro.ask("summary")
    assert (summary["source"], summary["modules"]) == ("microinverters", 12)
    yesterday = micro.rows("telemetry/production_micro", start_date="2026-06-09")
    assert sum(row["enwh"] for row in yesterday) == micro.ask("energy_lifetime")["production"][-1] > 0


def test_single_devices_share_what_their_home_has(two: tuple[Home, Home]):
    home, _ = two
    devices, day = home.ask("devices")["devices"], {"start_date": "2026-06-08"}
    one = home.rows(f"devices/encharges/{devices['encharges'][0]['serial_number']}/telemetry", **day)
    both = home.rows("telemetry/battery", **day)
    assert [row["charge"]["enwh"] for row in one] == [row["charge"]["enwh"] // 2 for row in both]
    micro = home.rows(f"devices/micros/{devices['micros'][0]['serial_number']}/telemetry", **day)
    assert [row["end_at"] for row in micro] == [row["end_at"] for row in home.rows("telemetry/production_micro", **day)]
    assert home.status("devices/micros/1/telemetry") == 422


# --- windows ---------------------------------------------------------------------------------------------------------


def test_the_default_window_is_the_local_day_so_far(home: Home):
    answered, midnight = home.ask("telemetry/production_meter"), at(TODAY, home)
    assert (answered["granularity"], answered["start_at"], answered["end_at"]) == ("day", midnight, NOW.timestamp())
    ends = [row["end_at"] for row in answered["intervals"]]
    assert ends == list(range(midnight + QUARTER, int(NOW.timestamp()), QUARTER))
    assert "meta" not in answered
    assert "meta" in home.ask("telemetry/consumption_meter")


def test_import_and_export_come_one_level_deeper_unless_switched(cloud: Cloud, home: Home):
    answered = home.ask("energy_import_telemetry", start_date="2026-06-09")
    assert answered["total_devices"] == 0
    assert [len(rows) for rows in answered["intervals"]] == [96]
    cloud.admin("settings", nested=["telemetry/production_meter"])
    assert len(home.ask("energy_import_telemetry", start_date="2026-06-09")["intervals"]) == 96
    assert len(home.ask("telemetry/production_meter", start_date="2026-06-09")["intervals"]) == 1


def test_a_window_is_as_long_as_its_granularity(home: Home):
    start = at("2026-06-01T10:07", home)
    assert [row["end_at"] for row in home.rows("telemetry/battery", start_at=start, granularity="15mins")] == [
        at("2026-06-01T10:15", home)
    ]
    assert len(home.rows("telemetry/battery", start_at=start, granularity="week")) == 672
    assert len(home.rows("telemetry/production_micro", start_at=start, granularity="15mins")) == 3
    for name in ("energy_import_telemetry", "telemetry/production_micro"):
        assert home.status(name, granularity="week") == 422


def test_the_date_form_is_echoed_as_dates(home: Home):
    answered = home.ask("telemetry/battery", start_date="2026-06-08")
    assert (answered["start_date"], answered["end_date"]) == ("2026-06-08", "2026-06-09")
    assert "start_at" not in answered


def test_a_start_before_the_first_report_becomes_the_midnight_of_that_day(home: Home):
    operational = home.entry["operational_at"]
    assert home.ask("telemetry/battery", start_date="2025-01-01")["start_date"] == date(2026, 5, 11).isoformat()
    assert home.ask("telemetry/battery", start_at=operational - 10**6)["start_at"] == operational


def test_between_the_newest_interval_and_now_there_is_an_empty_list(home: Home):
    reply = home.ask("telemetry/battery", start_at=int(NOW.timestamp()) - 60)
    assert reply["intervals"] == []
    assert home.ask("energy_import_telemetry", start_at=int(NOW.timestamp()))["intervals"] == [[]]


@pytest.mark.parametrize(
    "query",
    [
        {"start_at": int(NOW.timestamp()) + 1},
        {"start_at": int(NOW.timestamp()) - 732 * 86_400},
        {"start_date": "2026-06-11"},
        {"start_date": "10.6.2026"},
        {"start_date": "0001-01-01"},
        {"start_date": "9999-12-31", "granularity": "week"},
        {"start_at": "now"},
        {"granularity": "month"},
    ],
    ids=str,
)
def test_an_impossible_window_is_unprocessable(home: Home, query: dict[str, Any]):
    assert home.status("telemetry/production_meter", **query) == 422


def test_a_refused_window_says_what_there_is(cloud: Cloud, home: Home):
    reply = cloud.get(f"{home.path}/telemetry/battery", home.access, start_at=int(NOW.timestamp()) + 60)
    details = reply.get_json()["details"]
    assert details.startswith(
        "Invalid request because of 'Requested date range is invalid for this system. {:start_at=>"
    )
    assert f":first_interval=>{home.entry['operational_at'] + QUARTER}" in details


@pytest.mark.parametrize("wrong", [{"start_date": TODAY, "end_date": "2026-06-01"}, {"end_date": "2026-06-11"}])
def test_days_that_are_not_there_are_unprocessable(home: Home, wrong: dict[str, Any]):
    assert home.status("energy_lifetime", **wrong) == 422


@pytest.mark.parametrize("day,rows", [("2026-10-24", 96), ("2026-10-25", 100)])
def test_the_day_of_a_clock_change_is_as_long_as_it_is(state: State, day: str, rows: int):
    cloud = Cloud(state, datetime(2026, 10, 27, 12, tzinfo=UTC))
    home = Home(cloud)
    assert len(home.rows("telemetry/production_meter", start_date=day)) == rows
    assert len(home.ask("energy_lifetime", start_date=day, end_date=day)["production"]) == 1


# --- what has arrived ------------------------------------------------------------------------------------------------


def test_an_interval_arrives_some_time_after_its_end(cloud: Cloud, home: Home):
    newest = home.rows("telemetry/production_meter")[-1]["end_at"]
    assert newest == int(NOW.timestamp()) // QUARTER * QUARTER
    cloud.admin("settings", upload_s=600)
    assert home.rows("telemetry/production_meter")[-1]["end_at"] == newest - QUARTER


def test_late_devices_make_an_interval_grow(cloud: Cloud, two: tuple[Home, Home]):
    home, _ = two
    battery, micro = home.rows("telemetry/battery")[-1], home.rows("telemetry/production_micro")[-1]
    assert (battery["soc"]["devices_reporting"], micro["devices_reporting"]) == (1, 19)
    assert home.ask("telemetry/battery")["total_devices"] == 2
    cloud.clock.set(NOW + timedelta(minutes=30), 0)
    later = next(row for row in home.rows("telemetry/production_micro") if row["end_at"] == micro["end_at"])
    assert later["devices_reporting"] == 20
    assert later["enwh"] > micro["enwh"]


def test_a_gap_is_left_out_and_missing_from_the_sums(cloud: Cloud, home: Home):
    whole = home.ask("energy_lifetime", start_date="2026-06-09")["production"][0]
    gap = {"system": home.entry["system_id"], "from": "2026-06-09T09:00:00Z", "to": "2026-06-09T11:00:00Z"}
    cloud.admin("settings", gaps=[gap])
    rows = home.rows("telemetry/production_meter", start_date="2026-06-09")
    assert len(rows) == 88
    assert sum(row["wh_del"] for row in rows) == home.ask("energy_lifetime", start_date="2026-06-09")["production"][0]
    assert home.ask("energy_lifetime", start_date="2026-06-09")["production"][0] < whole


def test_a_home_that_fell_silent_has_an_old_last_report(cloud: Cloud, home: Home):
    gap = {"system": home.entry["system_id"], "from": "2026-06-10T06:00:00Z", "to": "2027-01-01T00:00:00Z"}
    cloud.admin("settings", gaps=[gap])
    meta = home.ask("telemetry/battery")["meta"]
    assert meta["last_energy_at"] == int(datetime(2026, 6, 10, 6, tzinfo=UTC).timestamp())
    assert meta["last_energy_at"] <= meta["last_report_at"] < NOW.timestamp() - 3600


def test_at_night_the_meter_says_zero_and_the_microinverters_nothing(state: State):
    home = Home(Cloud(state, NIGHT))
    window = {"start_at": int(NIGHT.timestamp()) - 5400}
    assert {row["wh_del"] for row in home.rows("telemetry/production_meter", **window)} == {0}
    assert home.rows("telemetry/production_micro", **window) == []
    assert home.ask("summary")["current_power"] == 0


def test_a_site_of_five_minutes_says_the_same_in_smaller_pieces(cloud: Cloud, home: Home):
    quarters = [row["wh_del"] for row in home.rows("telemetry/production_meter", start_date="2026-06-09")]
    cloud.admin("settings", meter_interval_s=300)
    fives = [row["wh_del"] for row in home.rows("telemetry/production_meter", start_date="2026-06-09")]
    assert [sum(fives[number : number + 3]) for number in range(0, 288, 3)] == quarters


def test_a_clock_that_is_set_back_finds_the_home_there_too(cloud: Cloud, home: Home):
    cloud.clock.set(datetime(2026, 1, 15, 12, tzinfo=UTC), 0)
    assert Home(cloud).rows("telemetry/production_meter")
