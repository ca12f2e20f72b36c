"""The Solis adapter against its stand-in, over real HTTP on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from ingest.readings import VALUES, DerKey, Kind, Reading
from ingest.vendors.base import Dropped, VendorSystem, Window
from ingest.vendors.errors import (
    Scope,
    VendorAuthFailed,
    VendorError,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp
from ingest.vendors.solis import Solis
from sandbox import solis as stand_in
from sandbox import weather
from sandbox.clock import Clock
from sandbox.server import Server, World
from sandbox.solis.plants import ACCOUNTS, Meters
from sandbox.state import State

NOON = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
Found = dict[tuple[DerKey, datetime], list[Reading]]


class Cloud:
    """The stand-in in a server thread, at a moment that stands still until it is moved."""

    def __init__(self, port: int, clock: Clock) -> None:
        self.url, self.clock = f"http://127.0.0.1:{port}", clock

    def settings(self, **wanted: Any) -> Any:
        return requests.post(f"{self.url}/solis/__admin/settings", json=wanted, timeout=60).json()

    def fault(self, **fault: Any) -> None:
        requests.post(f"{self.url}/__admin/faults", json={"cloud": "solis", **fault}, timeout=60).raise_for_status()

    def adapter(self, account: str = "sandbox", secret: str = "") -> Solis:
        secrets = {"key_id": f"{account}-key", "key_secret": secret or f"{account}-secret"}
        http = VendorHttp(user_agent="test")
        return Solis(secrets=secrets, urls={"api": f"{self.url}/solis/api"}, http=http, clock=self.clock.now)

    def used(self, account: str) -> dict[str, int]:
        calls = self.settings()["used"]
        return {name.split()[1]: used for name, used in calls.items() if name.startswith(f"{account}-key")}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    clock, state = Clock(NOON, speed=0), State()
    world = World(clock, state, {})
    server = make_server("127.0.0.1", 0, Server(world, {"solis": stand_in.Solis(world)}), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    running = Cloud(server.server_port, clock)
    running.settings(per_second=1000)
    yield running
    server.shutdown()
    thread.join()
    server.server_close()
    state._db.close()


def pull(adapter: Solis, system: VendorSystem, start: datetime, end: datetime) -> Found:
    found: Found = {}
    dropped = Dropped()
    for page in adapter.fetch(system, Window(start, end)):
        for key, reading in adapter.normalize(system, page, dropped):
            found.setdefault((key, reading.ts), []).append(reading)
    assert dropped.count == 0, dropped.reasons
    return found


def contradictions(readings: list[Reading]) -> list[str]:
    """Return the names of values that were said twice and differently: each would be signed and sent again."""
    return [name for name in VALUES if len({getattr(one, name) for one in readings} - {None}) > 1]


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


# --- systems ---------------------------------------------------------------------------------------------------------


def test_systems_come_with_zone_and_hardware_in_three_calls(cloud: Cloud):
    adapter = cloud.adapter()
    roof, home = adapter.systems()
    assert adapter.http.requests_made == 3
    assert (roof.name, roof.timezone) == ("Amsterdam roof", "Europe/Amsterdam")
    assert [der.key for der in roof.ders] == [DerKey(Kind.PV, "120400000000001")]
    assert (roof.ders[0].make, roof.ders[0].rated_power_w) == ("Solis", 5000)
    assert home.timezone == "Africa/Johannesburg"
    assert {der.key for der in home.ders} == {
        DerKey(Kind.PV, "120400000000002"),
        DerKey(Kind.BATTERY, "120400000000002-battery"),
        DerKey(Kind.METER, "120400000000002-meter"),
    }


def test_an_account_of_more_than_one_page_is_listed_to_its_end(cloud: Cloud):
    systems = cloud.adapter("installer").systems()
    assert len({system.external_id for system in systems}) == 120
    assert all(len(system.ders) == 1 for system in systems)


def test_an_empty_account_has_no_systems(cloud: Cloud):
    assert cloud.adapter("empty").systems() == []


# --- readings --------------------------------------------------------------------------------------------------------


def test_a_day_of_a_hybrid_is_what_its_plant_did(cloud: Cloud):
    adapter = cloud.adapter()
    _, system = adapter.systems()
    plant = ACCOUNTS["sandbox-key"][1][1]
    found = pull(adapter, system, NOON - hours(24), NOON)
    powers = {(key.kind, ts): one.power_w for (key, ts), [one, *_] in found.items()}
    assert len(powers) > 3 * 270
    for (kind, ts), power in powers.items():
        flow = weather.flow(plant.home, ts)
        truth = {Kind.PV: -flow.pv_w, Kind.BATTERY: flow.battery_w, Kind.METER: flow.grid_w}[kind]
        assert power == pytest.approx(truth, abs=0.6)
    states = {ts: one.soc for (key, ts), [one, *_] in found.items() if key.kind is Kind.BATTERY}
    assert all(soc == pytest.approx(weather.flow(plant.home, ts).soc, abs=0.001) for ts, soc in states.items())


def test_pages_of_one_instant_never_contradict_each_other(cloud: Cloud):
    adapter = cloud.adapter()
    for system in adapter.systems():
        for readings in pull(adapter, system, NOON - hours(24), NOON).values():
            assert contradictions(readings) == []


def test_counters_of_all_ders_rise_from_pull_to_pull(cloud: Cloud):
    adapter = cloud.adapter()
    _, system = adapter.systems()
    totals: dict[Kind, list[tuple[Any, Any]]] = {kind: [] for kind in Kind}
    for _ in range(6):
        cloud.clock.set(cloud.clock.now() + hours(5), 0)
        now = cloud.clock.now()
        for (key, ts), readings in pull(adapter, system, now - hours(24), now).items():
            if ts > now - timedelta(minutes=20):
                totals[key.kind] += [(one.total_in_wh or 0, one.total_out_wh) for one in readings if one.total_out_wh]
    for of_kind in totals.values():
        ins, outs = zip(*of_kind, strict=True)
        assert list(ins) == sorted(ins)
        assert list(outs) == sorted(outs)
        assert outs[-1] > outs[0]


def test_a_station_without_inverters_gets_nothing_of_the_others(cloud: Cloud):
    assert pull(cloud.adapter(), VendorSystem("1298491919448631999"), NOON - hours(24), NOON) == {}


def test_a_battery_that_lost_its_sign_still_discharges(cloud: Cloud):
    cloud.settings(always_positive_battery=True)
    adapter = cloud.adapter()
    _, system = adapter.systems()
    found = pull(adapter, system, NOON - hours(24), NOON)
    powers = [one.power_w or 0 for (key, _), [one, *_] in found.items() if key.kind is Kind.BATTERY]
    assert min(powers) < -100 < 100 < max(powers)


def test_a_silent_station_costs_no_calls_for_rows_and_repeats_nothing(cloud: Cloud):
    adapter = cloud.adapter("offline")
    (system,) = adapter.systems()
    assert pull(adapter, system, NOON - hours(24), NOON) == {}
    assert "inverterDay" not in cloud.used("offline")
    assert pull(adapter, system, NOON - hours(96), NOON - hours(72)) != {}


@pytest.mark.parametrize("day_by", ["station", "timeZone"])
@pytest.mark.parametrize(
    "account,noon",
    [
        ("half-hour", NOON),
        ("summer-time", datetime(2026, 3, 29, 12, tzinfo=UTC)),
        ("summer-time", datetime(2026, 10, 25, 12, tzinfo=UTC)),
    ],
)
def test_no_sample_is_lost_around_midnight_in_half_hour_zones_and_at_the_change_of_clocks(
    cloud: Cloud, account: str, noon: datetime, day_by: str
):
    cloud.settings(day_by=day_by)
    cloud.clock.set(noon + hours(24), 0)
    adapter = cloud.adapter(account)
    (system,) = adapter.systems()
    windows = [noon - hours(20) + n * hours(0.5) for n in range(28)]
    (plant,) = ACCOUNTS[f"{account}-key"][1]
    samples = Meters(NOON).rows(plant, windows[0], noon - hours(6), cloud.clock.now())
    found = {ts for start in windows for _, ts in pull(adapter, system, start, start + hours(0.5))}
    assert found == {sample.at for sample in samples}


def test_a_day_of_pulls_stays_within_the_quotas_of_two_homes_misses_nothing_and_says_nothing_twice(cloud: Cloud):
    """144 pulls, 10 minutes apart, each read as the portal does: from the policy's look back to now."""
    cloud.clock.set(datetime(2026, 6, 20, tzinfo=UTC), 0)
    systems = cloud.adapter().systems()
    before = cloud.used("sandbox")
    found: Found = {}
    for _ in range(144):
        cloud.clock.set(cloud.clock.now() + Solis.policy.interval, 0)
        adapter, now = cloud.adapter(), cloud.clock.now()
        for system in systems:
            for point, readings in pull(adapter, system, now - Solis.policy.interval - hours(2), now).items():
                found.setdefault(point, []).extend(readings)
    used = {name: count - before.get(name, 0) for name, count in cloud.used("sandbox").items()}
    assert max(used.values()) <= 180
    assert sum(used.values()) <= Solis.policy.quotas[1].limit
    assert {name for readings in found.values() for name in contradictions(readings)} == set()
    end = cloud.clock.now() - hours(1)
    for system, plant in zip(systems, ACCOUNTS["sandbox-key"][1], strict=True):
        samples = Meters(NOON).rows(plant, datetime(2026, 6, 20, tzinfo=UTC), end, cloud.clock.now())
        assert {(system.ders[0].key, sample.at) for sample in samples} <= found.keys()


def test_history_is_read_at_once_though_it_is_another_inverters_turn(cloud: Cloud):
    for _ in range(2):
        cloud.clock.set(cloud.clock.now() + Solis.policy.interval, 0)
        adapter = cloud.adapter()
        for system in adapter.systems():
            assert len(pull(adapter, system, cloud.clock.now() - hours(24), cloud.clock.now())) > 100


# --- refusals --------------------------------------------------------------------------------------------------------


def refused(error: type[VendorError], call: Callable[[], object]) -> str:
    with pytest.raises(error) as raised:
        call()
    assert "secret" not in str(raised.value)
    return str(raised.value)


def test_a_wrong_secret_and_an_unknown_key_are_the_owners_to_mend(cloud: Cloud):
    refused(VendorAuthFailed, cloud.adapter("sandbox", "wrong").systems)
    refused(VendorAuthFailed, cloud.adapter("nobody").systems)


def test_a_wrong_clock_is_said_to_be_one(cloud: Cloud):
    cloud.settings(skew_s=1000)
    assert "clock" in refused(VendorUnavailable, cloud.adapter().systems)


def test_a_spent_day_waits_for_the_next_in_utc(cloud: Cloud):
    cloud.settings(daily_quota=0)
    with pytest.raises(VendorThrottled) as raised:
        cloud.adapter().systems()
    assert (raised.value.retry_after, raised.value.scope) == (12 * 3600, Scope.ACCOUNT)


def test_a_busy_second_waits_for_one(cloud: Cloud):
    cloud.settings(per_second=0)
    with pytest.raises(VendorThrottled) as raised:
        cloud.adapter().systems()
    assert raised.value.retry_after == 1


@pytest.mark.parametrize(
    "fault,error",
    [
        ({"status": 502, "body": "Bad Gateway"}, VendorUnavailable),
        ({"status": 504}, VendorUnavailable),
        ({"body": '{"success":true,"code":"1","msg":"数据异常","data":null}'}, VendorUnsupported),
        ({"body": '{"success":false,"code":"B0115","msg":"offline","data":null}'}, VendorUnavailable),
        ({"body": "<html>maintenance</html>"}, VendorReplyInvalid),
        ({"body": ""}, VendorReplyInvalid),
    ],
)
def test_faults_become_errors_and_the_next_call_works_again(
    cloud: Cloud, fault: dict[str, Any], error: type[VendorError]
):
    cloud.fault(**fault)
    refused(error, cloud.adapter().systems)
    assert len(cloud.adapter().systems()) == 2


def test_a_fault_in_the_middle_of_a_window_is_raised_not_read_as_the_end(cloud: Cloud):
    adapter = cloud.adapter()
    _, system = adapter.systems()
    cloud.fault(path="/api/v1/api/inverterDay", status=502)
    refused(VendorUnavailable, lambda: pull(adapter, system, NOON - hours(24), NOON))
