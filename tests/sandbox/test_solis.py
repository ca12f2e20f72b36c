"""The Solis stand-in is as strict as the real cloud is said to be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import Client, TestResponse

from sandbox.clock import Clock
from sandbox.server import Server, World
from sandbox.solis import Solis
from sandbox.state import State

NOON = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
PAGE = {"pageNo": 1, "pageSize": 100}
GRID, HYBRID = "120400000000001", "120400000000002"
QUOTA_TEXT = "No authority too many request 200 times in 1DAYS"


class Caller:
    """Signs as the vendor's document says, unless a test wants a fault in it."""

    def __init__(self, at: datetime = NOON) -> None:
        self.clock, self.state = Clock(at, speed=0), State()
        world = World(self.clock, self.state, {})
        self.http = Client(Server(world, {"solis": Solis(world)}))
        self.settings(per_second=1000)

    def settings(self, **wanted: Any) -> TestResponse:
        return self.http.post("/solis/__admin/settings", json=wanted)

    def post(
        self, name: str, body: Any, key: str = "sandbox", secret: str | None = None, **headers: str
    ) -> TestResponse:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "Content-MD5": base64.b64encode(hashlib.md5(content).digest()).decode(),  # noqa: S324  the vendor's choice
            "Content-Type": "application/json;charset=UTF-8",
            "Date": format_datetime(self.clock.now(), usegmt=True),
            **{header.replace("_", "-"): value for header, value in headers.items()},
        }
        signed = ["POST", sent["Content-MD5"], sent["Content-Type"], sent["Date"], f"/v1/api/{name}"]
        mac = hmac.new((secret or f"{key}-secret").encode(), "\n".join(signed).encode(), hashlib.sha1)
        sent.setdefault("Authorization", f"API {key}-key:{base64.b64encode(mac.digest()).decode()}")
        return self.http.post(f"/solis/api/v1/api/{name}", data=content, headers=sent)

    def data(self, name: str, body: Any, key: str = "sandbox") -> Any:
        reply = self.post(name, body, key).get_json()
        assert reply["code"] == "0", reply
        return reply["data"]

    def code(self, name: str, body: Any, **more: Any) -> str:
        return str(self.post(name, body, **more).get_json()["code"])

    def day(self, sn: str, day: str, key: str = "sandbox", zone: int = 2) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.data(
            "inverterDay", {"sn": sn, "money": "", "time": day, "timeZone": zone}, key
        )
        return rows


@pytest.fixture
def open_cloud() -> Iterator[Callable[..., Caller]]:
    opened: list[Caller] = []

    def open_one(at: datetime = NOON) -> Caller:
        opened.append(Caller(at))
        return opened[-1]

    yield open_one
    for caller in opened:
        caller.state._db.close()


@pytest.fixture
def solis(open_cloud: Callable[..., Caller]) -> Caller:
    return open_cloud()


# --- who asks --------------------------------------------------------------------------------------------------------


def test_a_signed_call_is_answered_in_the_envelope(solis: Caller):
    reply = solis.post("userStationList", PAGE)
    assert reply.status_code == 200
    assert {key: reply.get_json()[key] for key in ("success", "code", "msg")} == {
        "success": True,
        "code": "0",
        "msg": "success",
    }


def test_a_wrong_secret_is_refused(solis: Caller):
    assert solis.post("userStationList", PAGE, secret="other").status_code == 403


def test_a_signature_over_another_path_is_refused(solis: Caller):
    reply = solis.post("userStationList", PAGE)
    headers = {**reply.request.headers}
    moved = solis.http.post("/solis/api/v1/api/inverterList", data=json.dumps(PAGE), headers=headers)
    assert moved.status_code == 403


@pytest.mark.parametrize("authorization", ["", "API", "API sandbox-key", "Bearer sandbox-key:x", "API sandbox-key:é"])
def test_a_broken_authorization_is_refused(solis: Caller, authorization: str):
    assert solis.post("userStationList", PAGE, Authorization=authorization).status_code == 403


def test_an_unknown_key_has_no_authority(solis: Caller):
    assert solis.post("userStationList", PAGE, "nobody").get_json() == {
        "success": False,
        "code": "R0000",
        "msg": "No authority",
        "data": None,
    }


@pytest.mark.parametrize("minutes,status", [(-16, 408), (-14, 200), (14, 200), (16, 408)])
def test_the_date_may_be_15_minutes_off(solis: Caller, minutes: int, status: int):
    sent_at = format_datetime(NOON + timedelta(minutes=minutes), usegmt=True)
    assert solis.post("userStationList", PAGE, Date=sent_at).status_code == status


def test_the_real_time_is_a_good_date_too_and_both_move_with_the_skew(solis: Caller):
    real = format_datetime(datetime.now(UTC), usegmt=True)
    assert solis.post("userStationList", PAGE, Date=real).status_code == 200
    solis.settings(skew_s=1200)
    assert solis.post("userStationList", PAGE, Date=real).status_code == 408
    assert solis.post("userStationList", PAGE).status_code == 408


@pytest.mark.parametrize("text", ["", "yesterday", "2026-06-20T12:00:00Z", "Sat, 20 Jun 2026 12:00:00 -0000"])
def test_a_date_of_another_form_is_refused(solis: Caller, text: str):
    assert solis.post("userStationList", PAGE, Date=text).status_code == 408


def test_a_one_digit_day_is_a_good_date(open_cloud: Callable[..., Caller]):
    caller = open_cloud(datetime(2026, 6, 3, 12, 0, tzinfo=UTC))
    assert caller.post("userStationList", PAGE, Date="Wed, 3 Jun 2026 12:00:00 GMT").status_code == 200


def test_an_md5_of_other_bytes_is_counted_and_refused_only_on_demand(solis: Caller):
    other = base64.b64encode(hashlib.md5(b"{}").digest()).decode()  # noqa: S324  the vendor's choice
    assert solis.post("userStationList", PAGE, Content_MD5=other).status_code == 200
    assert solis.settings(check_md5=True).get_json()["md5_mismatches"] == 1
    assert solis.post("userStationList", PAGE, Content_MD5=other).status_code == 403


def test_other_methods_and_paths_are_refused(solis: Caller):
    assert solis.http.get("/solis/api/v1/api/userStationList").status_code == 405
    assert solis.post("inverterSecrets", PAGE).status_code == 404
    assert solis.http.post("/solis/v2/api/userStationList").status_code == 404


# --- how often -------------------------------------------------------------------------------------------------------


def test_an_interface_answers_twice_a_second(solis: Caller, monkeypatch: pytest.MonkeyPatch):
    seconds = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr("sandbox.solis.time", seconds)
    solis.settings(per_second=2)
    codes = [solis.code("userStationList", PAGE) for _ in range(3)]
    assert codes == ["0", "0", "R0000"]
    assert solis.code("inverterList", PAGE) == "0"
    seconds.monotonic = lambda: 101.5
    assert solis.code("userStationList", PAGE) == "0"


def test_an_interface_answers_200_times_a_utc_day_and_then_says_so_with_success(solis: Caller):
    for _ in range(200):
        assert solis.code("userStationList", PAGE) == "0"
    assert solis.post("userStationList", PAGE).get_json() == {
        "success": True,
        "code": "R0000",
        "msg": QUOTA_TEXT,
        "data": None,
    }
    assert solis.code("inverterList", PAGE) == "0"
    assert solis.code("userStationList", PAGE, key="installer") == "0"
    solis.clock.set(NOON + timedelta(hours=12), 0)
    assert solis.code("userStationList", PAGE) == "0"


def test_what_was_used_survives_a_restart(solis: Caller):
    solis.settings(daily_quota=1)
    assert solis.code("userStationList", PAGE) == "0"
    world = World(solis.clock, solis.state, {})
    solis.http = Client(Server(world, {"solis": Solis(world)}))
    assert solis.settings(daily_quota=1).get_json()["used"] == {"sandbox-key userStationList": 1}
    assert solis.code("userStationList", PAGE) == "R0000"
    solis.http.delete("/solis/__admin/settings")
    assert solis.code("userStationList", PAGE) == "0"


def test_unknown_settings_are_refused(solis: Caller):
    assert solis.settings(dayly_quota=3).status_code == 400
    assert solis.settings(day_by="moon").status_code == 400


# --- what for --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", {}, {"pageNo": 1}, {"pageNo": 0, "pageSize": 10}, {"pageNo": 1, "pageSize": 101}]
)
def test_a_list_wants_a_page_of_at_most_100(solis: Caller, body: Any):
    assert solis.code("inverterList", body) == "I0000"


@pytest.mark.parametrize("missing", ["money", "time", "timeZone"])
def test_a_day_wants_all_its_fields(solis: Caller, missing: str):
    body = {"sn": HYBRID, "money": "", "time": "2026-06-20", "timeZone": 2}
    del body[missing]
    assert solis.code("inverterDay", body) == "I0000"


@pytest.mark.parametrize("wrong", [{"time": "20-06-2026"}, {"time": 7}, {"timeZone": 5.5}, {"timeZone": 15}])
def test_a_day_wants_a_date_and_whole_hours(solis: Caller, wrong: dict[str, Any]):
    assert (
        solis.code("inverterDay", {"sn": HYBRID, "money": "", "time": "2026-06-20", "timeZone": 2} | wrong) == "I0000"
    )


def test_numbers_may_come_as_text_as_in_the_documents_samples(solis: Caller):
    assert solis.code("inverterList", {"pageNo": "1", "pageSize": "10"}) == "0"
    assert solis.code("inverterDay", {"sn": HYBRID, "money": "", "time": "2026-06-20", "timeZone": "2"}) == "0"


def test_a_device_has_to_be_named_and_ones_own(solis: Caller):
    assert solis.code("inverterDetail", {}) == "I0003"
    assert solis.code("inverterDetail", {"sn": HYBRID}, key="offline") == "B0049"
    assert solis.code("stationDetail", {"id": "1"}) == "B0049"


def test_lists_come_in_pages_and_an_empty_account_has_none(solis: Caller):
    first = solis.data("userStationList", PAGE, "installer")["page"]
    last = solis.data("userStationList", {"pageNo": 2, "pageSize": 100}, "installer")["page"]
    assert (first["pages"], first["total"], len(first["records"]), len(last["records"])) == (2, 120, 100, 20)
    empty = solis.data("userStationList", PAGE, "empty")["page"]
    assert (empty["pages"], empty["records"]) == (0, [])


def test_ids_are_texts_of_19_digits_that_no_float_can_hold(solis: Caller):
    stations = solis.data("userStationList", PAGE, "installer")["page"]["records"]
    ids = {station["id"] for station in stations}
    assert len(ids) == 100
    assert all(len(one) == 19 and one.isdecimal() for one in ids)
    assert len({float(one) for one in ids}) < 100


def test_a_list_of_inverters_can_be_of_one_station(solis: Caller):
    station = solis.data("userStationList", PAGE)["page"]["records"][1]["id"]
    page = solis.data("inverterList", {**PAGE, "stationId": station})["page"]
    assert [record["sn"] for record in page["records"]] == [HYBRID]


def test_the_other_lists_of_the_document_answer(solis: Caller):
    assert len(solis.data("collectorList", PAGE)["page"]["records"]) == 2
    assert len(solis.data("stationDetailList", PAGE)["records"]) == 2
    assert solis.data("alarmList", PAGE)["records"] == []


# --- what is measured ------------------------------------------------------------------------------------------------


def test_without_meter_and_battery_their_fields_are_zeros(solis: Caller):
    detail = solis.data("inverterDetail", {"sn": GRID})
    for field in ("psum", "batteryPower", "batteryCapacitySoc", "storageBatteryVoltage", "gridSellTotalEnergy"):
        assert detail[field] == 0
    assert detail["inverterMeterModel"] == 1
    assert detail["pac"] > 0


def test_powers_of_a_hybrid_add_up_to_its_load_with_the_vendors_signs(solis: Caller):
    for row in solis.day(HYBRID, "2026-06-20"):
        load = row["pac"] - row["pSum"] - row["batteryPower"]
        assert load == pytest.approx(row["familyLoadPower"], abs=3)


def test_the_row_and_the_detail_of_one_instant_are_the_same_sample(solis: Caller):
    row, detail = solis.day(HYBRID, "2026-06-20")[-1], solis.data("inverterDetail", {"sn": HYBRID})
    assert row["dataTimestamp"] == detail["dataTimestamp"]
    assert row["pac"] * float(row["pacPec"]) == pytest.approx(detail["pac"])
    assert row["pSum"] == pytest.approx(detail["psum"] * 1000)
    assert row["eTotal"] == detail["allEnergyOriginal"]


def test_energies_turn_to_mwh_as_they_grow(solis: Caller):
    def unit() -> str:
        return str(solis.data("inverterDetail", {"sn": HYBRID})["batteryTotalChargeEnergyStr"])

    assert unit() == "kWh"
    solis.clock.set(NOON + timedelta(days=120), 0)
    assert unit() == "MWh"
    assert solis.data("inverterDetail", {"sn": HYBRID})["eTodayStr"] == "kWh"


def test_rows_come_every_5_minutes_with_gaps(solis: Caller):
    solis.clock.set(NOON + timedelta(days=1), 0)
    times = [int(row["dataTimestamp"]) // 1000 for row in solis.day(HYBRID, "2026-06-20")]
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert 300 in steps
    assert max(steps) > 300
    assert all(step % 300 == 0 for step in steps)
    assert times[0] % 300 != 0


def test_counters_never_fall_and_the_days_start_at_zero(solis: Caller):
    solis.clock.set(NOON + timedelta(days=3), 0)
    days = [solis.day(HYBRID, f"2026-06-{day}") for day in (20, 21, 22)]
    totals = [row["eTotal"] for rows in days for row in rows]
    assert totals == sorted(totals)
    assert totals[-1] > totals[0]
    assert [rows[0]["eToday"] for rows in days] == [0, 0, 0]
    assert all(rows[-1]["eToday"] > 0 for rows in days)


def test_a_day_is_the_stations_own_or_that_of_the_hours_sent(solis: Caller):
    solis.clock.set(NOON + timedelta(days=2), 0)

    def first(day_by: str) -> datetime:
        solis.settings(day_by=day_by)
        rows = solis.day("120400000000004", "2026-06-20", "half-hour", zone=5)
        return datetime.fromtimestamp(int(rows[0]["dataTimestamp"]) / 1000, UTC)

    assert first("station").replace(minute=0, second=0) == datetime(2026, 6, 19, 18, tzinfo=UTC)  # 00:00 at +05:30
    assert first("station").minute >= 30
    assert first("timeZone").replace(minute=0, second=0) == datetime(2026, 6, 19, 19, tzinfo=UTC)  # 00:00 at +05:00


def test_times_shown_follow_daylight_saving_and_their_label_does_not(solis: Caller):
    detail = solis.data("inverterDetail", {"sn": GRID})
    at = datetime.fromtimestamp(int(detail["dataTimestamp"]) / 1000, UTC)
    assert detail["dataTimestampStr"] == f"{at + timedelta(hours=2):%Y-%m-%d %H:%M:%S} (UTC+01:00)"
    assert detail["timeZone"] == 1.0
    station = solis.data("stationDetail", {"id": detail["stationId"]})
    assert (station["timeZoneStandardId"], station["daylightSwitch"]) == ("Europe/Amsterdam", 1)


@pytest.mark.parametrize("day,hours", [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_the_change_of_clocks_has_other_hours(open_cloud: Callable[..., Caller], day: date, hours: int):
    caller = open_cloud(datetime(day.year, day.month, day.day + 2, tzinfo=UTC))
    rows = caller.day("120400000000005", day.isoformat(), "summer-time", zone=1)
    times = [datetime.fromtimestamp(int(row["dataTimestamp"]) / 1000, ZoneInfo("Europe/Berlin")) for row in rows]
    assert {at.date() for at in times} == {day}
    assert 0.9 < len(times) / (hours * 12) <= 1
    assert times[-1].timestamp() - times[0].timestamp() > (hours - 1) * 3600


def test_at_night_a_grid_tied_inverter_is_offline_with_its_last_values(solis: Caller):
    solis.clock.set(datetime(2026, 6, 20, 23, 30, tzinfo=UTC), 0)
    detail = solis.data("inverterDetail", {"sn": GRID})
    assert detail["state"] == 2
    assert datetime.fromtimestamp(int(detail["dataTimestamp"]) / 1000, UTC) < solis.clock.now() - timedelta(hours=2)
    assert solis.data("inverterDetail", {"sn": HYBRID})["state"] == 1


def test_a_silent_station_repeats_its_last_values_of_three_days_ago(solis: Caller):
    sn = "120400000000003"
    before = solis.data("inverterDetail", {"sn": sn}, "offline")
    solis.clock.set(NOON + timedelta(days=1), 0)
    assert solis.data("inverterDetail", {"sn": sn}, "offline") == before
    assert before["state"] == 2
    assert solis.day(sn, "2026-06-20", "offline") == []
    assert solis.day(sn, "2026-06-17", "offline") != []


def test_a_battery_can_lose_the_sign_of_its_power_but_not_of_its_current(solis: Caller):
    solis.settings(always_positive_battery=True)
    solis.clock.set(NOON + timedelta(hours=8), 0)
    detail = solis.data("inverterDetail", {"sn": HYBRID})
    assert detail["batteryPower"] > 0 > detail["storageBatteryCurrent"]
    rows = solis.day(HYBRID, "2026-06-20")
    assert min(row["batteryPower"] for row in rows) >= 0 > min(row["storageBatteryCurrent"] for row in rows)


def test_a_stations_day_has_watts_in_every_field(solis: Caller):
    station = solis.data("inverterDetail", {"sn": HYBRID})["stationId"]
    rows = solis.data("stationDay", {"id": station, "money": "", "time": "2026-06-20", "timeZone": 2})
    assert all(row["psum"] == row["psumZheng"] - row["psumFu"] for row in rows)
    assert [row["power"] for row in rows] == [row["pac"] for row in solis.day(HYBRID, "2026-06-20")]
