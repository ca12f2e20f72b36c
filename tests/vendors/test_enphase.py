"""Enphase: what is asked for, what refusals mean, and how odd replies are read.

Ordinary replies are in the folders of `tests/fixtures/vendors/enphase`, which `test_conformance` runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from ingest.readings import DerKey, Kind, Quality, Reading
from ingest.vendors.base import Dropped, Page, Refused, VendorDer, VendorSystem, Window
from ingest.vendors.enphase import Enphase, telemetry
from ingest.vendors.errors import (
    Scope,
    VendorAuthFailed,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp

API = "https://api.enphaseenergy.com/api/v4"
NOON = datetime(2026, 6, 10, 12, 7, 31, tzinfo=UTC)
MORNING = Window(datetime(2026, 6, 10, 6, 7, 31, tzinfo=UTC), NOON)
PV = VendorDer(DerKey(Kind.PV, "1223EIM1"), external_id=telemetry.PV_METER)
MICROS = VendorDer(DerKey(Kind.PV, "1001-pv"), external_id=telemetry.PV_MICROS)
METER = VendorDer(DerKey(Kind.METER, "1223EIM2"))
BATTERY = VendorDer(DerKey(Kind.BATTERY, "1001-battery"))
CONSUMPTION = [telemetry.IMPORT, telemetry.EXPORT, telemetry.BATTERY]
NOT_TICKED = "Tick its access control in Enphase's developer portal, or take a plan that has it."
EMPTY: dict[str, Any] = {"intervals": []}


def adapter() -> Enphase:
    http = VendorHttp(user_agent="tests", access_token=lambda _: "the-token")
    secrets = {"client_id": "app", "client_secret": "app-secret", "api_key": "app-key"}
    return Enphase(secrets=secrets, urls=Enphase.base_urls, http=http, clock=lambda: NOON)


def home(*ders: VendorDer) -> VendorSystem:
    return VendorSystem("1001", timezone="Europe/Madrid", ders=ders)


def read(der: VendorDer, resource: str, body: Any, **context: Any) -> list[Reading]:
    return [reading for _, reading in Enphase.normalize(home(der), Page(resource, body, context), Dropped())]


def rows(name: str, *values: Any, step: int = 900) -> dict[str, Any]:
    end = int(datetime(2026, 6, 10, 8, tzinfo=UTC).timestamp())
    return {"intervals": [{"end_at": end + number * step, name: value} for number, value in enumerate(values, 1)]}


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


# --- systems ---------------------------------------------------------------------------------------------------------


def page_of(*ids: int, **more: Any) -> dict[str, Any]:
    return {"systems": [{"system_id": number, "name": f"Home {number}"} for number in ids], **more}


def test_a_call_carries_the_owners_token_and_the_applications_key(vendor):
    vendor.get(f"{API}/systems", json=page_of(1, total=1))
    assert adapter().systems() == [VendorSystem("1", name="Home 1", described=False)]
    request = vendor.calls[0].request
    assert request.headers["Authorization"] == "Bearer the-token"
    assert request.params == {"key": "app-key", "page": "1", "size": "100"}


@pytest.mark.parametrize("last,total", [((5,), 5), ((5, 6), 6), ((5,), None), ((), 99)])
def test_all_pages_of_systems_are_read_and_no_more(vendor, monkeypatch, last, total):
    monkeypatch.setattr(Enphase, "systems_in_page", 2)
    for page, ids in (1, (1, 2)), (2, (3, 4)), (3, last):
        asked = matchers.query_param_matcher({"page": page}, strict_match=False)
        vendor.get(f"{API}/systems", json=page_of(*ids, total=total), match=[asked])
    assert [system.external_id for system in adapter().systems()] == [str(n) for n in (1, 2, 3, 4, *last)]


def test_pages_without_an_end_are_a_fault(vendor, monkeypatch):
    monkeypatch.setattr(Enphase, "systems_in_page", 1)
    vendor.get(f"{API}/systems", json=page_of(1))
    with pytest.raises(VendorReplyInvalid, match="does not end after 100 pages"):
        adapter().systems()


@pytest.mark.parametrize("body", ["", "<html>Sorry</html>", "[]", '{"systems": 7}', '{"systems": [{"name": "no id"}]}'])
def test_a_listing_that_cannot_be_read_is_said_to_be_so(vendor, body):
    vendor.get(f"{API}/systems", body=body)
    with pytest.raises(VendorReplyInvalid):
        adapter().systems()


# --- describe --------------------------------------------------------------------------------------------------------


def device(sn: str, product: str = "", **more: Any) -> dict[str, Any]:
    return {"serial_number": sn, "product_name": product, "active": True, **more}


def production(sn: str = "1223EIM1", **more: Any) -> dict[str, Any]:
    return device(sn, "IQ Meter", **{"name": "production", "state": "enabled", **more})


def consumption(sn: str = "1223EIM2", **more: Any) -> dict[str, Any]:
    return production(sn, **{"name": "consumption", **more})


@pytest.fixture
def described(vendor: responses.RequestsMock) -> Callable[..., VendorSystem]:
    """Return a function that says what the only system has and describes it."""

    def describe(*, source: str = "meter", entry: Any = None, told: Any = None, **devices: Any) -> VendorSystem:
        vendor.get(f"{API}/systems/1001", json=entry or {"system_id": 1001, "timezone": "US/Pacific"})
        vendor.get(f"{API}/systems/1001/summary", json={"source": source, **(told or {})})
        vendor.get(f"{API}/systems/1001/devices", json={"devices": devices})
        return adapter().describe(VendorSystem("1001", name="House", described=False))

    return describe


def test_a_system_is_described_with_its_zone_and_one_der_of_each_kind(described):
    told = {"size_w": 2975, "battery_discharge_w": 3840}
    system = described(
        told=told,
        micros=[device("48220001", "IQ8+"), device("48220002", "IQ8+")],
        meters=[production(), consumption()],
        encharges=[device("49230001", "IQ Battery 5P"), device("49230002", "IQ Battery 10")],
    )
    assert system == VendorSystem(
        "1001", "House", "US/Pacific",
        ders=[
            VendorDer(
                PV.key, make="Enphase", model="IQ8+", rated_power_w=2975.0, external_id="telemetry/production_meter"
            ),
            VendorDer(METER.key, make="Enphase", model="IQ Meter"),
            VendorDer(BATTERY.key, make="Enphase", rated_power_w=3840.0),
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    "source,meters,sn,resource",
    [
        ("meter", [production()], "1223EIM1", telemetry.PV_METER),
        ("meter", [production(), production("1224EIM1")], "1001-pv", telemetry.PV_METER),
        ("meter", [production(state="disabled")], "1001-pv", telemetry.PV_MICROS),
        ("meter", [production(active=False)], "1001-pv", telemetry.PV_MICROS),
        ("microinverters", [production()], "1001-pv", telemetry.PV_MICROS),
    ],
)
def test_pv_is_metered_the_way_the_vendor_goes_by(described, source, meters, sn, resource):
    (pv,) = described(source=source, micros=[device("48220001")], meters=meters).ders
    assert (pv.key.sn, pv.external_id) == (sn, resource)


@pytest.mark.parametrize("kind", ["encharges", "acbs"])
def test_another_battery_does_not_end_the_series_of_the_first(described, kind):
    (battery,) = described(**{kind: [device("49230001")]}).ders
    assert battery.key == BATTERY.key


@pytest.mark.parametrize("meter", [consumption(state="disabled"), consumption(active=False), consumption(name="x")])
def test_a_meter_that_does_not_measure_is_none(described, meter):
    assert described(meters=[meter]).ders == []


@pytest.mark.parametrize("timezone", [None, "", "Mars/Olympus", 7])
def test_a_system_without_a_known_zone_is_read_in_utc(described, timezone):
    assert described(entry={"system_id": 1001, "timezone": timezone}).timezone == "UTC"


@pytest.mark.parametrize("devices", [{"micros": 7}, {"meters": [7]}])
def test_devices_of_another_shape_are_refused(described, devices):
    with pytest.raises(VendorReplyInvalid, match="devices"):
        described(**devices)


# --- fetch -----------------------------------------------------------------------------------------------------------


def answers(vendor: responses.RequestsMock, *resources: str) -> None:
    for resource in resources:
        vendor.get(f"{API}/systems/1001/{resource}", json={"of": resource, **EMPTY})


def fetched(*ders: VendorDer, window: Window = MORNING) -> list[Page | Refused]:
    return list(adapter().fetch(home(*ders), window))


@pytest.mark.parametrize(
    "ders,resources",
    [
        ([], []),
        ([PV], [telemetry.PV_METER]),
        ([MICROS], [telemetry.PV_MICROS]),
        ([METER], CONSUMPTION[:2]),
        ([PV, BATTERY], [telemetry.PV_METER, telemetry.BATTERY]),
        ([BATTERY, METER, PV], [telemetry.PV_METER, *CONSUMPTION]),
    ],
)
def test_only_what_the_system_has_is_asked_for(vendor, ders, resources):
    answers(vendor, *resources)
    assert [page.resource for page in fetched(*ders)] == resources


def test_a_window_is_asked_for_from_the_quarter_hour_in_which_it_begins(vendor):
    start = datetime(2026, 6, 10, 6, tzinfo=UTC)
    asked = {"key": "app-key", "start_at": int(start.timestamp()), "granularity": "day"}
    vendor.get(f"{API}/systems/1001/{telemetry.PV_METER}", json=EMPTY, match=[matchers.query_param_matcher(asked)])
    assert fetched(PV)


def test_what_a_gateway_on_a_cellular_modem_brings_every_six_hours_is_still_looked_for():
    assert Enphase.policy.lookback > timedelta(hours=6)


def test_a_window_as_long_as_the_cap_fits_into_a_day_of_23_hours():
    assert Enphase.policy.window_cap + timedelta(minutes=15) <= timedelta(hours=23)


def test_the_first_pull_of_a_home_with_everything_fits_into_the_calls_of_a_minute(vendor):
    answers(vendor, telemetry.PV_METER, *CONSUMPTION)
    fetched(PV, METER, BATTERY)
    listing, describing = 1, 3
    assert listing + describing + len(vendor.calls) <= Enphase.policy.quotas[0].limit
    assert Enphase.policy.first_lookback <= Enphase.policy.window_cap


def test_exported_energy_comes_with_what_was_imported(vendor):
    answers(vendor, *CONSUMPTION[:2])
    assert [list(page.context) for page in fetched(METER) if isinstance(page, Page)] == [[], [telemetry.IMPORT]]


# --- refusals --------------------------------------------------------------------------------------------------------


def problem(code: int | str, details: str = "User is not authorized") -> dict[str, Any]:
    return {"message": "A title", "details": details, "code": code}


def refuse(vendor: responses.RequestsMock, resource: str, status: int, body: Any) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    vendor.get(f"{API}/systems/1001{resource and '/'}{resource}", status=status, body=text)


@pytest.mark.parametrize(
    "status,body,error,says",
    [
        (400, {"message": "Bad request", "code": "400", "details": "Invalid system_id"}, VendorUnsupported, "Invalid"),
        (405, {"reason": "405", "message": ["Method not allowed"]}, VendorUnsupported, "HTTP 405 Method not allowed"),
        (404, problem(404, 'System not found for {:id=>"1"}'), VendorUnsupported, "System not found"),
        (422, problem("422", "Invalid request because of 'granularity'"), VendorUnsupported, "granularity"),
        (500, {"errorCode": 7, "errorMessages": ["Data is temporarily unavailable"]}, VendorUnavailable, "temporarily"),
        (501, {"reason": "501", "message": ["Not Implemented"]}, VendorUnavailable, "HTTP 501"),
        (503, "<html>Sorry</html>", VendorUnavailable, "HTTP 503"),
        (302, "", VendorReplyInvalid, "HTTP 302"),
        (200, "<html>Maintenance</html>", VendorReplyInvalid, "not JSON: <html>Maintenance"),
        (429, problem(429, "Usage limit exceeded for plan Watt"), VendorThrottled, "plan Watt"),
        (422, "<html>Not ours</html>", VendorUnsupported, "<html>"),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_to_do(vendor, status, body, error, says):
    refuse(vendor, telemetry.PV_METER, status, body)
    with pytest.raises(error, match=says) as caught:
        fetched(PV)
    assert type(caught.value) is error
    assert "app-key" not in str(caught.value)


@pytest.mark.parametrize(
    "body,wait",
    [
        ({"period": "minute", "period_end": int(NOON.timestamp()) + 29, "limit": 10}, 29),
        ({"period": "month", "period_end": int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())}, 20 * 86400 + 42749),
        ({"period": "minute", "period_end": int(NOON.timestamp()) - 5}, 1),
        ({"period_end": 10**400}, 31 * 86400),
        ({"period_end": "soon"}, 15 * 60),
        ({}, 15 * 60),
    ],
    ids=["minute", "month", "over", "absurd", "no time", "unsaid"],
)
def test_a_quota_that_is_used_up_is_waited_for_by_all_homes_of_the_application(vendor, body, wait):
    refuse(vendor, telemetry.PV_METER, 429, {**problem(429), **body})
    with pytest.raises(VendorThrottled) as caught:
        fetched(PV)
    assert caught.value.retry_after == wait
    assert caught.value.scope is Scope.APPLICATION


@pytest.mark.parametrize("failure", [requests.ReadTimeout(), requests.ConnectionError("reset")])
def test_a_network_that_fails_is_unavailable(vendor, failure):
    vendor.get(f"{API}/systems", body=failure)
    with pytest.raises(VendorUnavailable, match=type(failure).__name__):
        adapter().systems()


def test_before_its_first_report_a_system_has_nothing_to_say_and_the_rest_goes_on(vendor):
    details = "Invalid request because of 'Requested date range is invalid for this system. {:start_at=>1566930600}'"
    refuse(vendor, telemetry.PV_METER, 422, problem(422, details))
    answers(vendor, telemetry.BATTERY)
    assert [page.resource for page in fetched(PV, BATTERY)] == [telemetry.BATTERY]


@pytest.mark.parametrize("status", [401, 403])
def test_a_group_of_endpoints_that_is_closed_is_said_once_while_the_rest_goes_on(vendor, status):
    answers(vendor, telemetry.PV_METER)
    refuse(vendor, telemetry.IMPORT, status, problem(str(status)))
    vendor.get(f"{API}/systems/1001", json={"system_id": 1001})
    pv, *closed = fetched(PV, METER, BATTERY)
    assert pv.resource == telemetry.PV_METER
    assert [one.resource for one in closed] == CONSUMPTION
    reasons = {one.reason for one in closed if isinstance(one, Refused)}
    assert reasons == {f"HTTP {status} User is not authorized. {NOT_TICKED}"}
    assert len(vendor.calls) == 3


def test_a_battery_that_a_plan_lacks_leaves_the_meter_alone(vendor):
    answers(vendor, *CONSUMPTION[:2])
    refuse(vendor, telemetry.BATTERY, 401, problem(401))
    vendor.get(f"{API}/systems/1001", json={"system_id": 1001})
    assert [type(page) for page in fetched(METER, BATTERY)] == [Page, Page, Refused]


@pytest.mark.parametrize(
    "status,details,error",
    [
        (401, "User is not authorized", VendorAuthFailed),
        (401, "API Key -Client mismatch", VendorUnsupported),
        (403, "Not authorized to access this resource", VendorUnsupported),
    ],
)
def test_where_the_system_itself_is_refused_it_is_no_matter_of_parts(vendor, status, details, error):
    vendor.get(re.compile(f"{API}/systems/1001.*"), status=status, json=problem(status, details))
    with pytest.raises(error, match=details) as caught:
        fetched(PV)
    assert type(caught.value) is error


# --- normalize, beyond the fixture folders ---------------------------------------------------------------------------


def test_import_and_export_of_an_interval_make_its_net_power():
    bodies = rows("wh_imported", 40, 0, 7), rows("wh_exported", 15, 250)
    first, second = read(METER, telemetry.EXPORT, bodies[1], **{telemetry.IMPORT: bodies[0]})
    assert (first.energy_in_wh, first.energy_out_wh, first.power_w) == (Decimal(40), Decimal(15), 100.0)
    assert (second.power_w, second.quality, second.interval_s) == (-1000.0, Quality.DERIVED, 900)


def test_an_import_that_is_missing_makes_no_net_power():
    only = rows("wh_exported", 15, 250)
    assert [reading.power_w for reading in read(METER, telemetry.EXPORT, only, **{telemetry.IMPORT: EMPTY})] == [
        None
    ] * 2


def test_the_other_metering_of_a_home_is_not_mixed_in():
    assert read(PV, telemetry.PV_MICROS, rows("powr", 7, 8)) == []
    assert len(read(MICROS, telemetry.PV_MICROS, rows("powr", 7, 8))) == 2


def test_without_sun_there_is_zero_and_not_minus_zero():
    assert [str(reading.power_w) for reading in read(PV, telemetry.PV_METER, rows("wh_del", 0, 0))] == ["0.0"] * 2
    assert [str(reading.power_w) for reading in read(MICROS, telemetry.PV_MICROS, rows("powr", 0, 0))] == ["0.0"] * 2


@pytest.mark.parametrize("wh,kept", [(750, 2), (751, 1)])
def test_power_far_beyond_what_is_installed_is_dropped(wh, kept):
    pv = VendorDer(PV.key, rated_power_w=1000.0, external_id=telemetry.PV_METER)
    assert len(read(pv, telemetry.PV_METER, rows("wh_del", 1, wh))) == kept


@pytest.mark.parametrize("value", [float("nan"), float("inf"), pytest.param(10**400, id="huge"), "7", [], True, -1])
def test_a_value_that_is_no_energy_is_dropped_and_counted(value):
    dropped = Dropped()
    page = Page(telemetry.PV_METER, rows("wh_del", value, 5))
    assert len(list(Enphase.normalize(home(PV), page, dropped))) == 1
    assert dropped.count == 1


@pytest.mark.parametrize("offsets,widths", [
    ([300, 600, 1500, 2400], [300] * 4),
    ([300, 900, 1200], [300] * 3),
    ([900, 1800, 3600, 10800], [900] * 4),
    ([900, 1800, 2100, 2400, 3300], [900, 300, 300, 300, 300]),
    ([900, 2700], [0, 0]),
])  # fmt: skip
def test_an_interval_is_as_long_as_its_steps_show(offsets, widths):
    start = int(MORNING.start.timestamp()) // 900 * 900
    body = {"intervals": [{"end_at": start + offset, "powr": 12} for offset in offsets]}
    assert [reading.interval_s for reading in read(MICROS, telemetry.PV_MICROS, body)] == widths


def test_an_energy_over_an_unknown_time_is_not_read():
    alone = {"end_at": 1781079300}
    assert read(METER, telemetry.IMPORT, {"intervals": [{**alone, "wh_imported": 7}]}) == []
    battery = {**alone, "charge": {"enwh": 7}, "discharge": {"enwh": 0}, "soc": {"percent": 50}}
    (charge,) = read(BATTERY, telemetry.BATTERY, {"intervals": [battery]})
    assert (charge.soc, charge.energy_in_wh, charge.power_w, charge.interval_s) == (0.5, None, None, 0)
    (power,) = read(MICROS, telemetry.PV_MICROS, {"intervals": [{**alone, "powr": 12, "enwh": 1}]})
    assert (power.power_w, power.energy_out_wh) == (-12.0, None)


def test_a_resource_that_is_not_known_is_ours_to_mend():
    with pytest.raises(VendorUnsupported, match="no resource"):
        read(PV, "telemetry/heat_pump", EMPTY)
