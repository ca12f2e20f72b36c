"""Tokens of owners' consents: renewed in time and once, and never lost, whoever is killed when."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connections as databases

from gateways import vault
from gateways.models import Event
from ingest import adapters, connections, receipts, tokens, upkeep
from ingest.models import Connection, PullRun, System
from ingest.vendors.base import Tokens
from ingest.vendors.errors import VendorAuthFailed, VendorUnavailable
from tests import factories
from tests.factories import NOW
from tests.ingest.consenting import FIRST, LIFE, Consenting
from tests.ingest.consents import (
    HALF,
    NEW,
    SECOND,
    bearer,
    connect,
    crash,
    disconnect,
    held,
    lease,
    names,
    reconnect,
    tick,
)
from tests.ingest.vendor import pull_once
from tests.processes.portal import ROOT, _database_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(app):
    return connect(app)


# --- when ------------------------------------------------------------------------------------------------------------


def test_tokens_are_renewed_at_half_of_their_life_and_not_before(cloud, account, time):
    time.now = NOW + HALF - SECOND
    assert (bearer(account, time), cloud.count("token")) == ("SECRET-access-0", 0)
    time.now = NOW + HALF
    assert (bearer(account, time), cloud.count("token")) == ("SECRET-access-1", 1)
    assert (bearer(account, time), cloud.count("token")) == ("SECRET-access-1", 1)


def test_each_renewal_uses_the_pair_of_the_last(cloud, account, time):
    for number in (1, 2, 3):
        time.now += HALF
        assert bearer(account, time) == f"SECRET-access-{number}"
    assert not cloud.ended
    assert held(account).refresh_token == "SECRET-refresh-3"
    row = Connection.objects.get()
    assert (row.tokens_received_at, row.tokens_expire_at) == (time.now, time.now + LIFE)
    assert (row.refresh_lease, row.account, receipts.waiting()) == (None, "anna", [])


def test_a_pull_renews_on_the_way_and_reads(cloud, account, time):
    time.now = NOW + HALF
    assert pull_once(account, time)
    assert (account.status, account.failures, cloud.asked) == ("active", 0, ["token", "systems"])


def test_a_token_that_the_vendor_refuses_is_renewed_once_and_the_call_made_again(cloud, account, time):
    time.now = NOW + timedelta(minutes=5)
    cloud.number = 7
    Connection.objects.update(secrets="")
    row = Connection.objects.get()
    tokens.put(row, Tokens("SECRET-old", "SECRET-refresh-7", LIFE), NOW)
    row.save()
    assert pull_once(account, time)
    assert (account.status, cloud.asked) == ("active", ["systems", "token", "systems"])


def test_a_token_that_is_refused_after_renewal_too_wants_its_owner_once(cloud, account, time):
    time.now = NOW + timedelta(minutes=5)
    cloud.status["systems"] = 401
    assert pull_once(account, time)
    assert (account.status, cloud.asked) == ("needs_reconnect", ["systems", "token", "systems"])
    assert not pull_once(account, time)
    tick(time)
    connections.mark_needs_reconnect(connection=account, reason="again", now=time.now)
    assert names("needs_reconnect") == ["connection.needs_reconnect"]


def test_a_refresh_token_that_is_refused_wants_its_owner_once(cloud, account, time):
    cloud.ended, time.now = True, NOW + HALF
    assert pull_once(account, time)
    assert (account.status, account.needs_reconnect_at, account.refresh_lease) == ("needs_reconnect", time.now, None)
    assert names("needs_reconnect") == ["connection.needs_reconnect"]


def test_a_token_of_a_minute_is_not_renewed_because_it_is_refused(cloud, account, time):
    time.now = NOW + timedelta(minutes=1)
    assert (bearer(account, time, refused="SECRET-access-0"), cloud.count("token")) == ("SECRET-access-0", 0)


def test_a_token_that_somebody_renewed_since_is_taken_and_not_renewed_again(cloud, account, time):
    time.now = NOW + timedelta(minutes=5)
    assert bearer(account, time, refused="SECRET-before") == "SECRET-access-0"
    assert cloud.asked == []


# --- a vendor in trouble ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 503])
def test_while_the_token_lives_a_vendor_that_cannot_renew_it_stops_nothing(cloud, account, time, status):
    cloud.status["token"], time.now = status, NOW + LIFE - SECOND
    assert pull_once(account, time)
    assert (account.status, account.failures, account.refresh_lease) == ("active", 0, None)


def test_when_it_has_expired_the_account_waits_and_its_cursor_stands(cloud, account, time):
    System.objects.create(connection=account, external_id="home", gateway=factories.active_gateway(
        factories.gateway_type(account.partner)), pulled_through=NOW)  # fmt: skip
    cloud.status["token"], time.now = 503, NOW + LIFE
    assert pull_once(account, time)
    assert (account.status, account.failures, cloud.asked) == ("active", 1, ["token"])
    assert "HTTP 503" in account.last_error
    assert System.objects.get().pulled_through == NOW
    cloud.status.clear()
    time.now = account.next_pull_at
    assert pull_once(account, time)
    assert (account.failures, System.objects.get().pulled_through) == (0, time.now)


def test_a_token_that_was_refused_does_not_live_though_its_time_is_not_over(cloud, account, time):
    cloud.status["token"], time.now = 503, NOW + timedelta(minutes=5)
    with pytest.raises(VendorUnavailable):
        bearer(account, time, refused="SECRET-access-0")


def test_a_vault_that_does_not_open_keeps_nobody_waiting(cloud, account, app, time):
    app.secrets = account.secrets
    app.save()
    time.now = NOW + HALF
    with pytest.raises(vault.VaultError):
        tokens.access_token(account, lambda: adapters.open_uncounted(account_of(account), clock=time), clock=time)
    assert Connection.objects.get().refresh_lease is None


def account_of(account):
    return Connection.objects.select_related("partner", "credential").get(pk=account.pk)


# --- several workers -------------------------------------------------------------------------------------------------


def test_while_somebody_renews_them_others_use_the_token_that_lives(cloud, account, time):
    time.now = NOW + HALF
    lease(account, time.now)
    assert (bearer(account, time), cloud.asked) == ("SECRET-access-0", [])


def test_with_a_dead_token_they_wait_for_the_one_who_renews(cloud, account, time, monkeypatch):
    time.now = NOW + LIFE
    lease(account, time.now)

    def meanwhile(_seconds):
        row = Connection.objects.get()
        tokens.put(row, Tokens("SECRET-theirs", "SECRET-next", LIFE), time.now)
        tokens._commit(row, renews=NOW)

    monkeypatch.setattr("ingest.tokens.time.sleep", meanwhile)
    assert (bearer(account, time), cloud.asked) == ("SECRET-theirs", [])


def test_nobody_waits_for_ever_for_one_who_is_gone(cloud, account, time, monkeypatch):
    time.now = NOW + LIFE
    lease(account, time.now)
    monkeypatch.setattr(tokens, "_PATIENCE_S", 0)
    with pytest.raises(VendorUnavailable, match="another worker"):
        bearer(account, time)
    time.now += tokens.LEASE + SECOND
    assert bearer(account, time) == "SECRET-access-1"


def test_a_consent_that_was_given_meanwhile_is_not_overwritten_by_an_answer_for_the_old_one(
    cloud, account, app, time, monkeypatch
):
    time.now = NOW + HALF
    renewed = Consenting.refresh

    def slow(adapter, refresh_token):
        given = renewed(adapter, refresh_token)
        reconnect(account, app, NEW, time.now)
        time.now += SECOND  # the answer comes after the new consent
        return given

    monkeypatch.setattr(Consenting, "refresh", slow)
    bearer(account, time)
    assert (held(account).access_token, receipts.waiting()) == ("SECRET-new", [])


# --- killed workers --------------------------------------------------------------------------------------------------


def test_what_a_killed_worker_received_is_taken_up_and_the_account_goes_on(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    assert (held(account).access_token, receipts.waiting()) == ("SECRET-access-0", [account.uid])
    assert (bearer(account, time), cloud.count("token")) == ("SECRET-access-1", 1)
    time.now += HALF
    assert (bearer(account, time), cloud.ended, receipts.waiting()) == ("SECRET-access-2", False, [])


def test_the_tick_takes_up_receipts_of_accounts_that_nobody_pulls(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    connections.pause(connection=account, by="test", now=time.now)
    assert upkeep.take_up_receipts(now=time.now) == 1
    assert (held(account).access_token, receipts.waiting()) == ("SECRET-access-1", [])
    assert upkeep.take_up_receipts(now=time.now) == 0


def test_an_account_that_was_taken_for_lost_without_its_receipt_goes_on_with_it(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    connections.mark_needs_reconnect(connection=account, reason="a worker elsewhere was refused", now=time.now)
    assert upkeep.take_up_receipts(now=time.now) == 1
    account.refresh_from_db()
    assert (account.status, account.next_pull_at, held(account).access_token) == (
        "active", time.now, "SECRET-access-1",
    )  # fmt: skip
    assert names("needs_reconnect", "recovered") == ["connection.needs_reconnect", "connection.recovered"]


def test_a_receipt_waits_while_somebody_has_the_lease(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    lease(account, time.now)
    assert (upkeep.take_up_receipts(now=time.now), receipts.waiting()) == (0, [account.uid])


def test_a_receipt_of_an_older_consent_is_thrown_away(cloud, account, app, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    reconnect(account, app, NEW, NOW + timedelta(minutes=1))
    assert (upkeep.take_up_receipts(now=time.now), receipts.waiting()) == (0, [])
    assert held(account).access_token == "SECRET-new"


def test_a_receipt_of_an_account_there_is_not_is_thrown_away(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    Connection.objects.all().delete()
    assert (upkeep.take_up_receipts(now=time.now), receipts.waiting()) == (0, [])


def test_a_receipt_is_sealed_and_for_our_eyes_only(cloud, account, time, monkeypatch):
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    (written,) = (django_settings.VAR_DIR / "tokens").iterdir()
    assert (written.stat().st_mode & 0o777, written.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "SECRET" not in written.read_text()


def test_an_account_without_a_consent_has_no_token(cloud, account):
    Connection.objects.update(secrets="", tokens_received_at=None, tokens_refresh_at=None, tokens_expire_at=None)
    with pytest.raises(VendorAuthFailed, match="no consent of its owner"):
        held(account)


# --- secrets ---------------------------------------------------------------------------------------------------------


def _pull_all(account, time):
    """Pull with a call to the vendor for certain."""
    Connection.objects.update(discovered_at=None, next_pull_at=time.now)
    return pull_once(account, time)


def test_no_token_is_in_a_log_an_event_or_the_trouble_that_staff_read(cloud, account, app, time, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    time.now = NOW + HALF
    crash(account, time, monkeypatch)
    assert _pull_all(account, time)
    cloud.status["token"] = 503
    time.now += LIFE
    assert _pull_all(account, time)
    tick(time)
    del cloud.status["token"]
    cloud.ended = True
    time.now += timedelta(hours=1)
    assert _pull_all(account, time)
    assert account.status == "needs_reconnect"
    disconnect(account, time.now)
    cloud.status["revoke"] = 503
    tick(time)
    assert "tokens taken up from a receipt" in caplog.text
    assert "consent not given back yet" in caplog.text
    kept = [*Event.objects.values_list("data", flat=True), *PullRun.objects.values_list("error", flat=True)]
    assert {"unavailable", "auth_failed"} <= set(PullRun.objects.values_list("outcome", flat=True))
    kept += [account.last_error, Connection.objects.get().secrets, repr(FIRST), repr(account), caplog.text]
    assert "SECRET" not in json.dumps(kept)


# --- processes of their own ------------------------------------------------------------------------------------------


@pytest.fixture
def renewer(cloud):
    """Starts processes that stand ready to renew."""
    with contextlib.ExitStack() as children:

        def start(account, now, *dies):
            child = children.enter_context(_start(account, now, *dies))
            children.callback(child.kill)
            return child

        yield start


def _start(account, now, *dies):
    env = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "ENV_FILE": os.devnull,
        "VAR_DIR": str(django_settings.VAR_DIR), "DATABASE_URL": _database_url(),
        "SANDBOX_URL": django_settings.SANDBOX_URL, "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.ingest.renewer", str(account.pk), now.isoformat(), *dies]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(*children):
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    return [child.communicate(timeout=60)[0].strip() for child in children]


@pytest.mark.django_db(transaction=True)
def test_two_processes_renew_once_and_one_that_is_killed_loses_nothing(cloud, account, time, renewer):
    databases.close_all()
    time.now = NOW + LIFE
    second = time.now + HALF
    renewers = [renewer(account, time.now), renewer(account, time.now)]
    victim = renewer(account, second, "dies")
    assert go(*renewers) == ["SECRET-access-1", "SECRET-access-1"]
    assert (cloud.count("token"), cloud.ended) == (1, False)

    assert go(victim) == [""]
    assert (victim.returncode, cloud.number) == (-signal.SIGKILL, 2)
    assert (held(account).access_token, receipts.waiting()) == ("SECRET-access-1", [account.uid])
    time.now = second
    assert bearer(account, time) == "SECRET-access-1", "its lease still stands, and this token lives"
    time.now += tokens.LEASE + SECOND
    assert (bearer(account, time), cloud.count("token")) == ("SECRET-access-2", 2)
    time.now += HALF
    assert (bearer(account, time), cloud.ended, receipts.waiting()) == ("SECRET-access-3", False, [])
