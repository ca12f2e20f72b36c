"""The SolarEdge adapter on real replies: recorded ones, and the stand-in's over a connection."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from werkzeug.serving import make_server

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import Dropped, Page, VendorSystem, Window
from ingest.vendors.errors import VendorAuthFailed, VendorThrottled, VendorUnsupported
from ingest.vendors.http import VendorHttp
from ingest.vendors.solaredge import SolarEdge
from sandbox.clock import Clock
from sandbox.server import Server, World
from sandbox.solaredge import SolarEdge as StandIn
from sandbox.state import State

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared/recordings/solaredge"
NOON = datetime(2026, 6, 10, 12, 7, 31, 500_000, tzinfo=UTC)

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="no recorded replies in ../shared/recordings/solaredge beside the checkout"
)


def recorded(resource: str) -> Any:
    return json.loads((RECORDINGS / f"live-{resource}.json").read_bytes())


def read(system: VendorSystem, resource: str, body: Any) -> list[tuple[DerKey, Reading]]:
    return list(SolarEdge.normalize(system, Page(resource, body), Dropped()))


def hours(start: int, end: int) -> Window:
    return Window(datetime(2026, 6, 10, start, tzinfo=UTC), datetime(2026, 6, 10, end, tzinfo=UTC))


@needs_recordings
@pytest.mark.parametrize("resource,field,sign", [("power", "power_w", -1), ("energy", "energy_out_wh", 1)])
def test_every_value_of_the_recording_is_read_at_the_end_of_its_bucket(resource, field, sign):
    body = recorded(resource)
    quarter = timedelta(minutes=15)
    expected = {
        (datetime.fromisoformat(one["timestamp"]) + quarter).astimezone(UTC): sign * one["value"]
        for one in body["values"]
        if one["value"] is not None
    }
    readings = read(VendorSystem("file", timezone="Europe/London"), resource, body)
    assert {reading.ts: float(getattr(reading, field)) for _, reading in readings} == expected
    assert {key for key, _ in readings} == {DerKey(Kind.PV, "pv")}
    assert len(readings) == 44


@needs_recordings
@pytest.mark.parametrize("resource", ["sites", "devices", "overview", "alerts"])
def test_recorded_lists_are_understood_and_give_no_readings(resource):
    assert read(VendorSystem("file"), resource, recorded(resource)) == []


class Cloud:
    """The stand-in on a loopback port, with its clock in our hands."""

    def __init__(self, recordings: Path | None) -> None:
        self.clock = Clock(NOON, speed=0)
        self.world = World(self.clock, State(), {"recordings": recordings})
        self.http = make_server("127.0.0.1", 0, Server(self.world, {"solaredge": StandIn(self.world)}), threaded=True)
        self.url = f"http://127.0.0.1:{self.http.server_port}/solaredge"

    def set(self, **settings: Any) -> None:
        requests.post(f"{self.url}/__admin/settings", json=settings, timeout=60).raise_for_status()

    def adapter(self, key: str = "sandbox-fleet-key") -> SolarEdge:
        http = VendorHttp(user_agent="tests")
        urls = {"api": f"{self.url}/api"}
        return SolarEdge(secrets={"api_key": key}, urls=urls, http=http, clock=self.clock.now)

    def system(self, name: str) -> VendorSystem:
        return next(system for system in self.adapter().described_systems() if system.name == name)

    def read(self, system: VendorSystem, window: Window) -> list[tuple[DerKey, Reading]]:
        dropped = Dropped()
        pages: Iterator[Any] = self.adapter().fetch(system, window)
        readings = [one for page in pages for one in SolarEdge.normalize(system, page, dropped)]
        assert dropped.count == 0, dropped.reasons
        return readings


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    running = Cloud(RECORDINGS if RECORDINGS.is_dir() else None)
    thread = threading.Thread(target=running.http.serve_forever, args=[0.01])
    thread.start()
    yield running
    running.http.shutdown()
    thread.join()
    running.http.server_close()
    running.world.state.close()


def test_the_sandbox_key_sees_homes_of_three_kinds(cloud):
    kinds = {system.name: [str(der.key.kind) for der in system.ders] for system in cloud.adapter().described_systems()}
    assert kinds["Cottage"] == ["pv"]
    assert kinds["Hybrid house"] == ["pv", "meter", "battery"]
    assert cloud.system("Farm").ders[0].key.sn == "site-1001003"
    assert cloud.system("Farm").timezone == "Pacific/Auckland"


def test_the_flows_of_a_hybrid_home_balance_and_its_energies_fit_its_power(cloud):
    readings = cloud.read(cloud.system("Hybrid house"), hours(0, 12))
    powers: dict[tuple[Kind, datetime], float] = {}
    for key, reading in readings:
        if reading.power_w is not None:
            powers[key.kind, reading.ts] = reading.power_w
            if reading.energy_in_wh is not None and reading.energy_out_wh is not None:
                assert float(reading.energy_in_wh - reading.energy_out_wh) == pytest.approx(reading.power_w / 4, abs=1)
    at = datetime(2026, 6, 10, 8, tzinfo=UTC)
    load_w = powers[Kind.METER, at] - powers[Kind.BATTERY, at] - powers[Kind.PV, at]
    assert powers[Kind.PV, at] < 0 < powers[Kind.BATTERY, at]
    assert 100 < load_w < 2000


def test_a_day_is_read_without_a_hole_or_a_repeat_although_its_windows_meet(cloud):
    system = cloud.system("Farm")
    readings = cloud.read(system, hours(0, 4)) + cloud.read(system, hours(4, 12))
    times = sorted(reading.ts for _, reading in readings if reading.power_w is not None)
    assert len(set(times)) == len(times)
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {timedelta(minutes=15)}


@pytest.mark.parametrize("day,quarters", [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 6, 9), 96)])
def test_a_local_day_has_as_many_quarter_hours_as_its_clocks_show(cloud, day, quarters):
    system = cloud.system("Hybrid house")
    cloud.clock.set(datetime(2026, 11, 20, tzinfo=UTC), 0)
    zone = ZoneInfo(system.timezone)
    start, end = (datetime.combine(at, time(), zone).astimezone(UTC) for at in (day, day + timedelta(days=1)))
    cuts = [start, start + timedelta(hours=12), start + timedelta(hours=23), end]
    readings = [one for a, b in itertools.pairwise(cuts) if a < b for one in cloud.read(system, Window(a, b))]
    times = [reading.ts for key, reading in readings if key.kind is Kind.METER]
    assert (times[0], times[-1], len(times)) == (start + timedelta(minutes=15), end, quarters)


def test_the_bucket_that_is_not_over_is_not_read_until_it_is(cloud):
    system = cloud.system("Hybrid house")
    window = Window(NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    newest = max(reading.ts for _, reading in cloud.read(system, window))
    assert newest == datetime(2026, 6, 10, 12, tzinfo=UTC)
    cloud.clock.set(NOON + timedelta(minutes=10), 0)
    assert max(reading.ts for _, reading in cloud.read(system, window)) == datetime(2026, 6, 10, 12, 15, tzinfo=UTC)


def test_what_arrives_late_is_read_later(cloud):
    system = cloud.system("Cottage")
    cloud.set(gaps=[{"site": 1001001, "from": "2026-06-10T10:00:00Z", "to": "2026-06-10T11:00:00Z"}])
    before = cloud.read(system, hours(9, 12))
    cloud.set(gaps=[])
    late = {reading.ts for _, reading in cloud.read(system, hours(9, 12))} - {reading.ts for _, reading in before}
    assert sorted(at.isoformat()[11:16] for at in late) == ["10:15", "10:30", "10:45", "11:00"]


def test_a_night_has_no_readings_and_no_zeros(cloud):
    cloud.clock.set(datetime(2026, 12, 24, 12, tzinfo=UTC), 0)
    night = Window(datetime(2026, 12, 24, 0, tzinfo=UTC), datetime(2026, 12, 24, 4, tzinfo=UTC))
    assert cloud.read(cloud.system("Cottage"), night) == []


def test_a_minute_that_is_used_up_tells_how_long_to_wait(cloud):
    cloud.set(minute=2)
    with pytest.raises(VendorThrottled) as caught:
        cloud.adapter().described_systems()
    assert 0 < caught.value.retry_after <= 60
    cloud.clock.set(NOON + timedelta(seconds=caught.value.retry_after), 0)
    cloud.set(minute=20)
    assert cloud.adapter().described_systems()


def test_a_month_that_is_used_up_is_probed_every_six_hours(cloud):
    cloud.set(month=3)
    with pytest.raises(VendorThrottled, match="credits") as caught:
        cloud.adapter().described_systems()
    assert caught.value.retry_after == 6 * 3600


def test_a_key_that_is_unknown_or_revoked_fails(cloud):
    with pytest.raises(VendorAuthFailed, match="Invalid API key"):
        cloud.adapter("guessed").described_systems()
    cloud.set(revoked=["sandbox-fleet-key"])
    with pytest.raises(VendorAuthFailed, match="Invalid API key"):
        cloud.adapter().described_systems()


def test_a_site_that_left_the_fleet_is_refused_without_blaming_the_key(cloud):
    system = cloud.system("Cottage")
    cloud.set(left=[1001001])
    with pytest.raises(VendorUnsupported, match="No access to this site"):
        cloud.read(system, hours(9, 12))
    assert "Cottage" not in [system.name for system in cloud.adapter().described_systems()]


def test_a_window_over_the_cap_is_refused(cloud):
    with pytest.raises(VendorUnsupported, match="exceeds"):
        cloud.read(cloud.system("Cottage"), Window(NOON - timedelta(hours=13), NOON))


@needs_recordings
def test_the_recorded_home_gives_the_recorded_day_whichever_windows_are_asked_for(cloud):
    cloud.clock.set(datetime(2026, 8, 26, tzinfo=UTC), 0)
    system = next(system for system in cloud.adapter().described_systems() if system.external_id == "3066774")
    assert [der.key for der in system.ders] == [DerKey(Kind.PV, "REDACTED")]
    start = datetime(2026, 8, 23, 20, 7, tzinfo=UTC)
    windows = [Window(start + timedelta(hours=12 * n), start + timedelta(hours=12 * (n + 1))) for n in range(3)]
    readings = [one for window in windows for one in cloud.read(system, window)]
    whole = [one for name in ("power", "energy") for one in read(system, name, recorded(name))]
    assert sorted(readings, key=_order) == sorted(whole, key=_order)


def _order(one: tuple[DerKey, Reading]) -> tuple[datetime, bool]:
    return one[1].ts, one[1].power_w is None
