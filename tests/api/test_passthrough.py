"""Live questions to vendors with what the caller brought, through the API and the stand-ins' clouds."""

from __future__ import annotations

import base64
import csv
import re
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from ingest.passthrough import fanout, ids
from ingest.passthrough.ids import Native
from ingest.readings import DerKey, Kind
from tests.api.asking import SOLAREDGE, SOLIS, enphase, enphase_token, fault, kind_of, solis, yesterday
from tests.api.calling import backend
from tests.clouds import clouds, running_clouds

__all__ = ["clouds", "enphase", "enphase_token", "fault", "running_clouds"]  # fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # no database is asked but for the token


# --- lists -----------------------------------------------------------------------------------------------------------


def test_three_vendors_are_asked_at_once_with_what_the_caller_brought(clouds, enphase):
    answer = backend().get("sites", headers={**solis(), **SOLAREDGE, **enphase})
    page = answer.json()
    assert (answer.status_code, page["errors"], page["next_cursor"]) == (200, {}, None)
    assert {site["vendor"] for site in page["data"]} == {"enphase", "solaredge", "solis"}
    (amsterdam,) = [site for site in page["data"] if site["name"] == "Amsterdam roof"]
    assert amsterdam["timezone"] == "Europe/Amsterdam"
    assert [device["kind"] for device in amsterdam["devices"]] == ["pv"]


def test_devices_of_a_kind_are_told_with_make_and_rated_power(clouds):
    (inverter, hybrid) = sorted(
        backend().get("solar-inverters", headers=solis()).json()["data"], key=lambda one: one["rated_power_w"]
    )
    assert (inverter["make"], inverter["rated_power_w"], hybrid["rated_power_w"]) == ("Solis", 5000, 6000)
    (battery,) = backend().get("batteries", headers=solis()).json()["data"]
    assert (battery["kind"], battery["site_id"]) == ("battery", hybrid["site_id"])


def test_pages_go_through_all_vendors_and_describe_no_site_but_their_own(clouds):
    api, found = backend(), []
    before = calls_of_solaredge(clouds)
    first = api.get("sites", {"limit": 1}, headers={**solis(), **SOLAREDGE})
    assert calls_of_solaredge(clouds) - before == 3  # the list, the site, its devices
    query = {"limit": 2}
    while query.get("cursor", "first"):
        page = api.get("sites", query, headers={**solis(), **SOLAREDGE}).json()
        assert 1 <= len(page["data"]) <= 2
        found += page["data"]
        query["cursor"] = page["next_cursor"]
    assert [one["id"] for one in found][:1] == [one["id"] for one in first.json()["data"]]
    whole = api.get("sites", headers={**solis(), **SOLAREDGE}).json()["data"]
    assert len({one["id"] for one in found}) == len(found) == len(whole) > 3


def calls_of_solaredge(url):
    ledger = requests.get(f"{url}/solaredge/__admin/ledger", timeout=60).json()
    return sum(use["in_month"] for use in ledger)


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "NQ", "WzEsMl0"])
def test_a_cursor_that_is_none_of_ours_is_named(clouds, cursor):
    refused = backend().get("sites", {"cursor": cursor}, headers=solis())
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "cursor")


def test_one_vendor_alone_is_asked_where_that_is_said(clouds, fault):
    fault("solaredge", status=503, times=20)
    page = backend().get("sites", {"vendor": "solis"}, headers={**solis(), **SOLAREDGE}).json()
    assert (len(page["data"]), page["errors"]) == (2, {})
    unsent = backend().get("sites", {"vendor": "enphase"}, headers=solis())
    assert (unsent.status_code, kind_of(unsent.json())) == (400, "vendor-authorization-missing")


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        base64.b64encode(b"sandbox-key:sandbox-secret\n").decode(),
        base64.b64encode(b"sandbox-key:sandbox-secret \r\n").decode(),
        f"{SOLIS[:20]}\n{SOLIS[20:]}\n",
    ],
)
def test_a_stray_newline_of_the_shell_does_no_harm(clouds, value):
    page = backend().get("sites", headers=solis(value)).json()
    assert (len(page["data"]), page["errors"]) == (2, {})


def test_the_words_of_a_scheme_have_no_case(clouds, enphase):
    token = enphase["X-Authorization-enphase"].partition(" ")[2]
    for word in ("BEARER", "Bearer"):
        page = backend().get("sites", headers={**enphase, "X-Authorization-enphase": f"{word} {token}"}).json()
        assert page["errors"] == {}
    assert backend().get("sites", headers={"x-authorization-SOLIS": f"bAsIc {SOLIS}"}).json()["errors"] == {}


@pytest.mark.parametrize(
    "vendor,sent,expected",
    [
        ("solis", {"X-Authorization-solis": "Bearer MARKED"}, "Basic base64(key_id:key_secret)"),
        ("solis", {"X-Authorization-solis": "Basic MARKED!"}, "Basic base64(key_id:key_secret)"),
        ("solis", {"X-Authorization-solis": f"Basic {' ' * 8000}MARKED!"}, "Basic base64(key_id:key_secret)"),
        ("solis", {"X-Authorization-solis": "Basic " + base64.b64encode(b"MARKED").decode()}, "key_id:key_secret"),
        ("solis", {"X-Authorization-solis": "Basic " + base64.b64encode(b":MARKED").decode()}, "key_id:key_secret"),
        ("solaredge", {"X-Authorization-solaredge": "Bearer MARKED"}, "X-Authorization-solaredge: <api_key>"),
        ("solaredge", {"X-Authorization-solaredge": ""}, "X-Authorization-solaredge: <api_key>"),
        ("enphase", {"X-Authorization-enphase": "Bearer MARKED"}, "and `X-enphase-api-key: <api_key>`"),
        ("enphase", {"X-Authorization-enphase": "MARKED", "X-enphase-api-key": "k"}, "Bearer <access token>"),
        ("enphase", {"X-enphase-api-key": "MARKED"}, "Bearer <access token>"),
    ],
)
def test_a_header_of_another_form_is_told_what_is_expected_and_never_repeated(clouds, vendor, sent, expected):
    answer = backend().get("sites", headers=sent)
    (error,) = answer.json()["errors"][vendor]
    assert (answer.status_code, kind_of(error), error["fault"]) == (200, "vendor-authorization-invalid", "caller")
    assert expected in error["detail"]
    assert "MARKED" not in answer.content.decode()
    one = backend().get(f"sites/{ids.encode(Native(vendor, '17'))}", headers=sent)
    assert (one.status_code, kind_of(one.json())) == (400, "vendor-authorization-invalid")


@pytest.mark.parametrize("vendor", ["tesla", "sma", "smasbox", "enphasevpp", "franklinwh", "nobody"])
def test_a_vendor_without_an_adapter_is_named_and_the_others_are_told(clouds, vendor):
    page = backend().get("sites", headers={f"X-Authorization-{vendor}": "Bearer MARKED", **solis()}).json()
    assert len(page["data"]) == 2
    (error,) = page["errors"][vendor]
    assert (kind_of(error), error["status"], error["fault"]) == ("vendor-without-adapter", 501, "us")
    assert "enphase, solaredge, solis" in error["detail"]


# --- trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how,kind,status",
    [
        ({"status": 503}, "vendor-unavailable", 502),
        ({"body": "<html>"}, "vendor-reply-invalid", 502),
        ({"status": 429, "headers": {"Retry-After": "17"}}, "vendor-throttled", 503),
        ({"status": 401}, "vendor-authorization-refused", 403),
    ],
)
def test_a_vendor_in_trouble_is_named_and_the_others_are_told(clouds, fault, how, kind, status):
    fault("solaredge", times=20, **how)
    page = backend().get("sites", headers={**solis(), **SOLAREDGE}).json()
    assert {site["vendor"] for site in page["data"]} == {"solis"}
    (error,) = page["errors"]["solaredge"]
    assert (kind_of(error), error["status"], error["sites"]) == (kind, status, [])
    assert error.get("retry_after") == (17 if status == 503 else None)
    assert "by itself" not in error["detail"]


def test_of_a_vendor_that_fails_halfway_no_site_is_told(clouds, fault):
    fault("solaredge", path="/api/v2/sites/", status=503, after=True)
    page = backend().get("sites", headers={**solis(), **SOLAREDGE}).json()
    assert ({site["vendor"] for site in page["data"]}, set(page["errors"])) == ({"solis"}, {"solaredge"})


def test_a_site_that_its_vendor_refuses_is_named_and_its_other_sites_are_told(clouds, fault):
    whole = backend().get("sites", headers=SOLAREDGE).json()["data"]
    fault("solaredge", path="/api/v2/sites/", status=404)
    page = backend().get("sites", headers=SOLAREDGE).json()
    (error,) = page["errors"]["solaredge"]
    assert kind_of(error) == "vendor-unsupported"
    assert len(error["sites"]) == 1
    assert sorted([*error["sites"], *(site["id"] for site in page["data"])]) == sorted(site["id"] for site in whole)


def test_who_is_late_is_named(clouds, fault, monkeypatch):
    monkeypatch.setattr(fanout, "PATIENCE_S", 0.4)
    fault("solis", delay_s=0.9, times=3)
    page = backend().get("sites", {"limit": 1}, headers={**solis(), **SOLAREDGE}).json()
    (error,) = page["errors"]["solis"]
    assert (kind_of(error), error["status"]) == ("vendor-too-slow", 504)
    late = backend().get(f"sites/{ids.encode(Native('solis', '17'))}", headers=solis())
    assert (late.status_code, kind_of(late.json())) == (504, "vendor-too-slow")


def test_a_table_has_no_room_for_what_is_missing_and_is_refused(clouds, fault):
    assert b"Amsterdam roof" in backend().get("sites", {"format": "csv"}, headers=solis()).content
    fault("solis", status=503)
    refused = backend().get("sites", {"format": "csv"}, headers=solis())
    assert (refused.status_code, refused["Content-Type"]) == (502, "application/problem+json")
    assert refused.json()["detail"].startswith("solis: ")


# --- one by id -------------------------------------------------------------------------------------------------------


def test_one_site_or_device_is_asked_of_its_own_vendor_alone(clouds, fault):
    api, headers = backend(), {**solis(), **SOLAREDGE}
    site = api.get("sites", headers=solis()).json()["data"][0]
    battery = api.get("batteries", headers=solis()).json()["data"][0]
    fault("solaredge", status=503, times=20)
    assert api.get(f"sites/{site['id']}", headers=headers).json() == site
    assert api.get(f"batteries/{battery['id']}", headers=headers).json() == battery
    assert api.get(f"meters/{battery['id']}", headers=headers).status_code == 404


def test_the_trouble_of_its_vendor_is_the_answer_for_one(clouds, fault):
    api = backend()
    site = api.get("sites", headers=solis()).json()["data"][0]["id"]
    fault("solis", status=429, headers={"Retry-After": "17"})
    told = api.get(f"sites/{site}", headers=solis())
    assert (told.status_code, told["Retry-After"], kind_of(told.json())) == (503, "17", "vendor-throttled")
    wrong = api.get(f"sites/{site}", headers=solis(base64.b64encode(b"sandbox-key:wrong-secret").decode()))
    assert (wrong.status_code, wrong.json()["fault"]) == (403, "caller")
    unsent = api.get(f"sites/{site}", headers=SOLAREDGE)
    assert (unsent.status_code, kind_of(unsent.json())) == (400, "vendor-authorization-missing")
    assert api.get(f"sites/{ids.encode(Native('solis', '17'))}", headers=solis()).status_code == 404


@pytest.mark.parametrize("native", ["../oauth2/token", "1/devices", "..", "1?x=y", "1#", "", "ä", "1\n"])
def test_an_id_leads_nowhere_else_at_the_vendor(native):
    assert ids.decode(ids.encode(Native("solaredge", native))) is None


def test_an_id_names_what_it_was_made_of():
    for native in (Native("solis", "1300"), Native("solis", "13", DerKey(Kind.METER, "a/b?ü"))):
        assert re.fullmatch(ids.PATTERN, ids.encode(native))
        assert ids.decode(ids.encode(native)) == native
    for junk in ("solis", "solis:", "solis:x", "solis:WzFd", "solis:WyIxIiwiY2FyIiwieCJd", "solis:e30"):
        assert ids.decode(junk) is None


# --- intervals -------------------------------------------------------------------------------------------------------


def test_intervals_are_those_of_the_calendar_and_add_up(clouds):
    api, start = backend(), yesterday()
    pv = next(one for one in api.get("solar-inverters", headers=solis()).json()["data"] if one["rated_power_w"] == 5000)
    query = {"from": start.isoformat(), "to": (start + timedelta(hours=12)).isoformat()}
    quarters = api.get(f"solar-inverters/{pv['id']}/intervals", query, headers=solis()).json()
    hours = api.get(f"solar-inverters/{pv['id']}/intervals", {**query, "resolution": "1h"}, headers=solis()).json()
    assert (quarters["timezone"], len(quarters["data"]), len(hours["data"])) == ("Europe/Amsterdam", 48, 12)
    assert all(one["complete"] and one["energy_in_wh"] in {None, 0} for one in quarters["data"])
    sums = [sum(one["energy_out_wh"] or 0 for one in page["data"]) for page in (quarters, hours)]
    assert sums[0] == pytest.approx(sums[1], abs=1)
    assert sums[0] > 0
    assert hours["data"][0]["start"] == start.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_site_tells_what_its_devices_did_together(clouds):
    api, start = backend(), yesterday()
    query = {"from": start.isoformat(), "to": (start + timedelta(hours=12)).isoformat(), "resolution": "1h"}
    site = next(one for one in api.get("sites", headers=solis()).json()["data"] if len(one["devices"]) == 3)
    pv, battery, meter = (
        api.get(f"{kind}/{device['id']}/intervals", query, headers=solis()).json()["data"]
        for kind, device in zip(
            ("solar-inverters", "batteries", "meters"),
            sorted(site["devices"], key=lambda one: ("pv", "battery", "meter").index(one["kind"])), strict=True,
        )
    )  # fmt: skip
    whole = api.get(f"sites/{site['id']}/intervals", query, headers=solis()).json()
    assert (whole["timezone"], len(whole["data"])) == (site["timezone"], 12)
    for together, sun, stored, grid in zip(whole["data"], pv, battery, meter, strict=True):
        assert together["generation_wh"] == sun["energy_out_wh"]
        assert (together["charge_wh"], together["soc"]) == (stored["energy_in_wh"], stored["soc"])
        assert (together["import_wh"], together["export_wh"]) == (grid["energy_in_wh"], grid["energy_out_wh"])
    assert any(one["consumption_wh"] for one in whole["data"])
    table = api.get(f"sites/{site['id']}/intervals", {**query, "format": "csv"}, headers=solis()).content.decode(
        "utf-8-sig"
    )
    assert [row["end"] for row in csv.DictReader(table.splitlines())] == [one["end"] for one in whole["data"]]


def test_every_vendor_tells_what_its_batteries_did(clouds, enphase):
    start = yesterday()
    query = {"from": start.isoformat(), "to": (start + timedelta(hours=4)).isoformat(), "resolution": "1h"}
    for brought in (solis(), SOLAREDGE, enphase):
        battery = backend().get("batteries", headers=brought).json()["data"][0]
        answer = backend().get(f"batteries/{battery['id']}/intervals", query, headers=brought)
        assert answer.status_code == 200, answer.json()
        found = answer.json()["data"]
        assert len(found) in {4, 5}  # five where the zone is off by half an hour
        assert any(one["soc"] is not None and one["quality"] for one in found), battery["vendor"]


def test_what_has_not_been_is_unknown_and_not_complete(clouds):
    api, start = backend(), timezone.now() + timedelta(days=1)
    pv = api.get("solar-inverters", headers=solis()).json()["data"][0]["id"]
    found = api.get(
        f"solar-inverters/{pv}/intervals",
        {"from": start.isoformat(), "to": (start + timedelta(hours=1)).isoformat()},
        headers=solis(),
    )
    assert {(one["energy_out_wh"], one["quality"], one["complete"]) for one in found.json()["data"]} == {
        (None, None, False)
    }


def test_a_window_that_is_too_long_or_empty_is_refused(clouds):
    address = f"meters/{ids.encode(Native('solis', '1', DerKey(Kind.METER, 'x')))}/intervals"
    for query, kind in (
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}, "window-too-long"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, "invalid-request"),
        ({"resolution": "1s"}, "invalid-request"),
    ):
        refused = backend().get(address, query, headers=solis())
        assert (refused.status_code, kind_of(refused.json())) == (400, kind)
