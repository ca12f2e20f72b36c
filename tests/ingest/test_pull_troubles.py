from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from gateways.models import Event
from ingest import connections, credentials, sealing
from ingest.models import Connection, Message, PullRun, Reading, System, Tally
from ingest.readings import Reading as Sample
from ingest.readings import ReadingInvalid
from ingest.vendors.base import Page, Quota
from ingest.vendors.errors import (
    Scope,
    VendorAuthFailed,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from tests import factories
from tests.factories import NOW
from tests.ingest.vendor import POLICY, Fake, failing, hourly, only_fails, outcomes, pull_once, with_homes

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error, outcome",
    [
        (VendorUnavailable("HTTP 502"), "unavailable"),
        (VendorReplyInvalid("not JSON: <html>"), "reply_invalid"),
    ],
)
def test_trouble_is_tried_again_later_and_later_and_leaves_the_cursor(vendor, account, time, error, outcome):
    vendor.answer = staticmethod(failing(error))
    waits = []
    for _ in range(12):
        time.now = account.next_pull_at
        pull_once(account, time)
        waits.append((account.next_pull_at - time.now).total_seconds())
    assert 15 <= waits[0] <= 30
    assert all(1800 <= wait <= 3600 for wait in waits[8:])
    assert (account.failures, System.objects.get().pulled_through) == (12, None)
    assert account.last_error.startswith(str(error))
    assert set(outcomes()) == {outcome}
    assert set(Tally.objects.values_list("kind", "vendor", "outcome", "count")) == {("pull", "solis", outcome, 12)}
    vendor.answer = staticmethod(hourly)
    time.now = account.next_pull_at
    pull_once(account, time)
    assert (account.failures, account.last_success_at) == (0, time.now)


def test_windows_read_before_the_trouble_stand(vendor, account):
    answers = iter([hourly, hourly, hourly])

    def answer(*asked):
        return next(answers, failing(VendorUnavailable("HTTP 502")))(*asked)

    vendor.answer = staticmethod(answer)
    pull_once(account)
    assert System.objects.get().pulled_through == NOW - 12 * HOUR
    assert Reading.objects.count() == 18
    run = PullRun.objects.get()
    assert (run.outcome, run.readings, run.window_end, run.error) == ("unavailable", 18, NOW - 12 * HOUR, "HTTP 502")


def test_a_key_that_is_refused_stops_the_account_and_says_so_once(vendor, account):
    vendor.answer = staticmethod(failing(VendorAuthFailed("HTTP 401")))
    pull_once(account)
    assert (account.status, account.next_pull_at, account.lease) == ("needs_reconnect", None, None)
    assert account.last_error == "HTTP 401 · Reconnect the account with a working key or a new consent."
    connections.mark_needs_reconnect(connection=account, reason="again", now=NOW)
    assert Event.objects.get(name="connection.needs_reconnect").data == {"reason": "HTTP 401"}
    assert not pull_once(account)
    connections.reconnect(connection=account, secrets={"key": "new"}, by="test", now=NOW)
    vendor.answer = staticmethod(hourly)
    assert pull_once(account)
    assert (account.status, account.failures) == ("active", 0)


def test_what_the_vendor_cannot_give_is_asked_for_rarely(vendor, account):
    vendor.answer = staticmethod(failing(VendorUnsupported("HTTP 403")))
    pull_once(account)
    assert account.next_pull_at >= NOW + timedelta(minutes=30)


def test_an_account_that_is_throttled_waits_exactly_as_long_and_others_do_not(vendor, account):
    other = factories.connection(account.partner)
    vendor.answer = staticmethod(failing(VendorThrottled("429", retry_after=77, scope=Scope.ACCOUNT)))
    pull_once(account)
    other.refresh_from_db()
    assert (account.next_pull_at, other.next_pull_at) == (NOW + timedelta(seconds=77), NOW)
    assert (account.failures, outcomes()) == (0, ["throttled"])


def test_when_the_application_is_throttled_all_that_share_its_credential_wait(vendor, account):
    credential = credentials.add(
        partner=account.partner, vendor="solis", name="fleet", secrets={"key": "k"}, by="test", now=NOW
    )
    sharing = factories.connection(account.partner, credential=credential)
    later = factories.connection(account.partner, credential=credential, next_pull_at=NOW + HOUR)
    own = factories.connection(account.partner)
    Connection.objects.filter(pk=account.pk).update(credential=credential)
    vendor.answer = staticmethod(failing(VendorThrottled("429", retry_after=77)))
    pull_once(account)
    for row in (sharing, later, own):
        row.refresh_from_db()
    again = NOW + timedelta(seconds=77)
    assert [row.next_pull_at for row in (account, sharing, later, own)] == [again, again, NOW + HOUR, NOW]


def test_a_throttled_round_goes_on_with_the_homes_it_has_not_been_to(vendor, time):
    account = with_homes(vendor, "a", "b", "c")
    System.objects.update(pulled_through=NOW - HOUR)
    answers = iter([hourly, failing(VendorThrottled("429", retry_after=60, scope=Scope.ACCOUNT))])

    def answer(*asked):
        return next(answers, hourly)(*asked)

    vendor.answer = staticmethod(answer)
    pull_once(account, time)
    time.now = account.next_pull_at
    pull_once(account, time)
    assert [name for name, _ in vendor.asked] == ["a", "b", "b", "c"]


@pytest.mark.parametrize(
    "error",
    [
        VendorReplyInvalid("odd reply"),
        VendorUnsupported("HTTP 404"),
        VendorUnavailable("HTTP 500"),
        VendorThrottled("429", retry_after=60, scope=Scope.SYSTEM),
    ],
)
def test_a_home_that_cannot_be_read_stops_no_other(vendor, error):
    account = with_homes(vendor, "a", "bad", "c")
    System.objects.update(pulled_through=NOW - HOUR)
    vendor.answer = staticmethod(only_fails("bad", error))
    pull_once(account)
    assert {name for name, _ in vendor.asked} == {"a", "bad", "c"}
    through = dict(System.objects.values_list("external_id", "pulled_through"))
    assert through == {"a": NOW, "bad": NOW - HOUR, "c": NOW}
    assert (account.next_pull_at, account.failures) == (NOW + POLICY.interval, 0)
    assert account.last_error.startswith(str(error))


def test_homes_that_always_fail_do_not_stand_before_the_others(vendor, time):
    account = with_homes(vendor, "a", "b", "c", "d", "e")

    def answer(system, window):
        return hourly(system, window) if system.external_id == "e" else failing(VendorUnavailable("HTTP 500"))()

    vendor.answer = staticmethod(answer)
    for _ in range(3):
        pull_once(account, time)
        time.now = account.next_pull_at
    assert System.objects.get(external_id="e").pulled_through is not None


def test_a_vendor_that_is_down_is_not_asked_for_every_home(vendor):
    account = with_homes(vendor, *"abcdefgh")
    vendor.answer = staticmethod(failing(VendorUnavailable("no answer")))
    pull_once(account)
    assert (len(vendor.asked), account.failures) == (3, 1)


def test_a_record_that_cannot_be_true_is_dropped_and_counted(vendor, account):
    ahead = Sample(ts=NOW + timedelta(minutes=6), power_w=-1)
    vendor.answer = staticmethod(lambda *asked: [*hourly(*asked), "garbage", ahead])
    pull_once(account)
    run = PullRun.objects.get()
    assert (run.outcome, run.readings, run.dropped) == ("ok", 30, 10)
    assert not Reading.objects.filter(ts__gt=NOW).exists()


def test_a_refusal_that_escapes_the_adapter_is_a_reply_that_cannot_be_read(vendor, account, monkeypatch):
    monkeypatch.setattr(Fake, "normalize", failing(ReadingInvalid("not a serial: ''")))
    pull_once(account)
    assert PullRun.objects.values_list("outcome", "error").get() == ("reply_invalid", "page: not a serial: ''")


def test_pages_without_end_are_a_fault(vendor, account, monkeypatch):
    monkeypatch.setattr(Fake, "fetch", lambda *_: itertools.repeat(Page("page", [])))
    pull_once(account)
    assert PullRun.objects.get().error == "more than 3 pages for one window"


def test_secrets_that_do_not_open_are_trouble_of_the_vault(vendor, account):
    sealing.seal(account, {"key": "k"})
    other = factories.connection(account.partner)
    Connection.objects.filter(pk=account.pk).update(secrets=account.secrets)
    Connection.objects.filter(pk=other.pk).update(secrets=account.secrets)
    assert pull_once(other)
    assert other.last_error.startswith("The vault cannot open the account's key: ")
    assert (other.failures, other.lease) == (1, None)


def test_a_fault_of_ours_is_logged_without_its_text_and_frees_the_account(vendor, account, caplog):
    vendor.answer = staticmethod(failing(ZeroDivisionError("secret-123")))
    assert pull_once(account)
    assert account.last_error == "A fault of the portal: ZeroDivisionError. See its log."
    assert (account.lease, account.failures, outcomes()) == (None, 1, ["error"])
    assert PullRun.objects.get().error == "ZeroDivisionError"
    assert "pull failed" in caplog.text


def test_what_cannot_be_stored_moves_no_cursor(vendor, account, monkeypatch):
    monkeypatch.setattr("ingest.outbox.enqueue", failing(RuntimeError("disk full")))
    pull_once(account)
    assert (Reading.objects.count(), Message.objects.count(), System.objects.get().pulled_through) == (0, 0, None)


# --- quotas ----------------------------------------------------------------------------------------------------------


def test_when_the_quota_is_used_up_the_rest_waits_for_the_next_period(vendor, account, monkeypatch, time):
    monkeypatch.setattr(Fake, "policy", replace(POLICY, quotas=(Quota(2, timedelta(minutes=1), Scope.ACCOUNT),)))
    while Reading.objects.count() < 24:
        before = len(vendor.asked)
        pull_once(account, time)
        assert len(vendor.asked) - before <= 2
        assert time.now < account.next_pull_at <= NOW + HOUR
        time.now = account.next_pull_at
    assert account.failures == 0
