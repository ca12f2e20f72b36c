"""SolarEdge: what is asked for, what refusals mean, and how odd replies are read.

Ordinary replies are in the folders of `tests/fixtures/vendors/solaredge`, which `test_conformance` runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
import responses
from responses import matchers

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
from ingest.vendors.solaredge import SolarEdge

API = "https://monitoringapi.solaredge.com"
NOON = datetime(2026, 6, 10, 12, 7, 31, 500_000, tzinfo=UTC)
PV, METER, BATTERY = DerKey(Kind.PV, "7E1"), DerKey(Kind.METER, "5118719"), DerKey(Kind.BATTERY, "BAT-7")


def adapter(key: str = "fleet-key") -> SolarEdge:
    http = VendorHttp(user_agent="tests")
    return SolarEdge(secrets={"api_key": key}, urls=SolarEdge.base_urls, http=http, clock=lambda: NOON)


def home(*keys: DerKey, timezone: str = "Europe/Madrid") -> VendorSystem:
    return VendorSystem("1001", timezone=timezone, ders=[VendorDer(key) for key in keys])


def hours(start: int, end: int) -> Window:
    return Window(datetime(2026, 6, 10, start, tzinfo=UTC), datetime(2026, 6, 10, end, tzinfo=UTC))


def listing(*sites: dict[str, Any]) -> dict[str, Any]:
    return {"sites": {"count": len(sites), "site": list(sites)}}


def device(kind: str, sn: str | None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "serialNumber": sn, "active": True, **more}


def read(system: VendorSystem, resource: str, body: Any, **context: Any) -> list[tuple[DerKey, Reading]]:
    return list(SolarEdge.normalize(system, Page(resource, body, context), Dropped()))


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def one_site(vendor: responses.RequestsMock) -> Callable[..., VendorSystem]:
    """Return a function that says which devices and details the only site has and lists it."""

    def listed(*devices: dict[str, Any], location: Any = None, **site: Any) -> VendorSystem:
        entry = {"siteId": 1001, "name": "House", "peakPower": 5.68, "activationStatus": "ACTIVE", **site}
        vendor.get(f"{API}/v2/sites", json=listing(entry))
        vendor.get(f"{API}/v2/sites/1001", json={**entry, "location": location or {"timezone": "Europe/Madrid"}})
        vendor.get(f"{API}/v2/sites/1001/devices", json=list(devices))
        (system,) = adapter().described_systems()
        return system

    return listed


# --- systems ---------------------------------------------------------------------------------------------------------


def test_a_site_becomes_a_system_with_its_zone_and_pv(one_site, vendor):
    made = device("INVERTER", "7E1", name="Inverter 1", manufacturer="SolarEdge", partNumber="SE5000H")
    system = one_site(made)
    assert system == VendorSystem(
        "1001", "House", "Europe/Madrid",
        ders=[VendorDer(PV, name="Inverter 1", make="SolarEdge", model="SE5000H", rated_power_w=5680.0)],
    )  # fmt: skip
    assert vendor.calls[0].request.headers["X-API-Key"] == "fleet-key"
    assert vendor.calls[0].request.headers["Accept"] == "application/json"
    assert vendor.calls[2].request.params["types"] == ["INVERTER", "METER", "BATTERY"]


def test_one_meter_listed_for_both_directions_is_one_der_and_others_are_none(one_site):
    system = one_site(
        device("METER", "5118719", name="Export Meter", meterType="FeedIn"),
        device("METER", "5118719", name="Import Meter", meterType="Purchased"),
        device("METER", "5118720", meterType="Production"),
        device("METER", None, meterType="Consumption"),
        device("METER", None, meterType="SelfConsumption"),
        peakPower=0,
    )
    assert [der.key for der in system.ders] == [METER]


@pytest.mark.parametrize("meter_type", ["FEED_IN", "FEEDIN", "PURCHASED", "Purchased"])
def test_a_grid_meter_is_known_however_its_type_is_written(one_site, meter_type):
    assert [der.key for der in one_site(device("METER", "5118719", meterType=meter_type), peakPower=0).ders] == [METER]


def test_batteries_go_by_their_serials(one_site):
    system = one_site(device("BATTERY", "BAT-7"), device("BATTERY", "BAT-8"), device("BATTERY", None), peakPower=0)
    assert [der.key.sn for der in system.ders] == ["BAT-7", "BAT-8"]


def test_several_inverters_are_one_pv_named_after_the_site(one_site):
    system = one_site(device("INVERTER", "7E1"), device("INVERTER", "7E2"))
    assert [der.key for der in system.ders] == [DerKey(Kind.PV, "site-1001")]


def test_an_inverter_that_was_replaced_does_not_count(one_site):
    system = one_site(device("INVERTER", "7E0", active=False), device("INVERTER", "7E1"))
    assert [der.key for der in system.ders] == [PV]


def test_a_site_with_nothing_has_no_ders(one_site):
    assert one_site(peakPower=None).ders == []


@pytest.mark.parametrize("location", ["REDACTED", {"city": "Madrid"}, {"timezone": "Mars/Olympus"}, {"timezone": 7}])
def test_a_site_without_a_known_zone_is_read_in_utc(one_site, location):
    assert one_site(location=location).timezone == "UTC"


def test_sites_that_are_not_in_operation_yet_are_left_out_and_cost_nothing(vendor):
    vendor.get(f"{API}/v2/sites", json=listing({"siteId": 1, "activationStatus": "PENDING"}))
    assert adapter().described_systems() == []
    assert len(vendor.calls) == 1


def test_all_pages_of_sites_are_read(vendor, monkeypatch):
    monkeypatch.setattr(SolarEdge, "sites_in_page", 2)
    for page, ids in (1, (1, 2)), (2, (3, 4)), (3, (5,)):
        found = listing(*({"siteId": number} for number in ids))
        asked = {"page": str(page), "sites-in-page": "2"}
        vendor.get(f"{API}/v2/sites", json=found, match=[matchers.query_param_matcher(asked)])
    vendor.get(re.compile(rf"{API}/v2/sites/\d$"), json={"location": {"timezone": "Europe/Paris"}})
    vendor.get(re.compile(rf"{API}/v2/sites/\d/devices"), json=[])
    assert [system.external_id for system in adapter().described_systems()] == ["1", "2", "3", "4", "5"]


def test_pages_without_an_end_are_a_fault(vendor, monkeypatch):
    monkeypatch.setattr(SolarEdge, "sites_in_page", 1)
    vendor.get(f"{API}/v2/sites", json=listing({"siteId": 1, "activationStatus": "PENDING"}))
    with pytest.raises(VendorReplyInvalid, match="does not end after 100 pages"):
        adapter().described_systems()


def test_the_bare_array_of_an_early_version_is_understood(vendor):
    vendor.get(f"{API}/v2/sites", json=[{"siteId": 1, "activationStatus": "PENDING"}])
    assert adapter().described_systems() == []


@pytest.mark.parametrize("key", ["", "  ", "ключ", "two\nlines"])
def test_a_key_that_cannot_be_one_is_not_sent(key):
    with pytest.raises(VendorAuthFailed, match="API key"):
        adapter(key=key).described_systems()


def test_blanks_around_a_pasted_key_do_no_harm(vendor):
    vendor.get(f"{API}/v2/sites", json=listing(), match=[matchers.header_matcher({"X-API-Key": "fleet-key"})])
    assert adapter(key=" fleet-key\n").described_systems() == []


# --- fetch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys,resources",
    [
        ([], []),
        ([PV], ["power", "energy"]),
        ([METER], ["meters/telemetry"]),
        ([PV, BATTERY], ["power", "energy", "storage/telemetry"]),
        ([PV, METER, BATTERY], ["power", "energy", "meters/telemetry", "storage/telemetry"]),
    ],
)
def test_only_what_the_site_has_is_asked_for(vendor, keys, resources):
    for resource in resources:
        vendor.get(f"{API}/v2/sites/1001/{resource}", json={"of": resource})
    pages: list[Any] = list(adapter().fetch(home(*keys), hours(6, 18)))
    assert [page.resource for page in pages] == resources
    assert [page.body for page in pages] == [{"of": resource} for resource in resources]


def test_a_window_is_asked_for_in_site_time_with_its_offset_and_in_whole_quarter_hours(vendor):
    asked = {"from": "2026-10-25T02:45:00+02:00", "to": "2026-10-25T02:00:00+01:00", "resolution": "QUARTER_HOUR"}
    vendor.get(f"{API}/v2/sites/1001/power", json={}, match=[matchers.query_param_matcher(asked)])
    vendor.get(f"{API}/v2/sites/1001/energy", json={}, match=[matchers.query_param_matcher(asked)])
    window = Window(datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), datetime(2026, 10, 25, 1, 14, 3, tzinfo=UTC))
    pages: list[Any] = list(adapter().fetch(home(PV), window))
    assert [page.context for page in pages] == [asked, asked]


@pytest.mark.parametrize("minutes", range(0, 60, 7))
def test_a_window_as_long_as_the_cap_stays_within_it(vendor, minutes):
    vendor.get(re.compile(f"{API}/v2/sites/1001/.*"), json={})
    start = datetime(2026, 6, 10, 3, minutes, 59, tzinfo=UTC)
    page: Any = next(adapter().fetch(home(PV), Window(start, start + SolarEdge.policy.window_cap)))
    asked = datetime.fromisoformat(page.context["to"]) - datetime.fromisoformat(page.context["from"])
    assert asked <= SolarEdge.policy.window_cap


def test_a_window_within_one_quarter_hour_costs_nothing():
    window = Window(datetime(2026, 6, 10, 12, 1, tzinfo=UTC), datetime(2026, 6, 10, 12, 14, tzinfo=UTC))
    assert list(adapter().fetch(home(PV), window)) == []


# --- refusals --------------------------------------------------------------------------------------------------------


def problem(detail: str) -> dict[str, Any]:
    return {
        "type": "https://se-api.stoplight.io/docs/monitoring",
        "title": "A title",
        "detail": detail,
        "traceId": "6a",
    }


def refused(vendor: responses.RequestsMock, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    """Ask a site for its power and be refused."""
    text = body if isinstance(body, str) else json.dumps(body)
    vendor.get(f"{API}/v2/sites/1001/power", status=status, body=text, headers=headers)
    list(adapter().fetch(home(PV), hours(6, 18)))


@pytest.mark.parametrize(
    "status,body,error,says",
    [
        (400, problem("The window is too long"), VendorUnsupported, "The window is too long"),
        (401, problem("Invalid API key"), VendorAuthFailed, "Invalid API key"),
        (
            401,
            {"error": "invalid_request", "error_description": "The access token is missing"},
            VendorAuthFailed,
            "missing",
        ),
        (403, problem("This needs the Advanced tier"), VendorUnsupported, "Advanced tier"),
        (403, problem("No access to this site"), VendorUnsupported, "No access"),
        (403, {"message": "site OAuth grant doesn't include this site"}, VendorAuthFailed, "grant"),
        (404, problem("Unknown endpoint"), VendorUnsupported, "Unknown endpoint"),
        (410, {"title": "Gone"}, VendorUnsupported, "Gone.*Fleet Access app for V2"),
        (410, "<html>Sign up at the developer portal</html>", VendorUnsupported, "V1 is switched off"),
        (302, "", VendorReplyInvalid, "HTTP 302"),
        (418, problem("A teapot"), VendorReplyInvalid, "HTTP 418 A teapot"),
        (500, problem("Oops"), VendorUnavailable, "HTTP 500"),
        (503, "<html>Cloudflare</html>", VendorUnavailable, "HTTP 503"),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_to_do(vendor, status, body, error, says):
    with pytest.raises(error, match=says) as caught:
        refused(vendor, status, body)
    assert type(caught.value) is error
    assert "fleet-key" not in str(caught.value)


def test_a_key_that_may_not_list_sites_is_no_fleet_key(vendor):
    vendor.get(f"{API}/v2/sites", status=403, json=problem("Not allowed"))
    with pytest.raises(VendorAuthFailed, match="GET /sites: HTTP 403 Not allowed"):
        adapter().described_systems()


@pytest.mark.parametrize(
    "headers,wait",
    [
        ({"retry-after": "17", "x-ratelimit-remaining-minute": "0"}, 17),
        ({"Retry-After": "3", "X-RateLimit-Remaining-Minute": "5"}, 3),
        ({"x-ratelimit-remaining-minute": "0"}, 60),
        ({"x-ratelimit-remaining-minute": "9"}, 6 * 3600),
        ({}, 60),
    ],
    ids=["minute", "told to wait", "minute without a time", "month", "no header"],
)
def test_too_many_calls_wait_for_the_minute_or_probe_for_the_month(vendor, headers, wait):
    with pytest.raises(VendorThrottled, match="API rate limit exceeded") as caught:
        refused(vendor, 429, {"message": "API rate limit exceeded"}, headers)
    assert caught.value.retry_after == wait
    assert caught.value.scope is Scope.APPLICATION


@pytest.mark.parametrize("failure", [requests.ReadTimeout(), requests.ConnectionError("reset")])
def test_a_network_that_fails_is_unavailable(vendor, failure):
    vendor.get(f"{API}/v2/sites", body=failure)
    with pytest.raises(VendorUnavailable, match=type(failure).__name__):
        adapter().described_systems()


@pytest.mark.parametrize("body", ["", "<html>", '{"sites": {"site": [{"name": "no id"}]}}', '{"sites": 7}', "[[]]"])
def test_a_listing_that_cannot_be_read_is_said_to_be_so(vendor, body):
    vendor.get(f"{API}/v2/sites", body=body)
    with pytest.raises(VendorReplyInvalid):
        adapter().described_systems()


# --- normalize, beyond the fixture folders ---------------------------------------------------------------------------


def test_energy_is_exact():
    body = {"unit": "KWH", "values": [{"timestamp": "2026-06-10T10:00:00+02:00", "value": 0.1}]}
    ((_, reading),) = read(home(PV), "energy", body)
    assert reading.energy_out_wh == Decimal(100)
    assert reading.interval_s == 900


def test_the_window_that_was_asked_for_closes_buckets_where_the_reply_has_no_period():
    values = [{"timestamp": f"2026-06-10T10:{minute}:00+02:00", "value": 1} for minute in ("00", "15")]
    body = {"meters": {"5118719": {"importEnergy": {"unit": "WH", "values": values}}}}
    readings = read(home(METER), "meters/telemetry", body, to="2026-06-10T10:29:00+02:00", resolution="QUARTER_HOUR")
    assert [reading.ts for _, reading in readings] == [datetime(2026, 6, 10, 8, 15, tzinfo=UTC)]


@pytest.mark.parametrize(
    "stamp,ends",
    [
        ("2026-06-10T10:00:00", ["2026-06-10T08:15:00Z"]),
        ("2026-06-10T10:00:00.000000000+02:00", ["2026-06-10T08:15:00Z"]),
        ("2026-06-10T08:00:00Z", ["2026-06-10T08:15:00Z"]),
        ("2026-10-25T02:30:00", []),  # comes twice
        ("2026-03-29T02:30:00", []),  # never comes
    ],
)
def test_a_time_without_an_offset_is_site_time_unless_that_is_ambiguous(stamp, ends):
    readings = read(home(PV), "power", {"unit": "W", "values": [{"timestamp": stamp, "value": 5}]})
    assert [reading.as_dict()["ts"] for _, reading in readings] == ends


def test_without_power_the_sun_gives_zero_and_not_minus_zero():
    body = {"unit": "W", "values": [{"timestamp": "2026-06-10T05:00:00+02:00", "value": 0.0}]}
    ((_, reading),) = read(home(PV), "power", body)
    assert str(reading.power_w) == "0.0"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "7", [], True])
def test_a_value_that_is_no_number_is_dropped_and_counted(value):
    dropped = Dropped()
    body = {"unit": "W", "values": [{"timestamp": "2026-06-10T05:00:00+02:00", "value": value}]}
    assert list(SolarEdge.normalize(home(PV), Page("power", body), dropped)) == []
    assert dropped.count == 1


@pytest.mark.parametrize(
    "body",
    [
        {"unit": "W", "values": {}},
        {"unit": "W", "values": [], "period": {"to": "yesterday"}},
        {"unit": "W", "values": [], "period": []},
        {"unit": "W", "resolution": "FORTNIGHT", "values": [{"timestamp": "2026-06-10T05:00:00Z", "value": 1}]},
        {"unit": None, "values": [{"timestamp": "2026-06-10T05:00:00Z", "value": 1}]},
    ],
)
def test_a_reply_whose_frame_is_broken_is_refused(body):
    with pytest.raises(VendorReplyInvalid):
        read(home(PV), "power", body)
