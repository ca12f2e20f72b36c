from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

import pytest

from ingest import adapters, budget, credentials
from ingest.models import BudgetUse
from ingest.vendors.base import Quota
from ingest.vendors.errors import Scope, VendorThrottled
from tests import factories
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 15, 12, 0, 10, tzinfo=UTC)
MINUTE = Quota(3, timedelta(minutes=1))
MONTH = Quota(5, timedelta(days=30))


@pytest.fixture
def sharing():
    """Two accounts that are read with one credential."""
    partner = factories.partner()
    fleet = credentials.add(
        partner=partner, vendor="solis", name="fleet", secrets={"key_id": "1", "key_secret": "2"}, by="test", now=NOW
    )
    return [factories.connection(partner, credential=fleet) for _ in range(2)]


def take(connection, *quotas, now=NOW, **more):
    budget.take(connection, quotas, clock=lambda: now, **more)


def used():
    return sorted(BudgetUse.objects.values_list("used", flat=True))


def test_accounts_that_share_a_credential_share_the_applications_quota(sharing):
    first, second = sharing
    take(first, MINUTE)
    take(second, MINUTE)
    take(first, MINUTE)
    with pytest.raises(VendorThrottled, match="3 requests in 0:01:00") as refused:
        take(second, MINUTE)
    assert (refused.value.retry_after, refused.value.scope) == (50.0, Scope.APPLICATION)
    assert budget.left(first, (MINUTE,), NOW) == {"0:01:00": 0}
    take(second, MINUTE, now=NOW + timedelta(seconds=50))


def test_pulls_leave_a_part_of_a_short_quota_to_the_homeowner_at_the_page(sharing):
    fleet, newcomer = sharing
    quota = Quota(10, timedelta(minutes=1))
    for _ in range(8):
        take(fleet, quota, background=True)
    with pytest.raises(VendorThrottled):
        take(fleet, quota, background=True)
    for _ in range(2):
        take(newcomer, quota)
    with pytest.raises(VendorThrottled):
        take(newcomer, quota)


def test_a_quota_of_the_account_is_its_own(sharing):
    quota = Quota(1, timedelta(minutes=1), Scope.ACCOUNT)
    for connection in sharing:
        take(connection, quota)
    with pytest.raises(VendorThrottled):
        take(sharing[0], quota)


def test_accounts_with_their_own_keys_share_nothing():
    partner = factories.partner()
    for _ in range(4):
        take(factories.connection(partner), Quota(1, timedelta(minutes=1)))
    assert used() == [1, 1, 1, 1]


def test_every_quota_is_taken_from(sharing):
    take(sharing[0], MINUTE, MONTH)
    assert used() == [1, 1]
    assert budget.left(sharing[1], (MINUTE, MONTH), NOW) == {"0:01:00": 2, "30 days, 0:00:00": 4}


@pytest.mark.parametrize("quotas", [(MINUTE, MONTH), (MONTH, MINUTE)])
def test_when_one_quota_refuses_none_is_taken_from(sharing, quotas):
    for number in range(5):
        take(sharing[0], *quotas, now=NOW + number * timedelta(minutes=1))
    before = used()
    later = NOW + timedelta(minutes=9)
    with pytest.raises(VendorThrottled, match="5 requests in 30 days") as refused:
        take(sharing[1], *quotas, now=later)
    assert used() in (before, [0, *before])
    assert 0 < refused.value.retry_after <= MONTH.period.total_seconds()
    take(sharing[1], *quotas, now=later + timedelta(seconds=refused.value.retry_after))


def test_a_quota_of_a_second_is_waited_for_on_the_spot(sharing, monkeypatch):
    slept = []
    moment = [NOW + timedelta(milliseconds=300)]

    def sleep(seconds):
        slept.append(seconds)
        moment[0] += timedelta(seconds=seconds)

    monkeypatch.setattr("time.sleep", sleep)
    for _ in range(3):
        budget.take(sharing[0], (Quota(1, timedelta(seconds=1)),), clock=lambda: moment[0])
    assert slept == [pytest.approx(0.7), pytest.approx(1.0)]


def test_waiting_on_the_spot_has_an_end(sharing, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    second = Quota(1, timedelta(seconds=1))
    take(sharing[0], second)
    with pytest.raises(VendorThrottled) as refused:
        take(sharing[1], second)  # as if others took each second that was waited for
    assert refused.value.retry_after == 1.0
    assert sum(slept) == 11


def test_a_request_that_the_quota_does_not_allow_is_not_made(sharing, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    adapter = adapters.open_account(sharing[0], clock=lambda: NOW)
    for quota in adapter.policy.quotas:
        BudgetUse.objects.create(**budget._period(sharing[0], quota, NOW), used=quota.limit)
    with pytest.raises(VendorThrottled):
        adapter.http.send("GET", "http://127.0.0.1:9/")
    assert adapter.http.requests_made == 0


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_take_more_than_there_is(sharing):
    needs_several_writers()
    taken, refused = [], []

    def work(connection):
        for _ in range(10):
            try:
                take(connection, Quota(17, timedelta(minutes=1)), Quota(100, timedelta(days=1)))
                taken.append(1)
            except VendorThrottled:
                refused.append(1)

    assert at_once(*(functools.partial(work, sharing[number % 2]) for number in range(4))) == [None] * 4
    assert (len(taken), len(refused)) == (17, 23)
    assert used() == [17, 17]
