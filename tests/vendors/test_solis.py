"""Solis replies turned into readings, and its refusals into errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import responses

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import Dropped, Page, VendorDer, VendorSystem, Window
from ingest.vendors.errors import (
    Scope,
    VendorAuthFailed,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp
from ingest.vendors.solis import Solis, signed_headers

Found = tuple[DerKey, Reading]

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/vendors/solis"
RECORDING = Path(__file__).resolve().parents[2].parent / "shared/recordings/solis/testdata_inverter.json"
NOW = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
FILE = VendorSystem("file", timezone="Europe/Amsterdam")
HYBRID_SN = "103105022A110016"
HYBRID = VendorSystem(
    "1298491919448631802",
    ders=[
        VendorDer(DerKey(Kind.PV, HYBRID_SN), rated_power_w=6000),
        VendorDer(DerKey(Kind.BATTERY, f"{HYBRID_SN}-battery")),
        VendorDer(DerKey(Kind.METER, f"{HYBRID_SN}-meter")),
    ],
)


URL = "https://www.soliscloud.com:13333/v1/api/userStationList"
SECRETS = {"key_id": "2424", "key_secret": "hush"}


def adapter() -> Solis:
    return Solis(secrets=SECRETS, urls=Solis.base_urls, http=VendorHttp(user_agent="test"), clock=lambda: NOW)


def body_of(case: str, resource: str) -> Any:
    return json.loads((FIXTURES / case / f"{resource}.json").read_text())


def read(
    case: str, resource: str, system: VendorSystem = FILE, dropped: Dropped | None = None, **context: Any
) -> list[Found]:
    return normalized(body_of(case, resource), resource, system, dropped, **context)


def normalized(
    body: Any, resource: str, system: VendorSystem = FILE, dropped: Dropped | None = None, **context: Any
) -> list[Found]:
    dropped = Dropped() if dropped is None else dropped
    found = list(Solis.normalize(system, Page(resource, body, context), dropped))
    assert all(reading.ts.tzinfo is UTC for _, reading in found)
    return found


def by_kind(found: list[Found]) -> dict[Kind, Reading]:
    return {key.kind: reading for key, reading in found}


def changed(case: str, **fields: Any) -> dict[str, Any]:
    """Return a detail's `data` with some fields other than in the fixture."""
    body = body_of(case, "inverterDetail")
    return {**body.get("data", body), **fields}


# --- signing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret,path,body,sent_at,content_type,md5,sign",
    [
        (
            "6680182547", "/v1/api/userStationList", b'{"pageNo":1,"pageSize":10}',
            datetime(2019, 7, 26, 6, 0, 46, tzinfo=UTC), "application/json",
            "kxdxk7rbAsrzSIWgEwhH4w==", "nBYQWeuzy3Y+gp67BN8zXTmvSDk=",
        ),
        (
            "6680182547", "/v1/api/userStationList", b'{"pageNo":1,"pageSize":10}',
            datetime(2019, 7, 26, 6, 0, 46, tzinfo=UTC), "application/json;charset=UTF-8",
            "kxdxk7rbAsrzSIWgEwhH4w==", "b7lDe0IYMGj/Dp2su0plYT+BbJQ=",
        ),
        (
            "demo-secret", "/v1/api/stationDay",
            b'{"id":"1298491919448631809","money":"EUR","time":"2025-06-01","timeZone":2}',
            datetime(2025, 6, 1, 10, tzinfo=UTC), "application/json",
            "MQQE6ly3GnWbbv63VgaB1w==", "hfx0Y8Pb31NKpejnFWzlikqAFrg=",
        ),
    ],
    ids=["the vendor's example", "with charset", "a day of a station"],
)  # fmt: skip
def test_requests_are_signed_like_the_worked_examples(secret, path, body, sent_at, content_type, md5, sign):
    headers = signed_headers({"key_id": "2424", "key_secret": secret}, path, body, sent_at, content_type)
    assert headers == {
        "Content-MD5": md5,
        "Content-Type": content_type,
        "Date": format_datetime(sent_at, usegmt=True),
        "Authorization": f"API 2424:{sign}",
    }


# --- units and signs -------------------------------------------------------------------------------------------------


def test_a_string_inverter_in_a_list_gives_pv_alone_since_its_other_fields_are_zeros_for_nothing():
    ((key, reading),) = read("string_inverter", "inverterList")
    assert key == DerKey(Kind.PV, "120B40198150131")
    assert reading.power_w == -5025
    assert reading.total_out_wh == Decimal(36397400)  # raw kWh, finer than 36.397 MWh
    assert (reading.soc, reading.energy_out_wh, reading.interval_s) == (None, None, 0)


def test_time_is_the_epoch_whatever_the_display_says():
    ((_, reading),) = read("string_inverter", "inverterList")
    assert reading.ts == datetime(2023, 6, 27, 6, 19, 33, tzinfo=UTC)  # shown as 22:19:33 (UTC-9:00), which is UTC-8


def test_rows_of_a_day_scale_by_pec_and_leave_gaps_open():
    found = read("string_inverter", "inverterDay", sn="120B40198150131")
    assert [(reading.ts.minute, reading.power_w) for _, reading in found] == [(56, 0), (1, -74), (11, -131)]
    assert {key for key, _ in found} == {DerKey(Kind.PV, "120B40198150131")}
    assert str(found[0][1].power_w) == "0.0"  # not -0.0
    assert found[1][1].total_out_wh == 36_362_000


def test_a_hybrid_gives_pv_battery_and_meter_with_our_signs():
    found = by_kind(read("hybrid", "inverterDetail"))
    assert found[Kind.PV].power_w == -3120  # DC input, not the AC output of 2.9 kW
    assert found[Kind.BATTERY].power_w == 1470  # charging
    assert found[Kind.METER].power_w == -850  # psum > 0 is export
    assert found[Kind.BATTERY].soc == 0.62
    assert (found[Kind.BATTERY].voltage_v, found[Kind.BATTERY].current_a) == (52.5, 28)
    assert (found[Kind.PV].frequency_hz, found[Kind.PV].temperature_c) == (50.02, 41.5)


def test_counters_of_different_units_come_out_in_wh():
    found = by_kind(read("hybrid", "inverterDetail"))
    assert found[Kind.PV].total_out_wh == Decimal(12_345_600)
    assert (found[Kind.BATTERY].total_in_wh, found[Kind.METER].total_in_wh) == (Decimal(2_001_000), Decimal(321_400))
    assert (found[Kind.BATTERY].total_out_wh, found[Kind.METER].total_out_wh) == (
        Decimal(1_900_500),
        Decimal(4_567_000),
    )


def test_battery_and_meter_have_serials_made_from_the_inverters():
    assert {key for key, _ in read("hybrid", "inverterDetail")} == {der.key for der in HYBRID.ders}


def test_bare_powers_of_a_row_are_watts():
    found = read("hybrid", "inverterDay", HYBRID)
    powers = {(key.kind, reading.ts.minute): reading.power_w for key, reading in found}
    assert powers == {
        (Kind.PV, 55): -3080, (Kind.BATTERY, 55): -410, (Kind.METER, 55): 48,
        (Kind.PV, 0): -3120, (Kind.BATTERY, 0): 1470, (Kind.METER, 0): -850,
    }  # fmt: skip


def test_a_bare_battery_power_in_kilowatts_is_known_by_volts_times_amperes():
    rows = body_of("hybrid", "inverterDay")
    found = by_kind(normalized([{**rows[1], "batteryPower": 1.47}], "inverterDay", HYBRID))
    assert found[Kind.BATTERY].power_w == 1470


def test_the_detail_and_the_row_of_one_instant_agree():
    detail = by_kind(read("hybrid", "inverterDetail", HYBRID))
    row = {key.kind: reading for key, reading in read("hybrid", "inverterDay", HYBRID) if reading.ts.minute == 0}
    for kind in Kind:
        assert (detail[kind].ts, detail[kind].power_w, detail[kind].soc) == (
            row[kind].ts, row[kind].power_w, row[kind].soc
        )  # fmt: skip


def test_a_row_of_a_station_counts_watts_for_the_grid_and_scales_its_power():
    found = by_kind(read("station", "stationDay"))
    assert found[Kind.PV].power_w == -77
    assert found[Kind.METER].power_w == -77
    assert found[Kind.PV].ts == datetime(2023, 5, 25, 23, 25, tzinfo=UTC)
    assert Kind.BATTERY not in found


@pytest.mark.parametrize(
    "fields,watts",
    [
        ({"pac": 74.0, "pacStr": "kW", "pacPec": "0.001"}, 74),
        ({"pac": 4300, "pacStr": "W"}, 4300),
        ({"pac": 0.0123, "pacStr": "MW", "pacPec": None}, 12300),
        ({"pac": "5.025", "pacStr": "null"}, 5025),
    ],
)
def test_the_unit_rule_is_value_times_pec_in_str(fields, watts):
    record = {"sn": "X", "dataTimestamp": "1749470400000", **fields}
    ((_, reading),) = normalized(record, "inverterDetail")
    assert reading.power_w == -watts


@pytest.mark.parametrize(
    "value,unit,wh", [(755, "kWh", 755_000), (8.824, "MWh", 8_824_000), (1.2, "GWh", 1_200_000_000), (900, "Wh", 900)]
)
def test_energy_units_change_by_themselves(value, unit, wh):
    record = {"sn": "X", "dataTimestamp": "1749470400000", "eTotal": value, "eTotalStr": unit}
    ((_, reading),) = normalized(record, "inverterDetail")
    assert reading.total_out_wh == wh


# --- batteries -------------------------------------------------------------------------------------------------------


def test_a_battery_power_without_sign_takes_that_of_the_current():
    found = by_kind(read("always_positive_battery", "inverterDetail"))
    assert found[Kind.BATTERY].power_w == -810
    assert found[Kind.BATTERY].current_a == -16.2


def test_a_negative_battery_power_stays_whatever_an_unsigned_current_says():
    found = by_kind(normalized(changed("hybrid", batteryPower=-1.47), "inverterDetail"))
    assert (found[Kind.BATTERY].power_w, found[Kind.BATTERY].current_a) == (-1470, -28)


def test_a_state_of_charge_of_zero_counts_while_the_battery_lives():
    assert by_kind(read("hybrid_night", "inverterDetail"))[Kind.BATTERY].soc == 0


def test_a_battery_out_of_sight_has_no_power_and_no_state_of_charge_but_its_counters():
    dead = dict.fromkeys(("batteryPower", "batteryCapacitySoc", "storageBatteryVoltage", "storageBatteryCurrent"), 0.0)
    battery = by_kind(normalized(changed("hybrid", **dead), "inverterDetail"))[Kind.BATTERY]
    assert (battery.power_w, battery.soc, battery.voltage_v, battery.current_a) == (None, None, None, None)
    assert battery.total_in_wh == 2_001_000


@pytest.mark.parametrize("newer", [{"batteryPercent": 57.0}, {"batteryList": [{"batteryCapacitySoc": 57.0}]}])
def test_newer_fields_know_the_state_of_charge_that_the_old_one_has_lost(newer):
    found = by_kind(normalized(changed("hybrid", batteryCapacitySoc=0, **newer), "inverterDetail"))
    assert found[Kind.BATTERY].soc == 0.57


def test_a_state_of_charge_above_100_percent_drops_the_battery_alone():
    dropped = Dropped()
    found = by_kind(normalized(changed("hybrid", batteryCapacitySoc=255), "inverterDetail", dropped=dropped))
    assert found.keys() == {Kind.PV, Kind.METER}
    assert dropped.count == 1
    assert "soc" in dropped.reasons[0]


def test_at_night_the_ac_output_of_a_hybrid_is_not_taken_for_sun():
    found = by_kind(read("hybrid_night", "inverterDetail"))
    assert found[Kind.PV].power_w == 0  # pac says 0.46 kW, which is the battery's
    assert found[Kind.BATTERY].power_w == -470
    assert found[Kind.METER].power_w == 12


@pytest.mark.parametrize(
    "fields,watts", [({"dcPac": 0}, 3100), ({"dcPac": 0, "pow1": 0, "pow2": 0}, 2900)], ids=["strings", "pac"]
)
def test_a_hybrid_without_dc_power_falls_back_to_its_strings_and_then_to_pac(fields, watts):
    found = by_kind(normalized(changed("hybrid", **fields), "inverterDetail"))
    assert found[Kind.PV].power_w == -watts


# --- what is there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model,kinds",
    [
        (1, {Kind.PV}),
        (2, {Kind.PV, Kind.METER}),
        (3, {Kind.PV, Kind.METER}),
        (4, {Kind.PV, Kind.BATTERY, Kind.METER}),
        (5, {Kind.PV, Kind.BATTERY, Kind.METER}),
        (7, {Kind.PV}),
        (8, {Kind.PV, Kind.METER}),
        (1001, {Kind.PV, Kind.METER}),
        (None, {Kind.PV}),
    ],
)
def test_the_meter_model_tells_which_hardware_there_is(model, kinds):
    record = {
        "sn": "X", "dataTimestamp": "1749470400000", "inverterMeterModel": model, "pac": 1, "psum": 0.0,
        "batteryPower": 0.0, "batteryTotalChargeEnergy": 0.0, "gridSellTotalEnergy": 0.0,
    }  # fmt: skip
    assert {key.kind for key, _ in normalized(record, "inverterDetail")} == kinds


def test_a_grid_counter_shows_a_meter_that_the_model_denies():
    record = {
        "sn": "X",
        "dataTimestamp": "1749470400000",
        "inverterMeterModel": 1,
        "pac": 1,
        "gridSellTotalEnergy": 3.5,
    }
    assert by_kind(normalized(record, "inverterDetail"))[Kind.METER].total_out_wh == 3500


def test_an_account_with_other_systems_gives_only_this_systems_readings():
    body = body_of("string_inverter", "inverterList")
    assert normalized(body, "inverterList", HYBRID) == []
    without_inverters = VendorSystem("1298491919448631999")
    assert normalized(body, "inverterList", without_inverters, station=without_inverters.external_id) == []
    assert len(normalized(body, "inverterList", station="1298491919448631801")) == 1


def test_only_hardware_that_was_listed_is_read():
    pv_only = VendorSystem("1", ders=HYBRID.ders[:1])
    assert by_kind(read("hybrid", "inverterDetail", pv_only)).keys() == {Kind.PV}


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_recorded_file_may_be_the_whole_reply_or_its_data_alone(wrapped):
    body = body_of("hybrid", "inverterDetail")
    assert len(normalized(body if wrapped else body["data"], "inverterDetail")) == 3


def test_the_recorded_detail_of_a_real_inverter_is_read():
    if not RECORDING.exists():
        pytest.skip(f"the recorded reply is not beside the checkout: {RECORDING.name}")
    dropped = Dropped()
    ((key, reading),) = normalized(json.loads(RECORDING.read_text()), "inverterDetail", dropped=dropped)
    assert key == DerKey(Kind.PV, "AAA333")
    assert reading.as_dict() == {
        "ts": "2025-10-26T08:21:09Z", "interval_s": 0, "power_w": 0.0, "total_out_wh": 8_824_000.0,
        "frequency_hz": 49.97, "temperature_c": 23.9, "quality": "measured",
    }  # fmt: skip
    assert dropped.count == 0


# --- time, stale and wrong records -----------------------------------------------------------------------------------


def test_readings_outside_the_asked_window_are_left_out():
    window = Window(datetime(2023, 6, 26, 21, 0, tzinfo=UTC), datetime(2023, 6, 26, 21, 11, 31, tzinfo=UTC))
    found = read("string_inverter", "inverterDay", sn="X", window=window)
    assert [reading.ts.minute for _, reading in found] == [1]  # 20:56:31 is before, 21:11:31 is the open end


def test_an_offline_inverter_repeats_old_values_and_gives_nothing():
    dropped = Dropped()
    assert read("offline", "inverterDetail", dropped=dropped) == []
    assert dropped.count == 0


@pytest.mark.parametrize("minutes,count", [(19, 3), (21, 0)])
def test_values_older_than_20_minutes_when_they_came_are_stale(minutes, count):
    fetched_at = datetime(2025, 6, 9, 12, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    assert len(read("hybrid", "inverterDetail", fetched_at=fetched_at)) == count


def test_where_rows_were_asked_for_the_detail_adds_only_counters():
    found = by_kind(read("hybrid", "inverterDetail", HYBRID, counters_only={HYBRID_SN}))
    assert found[Kind.METER].as_dict().keys() == {"ts", "interval_s", "total_in_wh", "total_out_wh", "quality"}
    assert (found[Kind.PV].power_w, found[Kind.BATTERY].soc) == (None, None)


def test_wrong_rows_are_dropped_and_counted_and_the_good_ones_stay():
    system = VendorSystem("1", ders=[VendorDer(DerKey(Kind.PV, "X"), rated_power_w=6000)])
    dropped = Dropped()
    found = read("odd_rows", "inverterDay", system, dropped)
    assert [(reading.ts.minute, reading.power_w) for _, reading in found] == [(0, -1200), (8, None), (9, -1300)]
    assert dropped.count == 9
    for said in (
        "no dataTimestamp", "dataTimestamp is 99999999999999999999", "PV power is -30", "1200000 W with 6000 W",
        "total_out_wh is negative", "are more than", "homeLoadTodayEnergy is -4.2", "pac is 'NaN'", "'furlong'",
    ):  # fmt: skip
        assert any(said in reason for reason in dropped.reasons), said


def test_a_serial_that_cannot_be_one_drops_its_inverter_alone():
    page = body_of("string_inverter", "inverterList")
    good = page["data"]["page"]["records"][0]
    page["data"]["page"]["records"] = [{**good, "sn": "1\x00"}, good]
    dropped = Dropped()
    assert [key.sn for key, _ in normalized(page, "inverterList", dropped=dropped)] == ["120B40198150131"]
    assert dropped.count == 1


def test_a_day_without_rows_gives_nothing():
    assert read("empty", "inverterDay") == []
    assert normalized({"success": True, "code": "0", "msg": "success", "data": None}, "inverterDay") == []


@pytest.mark.parametrize("resource", Solis.resources)
@pytest.mark.parametrize("body", [None, {}, "garbage", 7, {"code": "0", "data": {"page": 3}}, {"records": [1]}, [[]]])
def test_a_reply_of_another_shape_is_invalid(resource, body):
    with pytest.raises(VendorReplyInvalid):
        normalized(body, resource)


def test_a_recorded_refusal_is_not_read_as_data():
    with pytest.raises(VendorReplyInvalid, match="B0049"):
        normalized({"success": False, "code": "B0049", "msg": "no", "data": None}, "inverterDay")


# --- time zones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "station,zone",
    [
        ({"timeZoneStandardId": "Europe/Amsterdam", "timeZone": 1.0}, "Europe/Amsterdam"),
        ({"timeZone": 1.0}, "Etc/GMT-1"),
        ({"timeZone": "-9.00", "timeZoneStandardId": "null"}, "Etc/GMT+9"),
        ({"timeZone": 5.5, "timeZoneStandardId": "Bombay"}, "Asia/Kolkata"),
        ({"timeZone": 0}, "UTC"),
        ({}, "UTC"),
    ],
)
@responses.activate
def test_a_station_without_an_iana_zone_gets_one_of_its_offset(station: dict[str, Any], zone: str):
    page = {"records": [{"id": "1298491919448631801", "stationName": "Roof", **station}], "pages": 1}
    for name in ("userStationList", "stationDetailList"):
        responses.post(URL.replace("userStationList", name), json={"code": "0", "data": {"page": page}})
    responses.post(URL.replace("userStationList", "inverterDetailList"), json=body_of("empty", "userStationList"))
    (system,) = adapter().systems()
    assert (system.timezone, system.external_id, system.name) == (zone, "1298491919448631801", "Roof")


# --- refusals --------------------------------------------------------------------------------------------------------


def asked(**reply: Any) -> list[VendorSystem]:
    """Return what `systems` does when the vendor's first reply is this one."""
    with responses.RequestsMock() as mock:
        mock.post(URL, **reply)
        return adapter().systems()


@pytest.mark.parametrize(
    "code,text,error",
    [
        ("R0000", "No authority", VendorAuthFailed),
        ("B0011", "user missing", VendorAuthFailed),
        ("I0012", "wrong account or password", VendorAuthFailed),
        ("10400", "", VendorAuthFailed),
        ("10401", "", VendorAuthFailed),
        ("10403", "", VendorAuthFailed),
        ("B0001", "bound", VendorUnsupported),
        ("I0003", "enter SN", VendorUnsupported),
        ("I0000", "empty", VendorUnsupported),
        ("B0049", "no collector", VendorUnsupported),
        ("10404", "", VendorUnsupported),
        ("1", "数据异常 请联系管理员", VendorUnsupported),
        ("B0115", "datalogger offline", VendorUnavailable),
        ("10001", "failed", VendorUnavailable),
        ("10500", "server error", VendorUnavailable),
        ("Z0001", "whatever this is", VendorReplyInvalid),
    ],
)
def test_codes_become_errors_that_keep_the_text(code, text, error):
    with pytest.raises(error, match=code) as raised:
        asked(json={"success": True, "code": code, "msg": text, "data": None})
    assert text in str(raised.value)


@pytest.mark.parametrize(
    "text,seconds",
    [
        ("No authority too many request 200 times in 1DAYS", 10.5 * 3600),
        ("No authority too many request 2 times in 1SECONDS", 1),
        ("No authority too many request 30 times in 5 minutes", 300),
        ("No authority too many request", 10.5 * 3600),
    ],
)
def test_a_spent_quota_stops_the_account_until_its_period_ends(text, seconds):
    with pytest.raises(VendorThrottled) as raised:
        asked(json={"success": True, "code": "R0000", "msg": text, "data": None})
    assert (raised.value.retry_after, raised.value.scope) == (seconds, Scope.ACCOUNT)


def test_a_408_names_the_clock():
    with pytest.raises(VendorUnavailable, match="clock"):
        asked(status=408, body="request time-out")


def test_a_403_for_a_late_date_names_the_clock_and_any_other_403_is_the_key():
    with pytest.raises(VendorUnavailable, match="clock"):
        asked(status=403, body="authorization times out")
    with pytest.raises(VendorAuthFailed):
        asked(status=403, body="wrong sign")


@pytest.mark.parametrize(
    "status,error",
    [
        (401, VendorAuthFailed),
        (404, VendorUnsupported),
        (302, VendorReplyInvalid),
        (502, VendorUnavailable),
        (504, VendorUnavailable),
    ],
)
def test_http_statuses_become_errors(status, error):
    with pytest.raises(error, match=str(status)):
        asked(status=status, body="<html>")


@pytest.mark.parametrize("headers,seconds", [({"Retry-After": "7"}, 7), ({}, 60)])
def test_a_429_waits_as_asked(headers, seconds):
    with pytest.raises(VendorThrottled) as raised:
        asked(status=429, headers=headers)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    "reply",
    [{"body": "<html>"}, {"body": ""}, {"json": []}, {"json": {"data": {}}}, {"json": {"code": "0", "data": None}}],
)
def test_garbage_is_an_invalid_reply(reply):
    with pytest.raises(VendorReplyInvalid):
        asked(**reply)


def test_no_error_holds_the_secret():
    with pytest.raises(VendorAuthFailed) as raised:
        asked(status=403, body="wrong sign")
    assert "hush" not in str(raised.value)


@responses.activate
def test_an_empty_account_has_no_systems_and_the_bytes_sent_are_those_signed():
    for name in ("userStationList", "stationDetailList", "inverterDetailList"):
        responses.post(URL.replace("userStationList", name), json=body_of("empty", "userStationList"))
    assert adapter().systems() == []
    sent = responses.calls[0].request
    assert sent.body == b'{"pageNo":1,"pageSize":100}'
    signed = signed_headers(SECRETS, "/v1/api/userStationList", sent.body, NOW)
    assert signed.items() <= dict(sent.headers).items()
