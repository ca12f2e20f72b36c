"""What a vendor measured, in buckets, without storing it; and how often a vendor is asked for that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from gateways.rest.problems import Problem
from ingest import vendors
from ingest.passthrough import accounts, fanout, headers, intervals
from ingest.readings import DerKey, Kind, Quality, Reading
from ingest.statistics import Step
from ingest.vendors.base import (
    ApiKey,
    Dropped,
    Field,
    Page,
    PullPolicy,
    Quota,
    Refused,
    VendorAdapter,
    VendorDer,
    VendorSystem,
    Window,
)
from ingest.vendors.errors import VendorUnsupported
from ingest.vendors.http import VendorHttp
from ingest.vendors.solis import Solis

pytestmark = pytest.mark.once

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PV, BATTERY = DerKey(Kind.PV, "P1"), DerKey(Kind.BATTERY, "B1")


class Vendor(VendorAdapter):
    """Tells, of each window, the intervals that lie in it, and the samples from its start on and before its end."""

    slug, label, kinds, base_urls = "fake", "Fake", frozenset(Kind), {"api": "https://fake.example"}
    schemes = (ApiKey(name="key", label="Key", fields=(Field("key", "Key"),)),)
    policy = PullPolicy(
        interval=10 * MINUTE, window_cap=6 * HOUR, lookback=HOUR, max_lookback=HOUR, first_lookback=HOUR
    )
    resources = ("page",)
    readings: ClassVar[list[tuple[DerKey, Reading]]] = []
    asked: list[Window]

    def systems(self) -> list[VendorSystem]:
        return []

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
        self.asked.append(window)
        self.of = [der.key for der in system.ders]
        yield Page("page", window)

    @classmethod
    def normalize(cls, _system: VendorSystem, page: Page, _dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        for key, reading in cls.readings:
            first = reading.ts - timedelta(seconds=reading.interval_s)
            last = reading.ts - (timedelta.resolution if reading.interval_s else timedelta())
            if page.body.start <= first and last < page.body.end:
                yield key, reading


def read(readings: list[tuple[DerKey, Reading]], cls: type[Vendor] = Vendor, **span: Any) -> tuple[Any, Any]:
    adapter = cls(secrets={}, urls={}, http=VendorHttp(user_agent="tests"), clock=lambda: NOON)
    adapter.asked = []
    cls.readings = readings
    system = VendorSystem("1", ders=[VendorDer(PV), VendorDer(BATTERY)], timezone="Europe/Stockholm")
    asked = {"start": NOON - 2 * HOUR, "end": NOON - HOUR, "step": Step.HOUR, "now": NOON, **span}
    return adapter, intervals.read(adapter, adapter.narrowed(system, PV), [PV], **asked)[PV]


def energy(ts: datetime, wh: int, **more: Any) -> tuple[DerKey, Reading]:
    return PV, Reading(ts, 900, energy_out_wh=Decimal(wh), **more)


class Sampling(Vendor):
    samples = True


def test_samples_on_both_sides_of_an_interval_are_asked_for():
    samples = [(PV, Reading(NOON - 3 * HOUR + n * 10 * MINUTE, power_w=-600.0)) for n in range(18)]
    shifted = [(key, Reading(one.ts + 5 * MINUTE, power_w=one.power_w)) for key, one in samples]
    _, (bucket,) = read(shifted, Sampling)
    assert (bucket.energy_out_wh, bucket.quality) == (600, Quality.DERIVED)


def test_of_one_time_all_parts_are_put_together_and_other_devices_are_left_out():
    times = [NOON - 2 * HOUR + n * 15 * MINUTE for n in range(1, 5)]
    powers = [(PV, Reading(ts, 900, power_w=-4000.0)) for ts in times]
    other = [(BATTERY, Reading(ts, 900, energy_out_wh=Decimal(7))) for ts in times]
    _, (bucket,) = read([energy(ts, 100) for ts in times] + powers + other)
    assert (bucket.energy_out_wh, bucket.readings, bucket.quality) == (400, 4, Quality.MEASURED)
    _, (again,) = read(powers + [energy(ts, 100) for ts in times])
    assert again == bucket


def test_the_least_of_the_readings_says_how_far_an_interval_can_be_trusted():
    _, (bucket,) = read([energy(NOON - HOUR, 1), energy(NOON - 2 * HOUR + 15 * MINUTE, 1, quality=Quality.ESTIMATED)])
    assert bucket.quality is Quality.ESTIMATED
    _, (empty,) = read([])
    assert (empty.energy_out_wh, empty.quality) == (None, None)


def test_an_interval_is_complete_when_more_was_told_or_can_not_come_any_more():
    now: dict[str, Any] = {"end": NOON, "step": Step.QUARTER}
    _, buckets = read([energy(NOON - 30 * MINUTE, 1)], **now)
    assert [bucket.complete for bucket in buckets] == [True] * 6 + [False] * 2
    _, buckets = read([], **now)
    assert [bucket.complete for bucket in buckets] == [True] * 4 + [False] * 4


def test_nothing_ahead_of_now_is_asked_and_windows_are_as_long_as_the_vendor_takes():
    adapter, buckets = read([], start=NOON - 24 * HOUR, end=NOON + 24 * HOUR, step=Step.DAY)
    assert len(buckets) == 3
    assert adapter.asked[-1].end == NOON
    assert {window.end - window.start for window in adapter.asked[:-1]} == {6 * HOUR}
    assert adapter.of == [PV]
    adapter, _ = read([], start=NOON + HOUR, end=NOON + 2 * HOUR)
    assert adapter.asked == []


def test_what_the_account_may_not_be_asked_for_is_no_empty_answer():
    class Closed(Vendor):
        def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
            yield Refused("page", "not in this plan")

    with pytest.raises(VendorUnsupported, match="not in this plan"):
        read([], Closed)


def test_of_a_solis_inverter_all_that_is_wired_to_it_is_asked_and_no_other():
    keys = [
        DerKey(Kind.PV, "A"),
        DerKey(Kind.BATTERY, "A-battery"),
        DerKey(Kind.METER, "A-meter"),
        DerKey(Kind.PV, "B"),
    ]
    system = VendorSystem("1", ders=[VendorDer(key) for key in keys])
    for key in keys[:3]:
        assert [der.key for der in Solis.narrowed(system, key).ders] == keys[:3]
    assert [der.key for der in Solis.narrowed(system, keys[3]).ders] == keys[3:]


@pytest.mark.parametrize("vendor", vendors.VENDORS)
def test_every_vendor_can_be_asked_with_what_a_caller_brings(vendor):
    way = next(scheme for scheme in vendors.adapter_class(vendor).schemes if scheme.passed)
    assert way.passed
    filled = [*way.passed.fields, *(name for _, name in way.passed.further)]
    assert filled
    assert set(filled) <= {field.name for field in way.fields}


def test_a_quota_of_a_second_is_kept_and_longer_ones_are_the_callers_own(monkeypatch):
    waits: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: 100.0 + sum(waits), sleep=waits.append)
    monkeypatch.setattr(accounts, "time", clock)
    pace = accounts._Pace([Quota(2, timedelta(seconds=1)), Quota(1, timedelta(days=1))])
    for _ in range(3):
        pace.keep()
    assert waits == [0, 0.5, 0.5]


def test_a_secret_is_known_by_its_beginning_where_a_vendor_cuts_what_it_says():
    way = headers.Brought("key", {"key": "0123456789abcdef"}, access_token="fedcba9876543210")
    told = way.scrubbed(Problem("vendor-failed", "no key 0123456789ab… and no token fedcba98"))
    assert told.detail == "no key *** and no token ***"


def test_questions_run_beside_each_other_and_one_that_breaks_harms_no_other():
    both_are_under_way = threading.Barrier(2)

    def meets_the_other() -> str:
        both_are_under_way.wait(timeout=60)
        return "well"

    def broken() -> str:
        raise RuntimeError("SECRET")

    answers = fanout.ask({1: meets_the_other, 2: meets_the_other, 3: broken}, until=time.monotonic() + 60)
    assert (answers[1], answers[2]) == ("well", "well")
    assert getattr(answers[3], "slug", "") == "internal"
    assert fanout.ask({}, until=time.monotonic()) == {}


def test_nobody_waits_for_a_question_that_is_late():
    told, answered = threading.Event(), threading.Event()

    def late() -> str:
        told.wait(timeout=60)
        answered.set()
        return ""

    questions: dict[int, Callable[[], str]] = {1: late, 2: str}
    answers = fanout.ask(questions, until=time.monotonic() + 0.2)
    assert not answered.is_set()  # it is under way still
    told.set()
    assert answers[2] == ""
    assert getattr(answers[1], "slug", "") == "vendor-too-slow"
