from __future__ import annotations

import functools
import itertools
import math
from dataclasses import replace
from datetime import timedelta

import pytest

from gateways import actions
from gateways.models import Event, Gateway
from ingest import connections, pull
from ingest.models import Connection, Der, PullRun, Reading, System
from ingest.vendors.base import Refused
from ingest.vendors.errors import (
    VendorReplyInvalid,
)
from tests import factories
from tests.factories import NOW
from tests.ingest.vendor import POLICY, Fake, failing, home, hourly, outcomes, pull_once, windows, with_homes
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


# --- windows and cursor ----------------------------------------------------------------------------------------------


def test_a_new_system_is_read_from_the_first_look_back_in_windows_of_the_cap(vendor, account):
    assert pull_once(account)
    newest_first = (3, 0, 1, 2, 3)
    assert windows(vendor) == [(NOW - (24 - 6 * n) * HOUR, NOW - (18 - 6 * n) * HOUR) for n in newest_first]
    assert Reading.objects.count() == 24
    system = System.objects.get()
    assert (system.pulled_through, system.last_reading_at) == (NOW, NOW - HOUR)
    run = PullRun.objects.get()
    assert (run.outcome, run.window_start, run.window_end) == ("ok", NOW - 24 * HOUR, NOW)
    assert (run.requests, run.readings, run.changed, run.dropped) == (5, 30, 24, 0)
    assert (account.next_pull_at, account.lease, account.last_success_at) == (NOW + POLICY.interval, None, NOW)


def test_the_next_pull_starts_a_little_behind_the_last_one(vendor, account, time):
    pull_once(account, time)
    vendor.asked.clear()
    time.now = NOW + POLICY.interval
    assert pull_once(account, time)
    assert windows(vendor) == [(NOW - POLICY.lookback, time.now)]
    assert list(PullRun.objects.order_by("started_at").values_list("changed", flat=True)) == [24, 1]


def test_an_account_that_is_not_due_is_not_pulled(vendor, account):
    pull_once(account)
    assert not pull_once(account)
    assert pull.due(NOW) == []
    assert pull.due(NOW + POLICY.interval) == [account.pk]


def test_a_paused_account_is_not_pulled(vendor, account):
    connections.pause(connection=account, by="test", now=NOW)
    Connection.objects.update(next_pull_at=NOW)
    assert pull.due(NOW) == []
    assert not pull_once(account)


def test_only_listed_systems_with_a_living_gateway_are_read(vendor):
    account = with_homes(vendor, "good", "loose", "left", "gone")
    System.objects.filter(external_id="loose").update(gateway=None)
    System.objects.filter(external_id="gone").update(gone_at=NOW)
    actions.release_gateway(gateway=Gateway.objects.get(system__external_id="left"), by="test", now=NOW)
    pull_once(account)
    assert {name for name, _ in vendor.asked} == {"good"}


def test_a_system_that_speaks_again_is_read_from_where_it_fell_silent(vendor, account, time):
    pull_once(account, time)
    vendor.answer = staticmethod(lambda *_: [])
    for _ in range(3):
        time.now += 12 * HOUR
        pull_once(account, time)
    vendor.asked.clear()
    vendor.answer = staticmethod(hourly)
    time.now += HOUR
    pull_once(account, time)
    assert account.next_pull_at == time.now  # the rest at once
    pull_once(account, time)
    assert windows(vendor)[1][0] == NOW - HOUR - POLICY.lookback
    times = sorted(Reading.objects.values_list("ts", flat=True))
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {HOUR}
    assert account.next_pull_at == time.now + POLICY.interval


def test_what_a_part_kept_while_it_was_refused_is_read_once_it_is_back(vendor, account, time):
    pull_once(account, time)
    vendor.answer = staticmethod(lambda *_: Refused("page", "no right"))
    for _ in range(4):
        time.now += HOUR
        pull_once(account, time)
    account.refresh_from_db()
    assert list(account.refused_parts) == ["page"]
    vendor.answer = staticmethod(hourly)
    time.now += HOUR
    pull_once(account, time)
    assert account.next_pull_at == time.now  # the rest at once
    pull_once(account, time)
    times = sorted(Reading.objects.values_list("ts", flat=True))
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {HOUR}


@pytest.mark.parametrize("silent", [4, 7, 8, 12])
def test_nothing_of_a_short_silence_is_missing_either(vendor, account, time, silent, monkeypatch):
    monkeypatch.setattr(vendor, "policy", replace(POLICY, lookback=5 * HOUR))
    pull_once(account, time)
    vendor.answer = staticmethod(lambda *_: [])
    for _ in range(silent):
        time.now += HOUR
        pull_once(account, time)
    vendor.answer = staticmethod(hourly)
    time.now += HOUR
    pull_once(account, time)
    pull_once(account, time)
    times = sorted(Reading.objects.values_list("ts", flat=True))
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {HOUR}


def test_a_gap_is_read_no_further_back_than_the_policy_says(vendor, account, time):
    pull_once(account, time)
    vendor.answer = staticmethod(lambda *_: [])
    time.now += timedelta(days=30)
    pull_once(account, time)
    vendor.answer = staticmethod(hourly)
    time.now += HOUR
    pull_once(account, time)
    assert System.objects.get().pulled_through == time.now - POLICY.max_lookback


def test_a_vendor_that_has_nothing_for_the_gap_is_asked_once(vendor, account, time):
    pull_once(account, time)
    time.now += timedelta(days=2)
    fresh_from = time.now - HOUR
    vendor.answer = staticmethod(lambda system, window: [r for r in hourly(system, window) if r.ts >= fresh_from])
    pull_once(account, time)
    pull_once(account, time)
    assert account.next_pull_at == time.now + POLICY.interval


def test_a_cursor_from_a_clock_that_was_ahead_does_not_stop_reading(vendor, account):
    System.objects.update(pulled_through=NOW + timedelta(days=3))
    pull_once(account)
    assert windows(vendor) == [(NOW - POLICY.lookback, NOW)]


# --- slices ----------------------------------------------------------------------------------------------------------


def test_when_time_is_over_the_next_slice_goes_on_where_this_one_ended(vendor, account):
    assert pull_once(account, until=-math.inf)
    assert len(vendor.asked) == 2  # the newest window, and the oldest
    assert (account.next_pull_at, account.lease) == (NOW, None)
    while account.next_pull_at == NOW:
        pull_once(account, until=-math.inf)
    starts = [start for start, _ in windows(vendor)]
    assert starts[1] == NOW - 24 * HOUR
    assert Reading.objects.count() == 24


def test_a_round_goes_through_all_homes_before_it_begins_again(vendor):
    account = with_homes(vendor, "a", "b", "c")
    System.objects.update(pulled_through=NOW - HOUR)
    slices = 0
    while account.next_pull_at == NOW:
        pull_once(account, until=-math.inf)
        slices += 1
    assert sorted(name for name, _ in vendor.asked) == ["a", "b", "c"]
    assert slices <= 4
    assert account.next_pull_at == NOW + POLICY.interval


def test_a_run_lost_with_its_worker_is_closed_and_its_account_pulled_by_another(vendor, account):
    vendor.answer = staticmethod(failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        pull_once(account)
    PullRun.objects.update(outcome="running", finished_at=None)  # as SIGKILL leaves it
    vendor.answer = staticmethod(hourly)
    assert not pull_once(account)
    later = NOW + pull.LEASE + timedelta(seconds=1)
    assert pull.close_lost_runs(now=NOW + pull.LEASE) == 0
    assert pull.close_lost_runs(now=later) == 1
    lost = PullRun.objects.get()
    assert (lost.outcome, lost.finished_at) == ("lost", later)
    assert pull_once(account, lambda: later)


def test_a_run_under_way_is_not_closed(vendor, account):
    closed = []

    def answer(*_):
        closed.append(pull.close_lost_runs(now=NOW + timedelta(seconds=30)))
        return []

    vendor.answer = staticmethod(answer)
    pull_once(account)
    assert set(closed) == {0}


def test_a_second_worker_finds_the_account_taken(vendor, account):
    second = []

    def answer(*_):
        second.append(pull_once(Connection.objects.get()))
        return []

    vendor.answer = staticmethod(answer)
    assert pull_once(account)
    assert set(second) == {False}


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_pull_once(vendor):
    needs_several_writers()
    account = with_homes(vendor, "home")
    work = functools.partial(pull.pull_connection, connection_id=account.pk, clock=lambda: NOW, until=math.inf)
    assert sorted(at_once(*[work] * 4)) == [False, False, False, True]
    assert len(vendor.asked) == 5


# --- what an account can see -----------------------------------------------------------------------------------------


def test_systems_and_ders_are_listed_once_a_day(vendor, account, time):
    pull_once(account, time)
    assert vendor.listed == []
    time.now += timedelta(hours=25)
    pull_once(account, time)
    assert len(vendor.listed) == 1


def relist(vendor, account, *homes):
    vendor.homes = list(homes)
    Connection.objects.update(discovered_at=None, next_pull_at=NOW)
    pull_once(account)
    return {system.external_id: system for system in System.objects.all()}


def test_a_new_system_is_written_down_with_its_ders_and_an_event(vendor, account):
    found = relist(vendor, account, home("home"), home("second", label="Cabin", sn="PV-9"))
    assert (found["second"].name, found["second"].gateway) == ("Cabin", None)
    assert Der.objects.get(system=found["second"]).sn == "PV-9"
    events = Event.objects.filter(name="system.discovered").order_by("sequence")
    assert [event.data["system"] for event in events] == ["home", "second"]


def test_a_renamed_system_keeps_its_gateway_and_cursor(vendor, account):
    before = System.objects.get()
    found = relist(vendor, account, home("home", label="New name"))
    assert (found["home"].name, found["home"].gateway, found["home"].pk) == ("New name", before.gateway, before.pk)


def test_a_long_name_is_cut(vendor, account):
    assert relist(vendor, account, home("home", label="x" * 300))["home"].name == "x" * 200


def test_a_system_that_is_gone_is_not_read_and_comes_back(vendor, account, time):
    assert relist(vendor, account)["home"].gone_at == NOW
    assert vendor.asked == []
    vendor.homes = [home("home")]
    Connection.objects.update(next_pull_at=NOW)
    pull_once(account)  # no waiting for tomorrow: the list is asked for again at once
    assert System.objects.get().gone_at is None
    assert len(vendor.asked) == 5


def test_a_listing_that_fails_stops_no_reading_of_what_is_known(vendor, account, monkeypatch):
    Connection.objects.update(discovered_at=NOW - timedelta(days=2))
    monkeypatch.setattr(Fake, "systems", failing(VendorReplyInvalid("odd list")))
    pull_once(account)
    assert Reading.objects.count() == 24
    assert account.last_error.startswith("odd list")
    assert outcomes() == ["ok", "reply_invalid"]


def test_a_first_listing_that_fails_is_a_failure(vendor, monkeypatch):
    account = factories.connection()
    monkeypatch.setattr(Fake, "systems", failing(VendorReplyInvalid("odd list")))
    pull_once(account)
    assert (account.failures, account.last_success_at) == (1, None)


def test_two_ders_with_one_serial_are_a_reply_that_cannot_be_read(vendor):
    account = factories.connection()
    twice = home("home")
    vendor.homes = [replace(twice, ders=[*twice.ders, *twice.ders])]
    pull_once(account)
    assert PullRun.objects.get().error == "two energy resources of system home have the same serial"
    assert not System.objects.exists()
