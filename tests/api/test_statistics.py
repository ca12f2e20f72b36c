"""A home's energies over time, and a day's totals to reconcile with."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from ingest import sharing
from ingest.models import Der
from ingest.readings import Kind, Reading
from tests import factories
from tests.api import homes
from tests.api.calling import backend
from tests.factories import NOW

WINDOW = {"from": "2026-06-15T12:00:00Z", "to": "2026-06-15T14:00:00Z", "resolution": "1h"}


@pytest.fixture
def villa(db):
    """A home with everything: in each of two hours 4,000 Wh are made, 700 kept, 2,950 sold and 10 bought."""
    system = homes.sending(timezone="Europe/Stockholm")
    homes.measure(system.ders.get(), homes.hours(NOW, 2, energy_out_wh=4000))
    battery = homes.add(system, Kind.BATTERY)
    charging = homes.hours(NOW, 2, energy_in_wh=700, energy_out_wh=0)
    homes.measure(battery, [dataclasses.replace(reading, soc=0.5) for reading in charging])
    homes.measure(homes.add(system, Kind.METER), homes.hours(NOW, 2, energy_in_wh=10, energy_out_wh=2950))
    return system


def series(system, query=None, **more):
    api = backend(system.connection.partner)
    return api.get(f"gateways/{system.gateway.serial}/statistics", {**(query or WINDOW), **more})


def energy(system, day):
    return backend(system.connection.partner).get(f"gateways/{system.gateway.serial}/energy", {"date": day})


def consumption(system):
    return [row["consumption_wh"] for row in series(system).json()["data"]]


def test_what_a_home_used_is_what_came_less_what_went(villa):
    found = series(villa).json()
    assert (found["gateway"], found["timezone"], found["resolution"]) == (
        villa.gateway.serial,
        "Europe/Stockholm",
        "1h",
    )
    assert found["data"][0] == {
        "start": "2026-06-15T12:00:00Z", "end": "2026-06-15T13:00:00Z", "generation_wh": 4000, "import_wh": 10,
        "export_wh": 2950, "charge_wh": 700, "discharge_wh": 0, "consumption_wh": 360, "soc": 0.5, "complete": True,
    }  # fmt: skip
    assert len(found["data"]) == 2


def test_hours_that_were_not_read_yet_are_not_complete_and_not_known(villa):
    last = series(villa, to="2026-06-15T15:00:00Z").json()["data"][-1]
    assert last == {
        **dict.fromkeys(last, None), "start": "2026-06-15T14:00:00Z", "end": "2026-06-15T15:00:00Z", "complete": False,
    }  # fmt: skip


def test_without_one_part_nobody_knows_what_was_used(villa):
    assert consumption(villa) == [360, 360]
    second = homes.add(villa, Kind.PV, "second")
    found = series(villa).json()["data"]
    assert [(row["generation_wh"], row["import_wh"], row["consumption_wh"]) for row in found] == [(None, 10, None)] * 2
    homes.measure(second, homes.hours(NOW, 1, energy_out_wh=1000))
    found = series(villa).json()["data"]
    assert [(row["generation_wh"], row["consumption_wh"]) for row in found] == [(5000, 1360), (None, None)]


def test_a_device_that_was_taken_down_before_is_missed_by_nobody(villa):
    homes.add(villa, Kind.PV, "old", gone_at=NOW)
    assert consumption(villa) == [360, 360]
    Der.objects.filter(sn="old").update(gone_at=NOW + timedelta(minutes=30))
    assert consumption(villa) == [None, 360]


def test_a_home_without_a_meter_does_not_know_what_it_used(villa):
    Der.objects.filter(kind="meter").update(gone_at=NOW - timedelta(days=1))
    villa.ders.get(kind="meter").readings.all().delete()
    (row, _) = series(villa).json()["data"]
    assert (row["generation_wh"], row["import_wh"], row["consumption_wh"]) == (4000, None, None)


def test_who_sells_more_than_there_was_has_a_part_that_is_not_connected(db):
    system = homes.sending()
    system.ders.all().delete()
    homes.measure(homes.add(system, Kind.METER), homes.hours(NOW, 1, energy_in_wh=0, energy_out_wh=500))
    row = series(system).json()["data"][0]
    assert (row["export_wh"], row["consumption_wh"]) == (500, None)


def test_what_an_owner_withholds_is_neither_shown_nor_guessed_from_the_rest(villa):
    sharing.withhold(connection=villa.connection, kinds=["battery"], by="test", now=NOW)
    (row, _) = series(villa).json()["data"]
    assert (row["generation_wh"], row["charge_wh"], row["soc"], row["consumption_wh"]) == (4000, None, None, None)


def test_the_charge_of_two_batteries_is_their_mean_and_unknown_without_one(villa):
    second = homes.add(villa, Kind.BATTERY, "second")
    homes.measure(second, [Reading(ts=NOW + timedelta(minutes=30), soc=0.8)])
    assert [row["soc"] for row in series(villa).json()["data"]] == [0.65, None]


@pytest.mark.parametrize("day,hours", [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_of_a_clock_change_have_their_own_hours(db, day, hours):
    system = homes.sending(timezone="Europe/Stockholm")
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=1 if hours == 23 else 2)
    homes.measure(system.ders.get(), homes.hours(start, hours, energy_out_wh=100))
    window = {"from": start.isoformat(), "to": (start + timedelta(hours=hours)).isoformat()}
    assert [row["generation_wh"] for row in series(system, window, resolution="1h").json()["data"]] == [100] * hours
    (whole,) = series(system, window, resolution="1d").json()["data"]
    assert (whole["generation_wh"], whole["complete"]) == (100 * hours, True)
    assert energy(system, day).json()["home"] == whole
    assert energy(system, day).json()["data"][0]["generation_wh"] == 100 * hours


def test_a_year_is_seen_by_day_or_month_and_a_month_by_the_hour(villa):
    year = {"from": "2025-07-01T00:00:00Z", "to": "2026-07-01T00:00:00Z"}
    months = series(villa, year, resolution="1mo").json()["data"]
    assert (len(months), months[-2]["start"], months[-2]["generation_wh"]) == (13, "2026-05-31T22:00:00Z", 8000)
    assert len(series(villa, year, resolution="1d").json()["data"]) == 366
    refused = series(villa, year, resolution="1h")
    assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (400, "window-too-long")


def test_buckets_come_in_pages(villa):
    first = series(villa, limit=1).json()
    second = series(villa, limit=1, cursor=first["next_cursor"]).json()
    assert [page["data"][0]["start"] for page in (first, second)] == ["2026-06-15T12:00:00Z", "2026-06-15T13:00:00Z"]
    assert second["next_cursor"] is None


def test_a_day_has_the_totals_of_the_home_and_of_each_device(villa):
    day = energy(villa, "2026-06-15").json()
    assert (day["gateway"], day["date"], day["timezone"]) == (villa.gateway.serial, "2026-06-15", "Europe/Stockholm")
    assert (day["home"]["consumption_wh"], day["home"]["complete"]) == (720, False)
    assert [(row["kind"], row["points"]) for row in day["data"]] == [("battery", 2), ("meter", 2), ("pv", 2)]
    assert day["data"][1] == {
        "sn": villa.ders.get(kind="meter").sn, "kind": "meter", "power_w": -2940, "import_wh": 20, "export_wh": 5900,
        "points": 2, "quality": "measured", "complete": False,
    }  # fmt: skip


@pytest.mark.parametrize("day", ["", "2026-02-30", "15.6.2026", "0001-01-01", "9999-12-31", "2026-06-15T00:00:00Z"])
def test_a_day_that_is_none_is_refused(villa, day):
    refused = energy(villa, day)
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (400, ["date"])


def test_a_home_of_another_partner_or_one_that_is_not_shown_is_not_there(villa):
    sharing.set_sharing(system=villa, sends=True, shown=False, by="test", now=NOW)
    assert [series(villa).status_code, energy(villa, "2026-06-15").status_code] == [404, 404]
    stranger = backend(factories.partner())
    for what in ("statistics", "energy?date=2026-06-15", "ders"):
        assert stranger.get(f"gateways/{villa.gateway.serial}/{what}").status_code == 404


def test_statistics_are_a_table_where_that_is_asked_for(villa):
    lines = series(villa, format="csv").content.decode("utf-8-sig").splitlines()
    assert lines[0] == (
        "start,end,generation_wh,import_wh,export_wh,charge_wh,discharge_wh,consumption_wh,soc,complete"
    )
    assert lines[1].endswith(",4000.0,10.0,2950.0,700.0,0.0,360.0,0.5,true")
