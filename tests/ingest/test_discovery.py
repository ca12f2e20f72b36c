"""What a vendor tells only when asked for each system, and DERs that come and go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest import vendors
from ingest.models import Connection, Der, PullRun, Reading, System
from ingest.vendors.base import Quota, VendorSystem
from ingest.vendors.errors import Scope, VendorReplyInvalid
from tests.factories import NOW
from tests.ingest.vendor import POLICY, Fake, home, pull_once, with_homes

pytestmark = pytest.mark.django_db


class Reserved(Fake):
    """A vendor whose list tells names alone."""

    def systems(self) -> list[VendorSystem]:
        return [VendorSystem(system.external_id, name=system.name, described=False) for system in super().systems()]

    def describe(self, system: VendorSystem) -> VendorSystem:
        self._call()
        (told,) = (known for known in self.homes if known.external_id == system.external_id)
        return told


@pytest.fixture
def reserved(vendor, monkeypatch):
    monkeypatch.setitem(vendors.VENDORS, "solis", "tests.ingest.test_discovery.Reserved")
    vendors.adapter_class.cache_clear()
    return vendor


def test_a_listed_system_is_described_before_it_is_read(reserved):
    account = with_homes(reserved, "home")
    assert System.objects.get().described_at == NOW
    pull_once(account)
    assert Reading.objects.count() == 24
    assert Der.objects.get().sn == "PV-1"


def test_a_system_that_is_read_is_described_anew_once_a_day(reserved, time):
    account = with_homes(reserved, "home")
    pull_once(account, time)
    reserved.homes = [replace(home("home"), timezone="Europe/Stockholm")]
    time.now += timedelta(hours=2)
    pull_once(account, time)
    assert System.objects.get().timezone == "UTC"
    time.now += timedelta(hours=23)
    pull_once(account, time)
    assert System.objects.get().timezone == "Europe/Stockholm"


def test_a_replaced_inverter_is_not_asked_for_any_more(reserved, time):
    account = with_homes(reserved, "home")
    reserved.homes = [home("home", sn="PV-2")]
    time.now += timedelta(hours=25)
    pull_once(account, time)
    assert dict(Der.objects.values_list("sn", "gone_at")) == {"PV-1": time.now, "PV-2": None}


def test_a_fleet_beyond_the_quota_is_described_bit_by_bit_while_its_homes_are_read(reserved, monkeypatch, time):
    account = with_homes(reserved, "home")
    reserved.homes = [home("home"), *(home(f"other {number}", sn=f"PV-1{number}") for number in range(9))]
    monkeypatch.setattr(Fake, "policy", replace(POLICY, quotas=(Quota(6, timedelta(minutes=1), Scope.ACCOUNT),)))
    Connection.objects.update(discovered_at=None)
    for _ in range(4):
        pull_once(account, time)
        time.now = account.next_pull_at
    assert not System.objects.filter(described_at=None).exists()
    assert Reading.objects.count() >= 24
    assert account.failures == 0


def test_a_new_home_that_cannot_be_described_does_not_fail_the_round(reserved, monkeypatch):
    account = with_homes(reserved, "home")
    reserved.homes = [home("home"), home("odd", sn="PV-9")]
    tell = Reserved.describe

    def describe(self: Reserved, system: VendorSystem) -> VendorSystem:
        if system.external_id == "odd":
            msg = "odd devices"
            raise VendorReplyInvalid(msg)
        return tell(self, system)

    monkeypatch.setattr(Reserved, "describe", describe)
    Connection.objects.update(discovered_at=None)
    pull_once(account)
    assert Reading.objects.count() == 24
    assert (account.failures, account.last_error.split(" · ")[0]) == (0, "odd devices")


# --- how often --------------------------------------------------------------------------------------------------------


def test_the_next_round_comes_when_the_vendor_wants_it(account):
    pull_once(account)
    assert account.next_pull_at - NOW == POLICY.interval


def test_a_monthly_quota_is_spread_over_the_month(account, monkeypatch):
    monkeypatch.setattr(Fake, "policy", replace(POLICY, quotas=(Quota(1000, timedelta(days=30), Scope.ACCOUNT),)))
    pull_once(account)
    calls = PullRun.objects.get().requests
    left_share = (0.9 * 1000 - calls) / calls  # rounds that are still in it
    month = timedelta(days=30)
    period_rest = month - (NOW - NOW.replace(year=2000, month=1, day=1, hour=0)) % month
    assert account.next_pull_at - NOW == pytest.approx(period_rest / left_share, abs=timedelta(seconds=1))


def test_a_quota_that_is_nearly_gone_waits_for_the_next_period_at_most(account, monkeypatch):
    monkeypatch.setattr(Fake, "policy", replace(POLICY, quotas=(Quota(4, timedelta(days=1), Scope.ACCOUNT),)))
    pull_once(account)
    assert NOW < account.next_pull_at <= NOW + timedelta(days=1)
