"""What is looked after between pulls: consents that age, end, or wait for the vendor."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from gateways.models import Event
from ingest import connections, receipts, upkeep
from ingest.models import Connection
from ingest.vendors.base import Tokens
from tests.factories import NOW
from tests.ingest.consenting import LIFE
from tests.ingest.consents import HALF, NEW, SECOND, connect, crash, disconnect, held, lease, names, reconnect, tick
from tests.ingest.vendor import pull_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(app):
    return connect(app)


# --- accounts that are not pulled ------------------------------------------------------------------------------------


def test_paused_accounts_are_kept_alive_once_a_week(cloud, account, time):
    connections.pause(connection=account, by="test", now=NOW)
    time.now = NOW + timedelta(days=7) - SECOND
    tick(time)
    assert cloud.asked == []
    for week in (1, 2):
        time.now = NOW + timedelta(days=7 * week)
        tick(time)
        tick(time)
        assert cloud.count("token") == week


def test_a_paused_account_whose_consent_ended_is_said_to_need_its_owner_and_not_asked_again(cloud, account, time):
    connections.pause(connection=account, by="test", now=NOW)
    cloud.ended, time.now = True, NOW + timedelta(days=7)
    tick(time)
    tick(time)
    assert (Connection.objects.get().status, cloud.count("token")) == ("needs_reconnect", 1)


def test_tokens_that_no_pull_came_to_are_renewed_by_the_tick(cloud, account, time):
    time.now = NOW + HALF + timedelta(minutes=2)
    tick(time)
    assert (held(account).access_token, Connection.objects.get().status) == ("SECRET-access-1", "active")


def test_a_vendor_that_does_not_answer_is_not_asked_for_every_account(cloud, account, app, time):
    connect(app, Tokens("SECRET-b", "SECRET-c", LIFE, account="berta"))
    cloud.status["token"], time.now = 503, NOW + LIFE
    tick(time)
    assert cloud.count("token") == 1


# --- the end ---------------------------------------------------------------------------------------------------------


def forgotten(account):
    row = Connection.objects.get(pk=account.pk)
    return (row.secrets, row.credential, row.tokens_expire_at, row.revoke_due_at) == ("", None, None, None)


def said():
    return [event.data["at_vendor"] for event in Event.objects.filter(name="connection.revoked")]


def test_a_disconnected_account_gives_its_consent_back_with_the_next_tick(cloud, account, time):
    disconnect(account)
    assert (cloud.asked, forgotten(account)) == ([], False)
    tick(time)
    tick(time)
    assert (cloud.revoked, cloud.count("revoke"), forgotten(account), said()) == (True, 1, True, [True])


def test_a_vendor_that_is_down_is_asked_every_hour_for_a_week(cloud, account, time):
    disconnect(account)
    cloud.status["revoke"] = 503
    tick(time)
    tick(time)
    assert (cloud.count("revoke"), forgotten(account)) == (1, False)
    time.now = NOW + timedelta(hours=1)
    tick(time)
    assert (cloud.count("revoke"), said()) == (2, [])
    time.now = NOW + timedelta(days=7)
    tick(time)
    assert (cloud.count("revoke"), forgotten(account), said()) == (3, True, [False])


@pytest.mark.parametrize("status", [404, 400], ids=["no such call", "not known any more"])
def test_where_there_is_nothing_to_give_back_the_tokens_are_forgotten(cloud, account, time, status):
    disconnect(account)
    cloud.status["revoke"] = status
    tick(time)
    assert (forgotten(account), said()) == (True, [False])


def test_an_account_that_was_connected_again_in_time_keeps_its_consent(cloud, account, app, time):
    disconnect(account)
    stale = Connection.objects.select_related("partner", "credential").get()
    reconnect(account, app, NEW, NOW)
    connections.revoke(connection=stale, clock=time)
    assert (cloud.asked, said(), held(account).access_token) == ([], [], "SECRET-new")


def test_the_token_that_is_given_back_is_the_one_a_killed_worker_received(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    disconnect(account, time.now)
    upkeep.revoke_due(clock=time, until=math.inf)
    assert (cloud.revoked, forgotten(account), receipts.waiting()) == (True, True, [])


def test_nothing_is_given_back_while_somebody_renews_it(cloud, account, time):
    disconnect(account)
    lease(account, NOW)
    tick(time)
    assert (cloud.asked, forgotten(account)) == ([], False)


# --- the vendor's approval -------------------------------------------------------------------------------------------


@pytest.fixture
def pending(app):
    """An account with keys that the vendor looks at first."""
    return connections.connect(
        partner=app.partner, vendor="solis", scheme="looked_at", label="Berta", secrets={"key": "k"}, by="test",
        now=NOW, approved=False,
    )  # fmt: skip


def ask(time):
    upkeep.ask_approvals(clock=time, until=math.inf)
    return Connection.objects.get()


def test_an_account_that_the_vendor_looks_at_is_not_pulled_before_it_said_yes(cloud, pending, time):
    assert not pull_once(pending, time)
    row = ask(time)
    assert (row.status, row.next_pull_at) == ("pending", NOW + timedelta(hours=1))
    ask(time)
    assert cloud.asked == ["approval"]
    cloud.approval, time.now = "granted", row.next_pull_at
    row = ask(time)
    assert (row.status, row.next_pull_at, names("approved")) == ("active", time.now, ["connection.approved"])


def test_an_account_that_the_vendor_rejects_is_over_and_its_keys_are_forgotten(cloud, pending, time):
    cloud.approval = "rejected"
    row = ask(time)
    assert (row.status, row.secrets, row.revoke_due_at, row.next_pull_at) == ("disconnected", "", None, None)
    tick(time)
    ask(time)
    assert (cloud.asked, names("rejected", "revoked")) == (["approval"], ["connection.rejected"])


def test_a_consent_that_the_vendor_rejects_is_given_back(cloud, app, time):
    connect(app, approved=False)
    cloud.approval = "rejected"
    ask(time)
    tick(time)
    assert (cloud.revoked, names("rejected", "revoked")) == (True, ["connection.rejected", "connection.revoked"])


def test_a_vendor_in_trouble_is_asked_for_its_word_again_soon(cloud, pending, time):
    cloud.status["approval"] = 503
    row = ask(time)
    assert (row.status, row.next_pull_at) == ("pending", NOW + timedelta(minutes=10))


def test_new_keys_do_not_get_around_the_vendors_approval(cloud, pending, time):
    connections.reconnect(connection=pending, secrets={"key": "another"}, by="test", now=NOW)
    assert Connection.objects.get().status == "pending"
    cloud.approval = "granted"
    assert ask(time).status == "active"


def test_a_pending_consent_is_kept_alive_too(cloud, app, time):
    connect(app, approved=False)
    time.now = NOW + timedelta(days=7)
    tick(time)
    assert cloud.count("token") == 1
