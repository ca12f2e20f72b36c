"""Pulling, pushing and normalizing by hand."""

from __future__ import annotations

import io
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateways import actions
from ingest import push, sealing, vendors
from ingest.management.commands.pull import parse_since
from ingest.models import Connection, Message, Reading, System
from ingest.vendors.base import Quota
from ingest.vendors.errors import VendorAuthFailed
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import filled
from tests.ingest.sen import receiver as stand_in
from tests.ingest.sen.receiver import Reply
from tests.ingest.vendor import POLICY, Fake, home, hourly

RECORDINGS = Path(__file__).resolve().parents[3] / "shared/recordings"


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def rows_of_all_tables():
    return {model._meta.label: model._default_manager.count() for model in apps.get_models(include_auto_created=True)}


# --- pull ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(db, monkeypatch):
    """An account at the fake vendor with a home that has a gateway."""
    vendors.adapter_class.cache_clear()
    monkeypatch.setitem(vendors.VENDORS, "solis", "tests.ingest.vendor.Fake")
    monkeypatch.setattr(Fake, "policy", POLICY.__class__(**{**vars(POLICY), "quotas": (Quota(99, timedelta(days=1)),)}))
    values = {"homes": [home("home")], "asked": [], "listed": [], "answer": staticmethod(hourly)}
    for name, value in values.items():
        monkeypatch.setattr(Fake, name, value, raising=False)
    gateway = factories.active_gateway()
    account = factories.connection(gateway.partner)
    System.objects.create(connection=account, external_id="home", gateway=gateway)
    yield account
    vendors.adapter_class.cache_clear()


def pull(account, *arguments):
    return run("pull", "solis", "--connection", str(account.pk), *arguments)


def test_a_dry_run_shows_readings_counts_and_times_and_writes_nothing(account):
    before = rows_of_all_tables()
    shown, said = pull(account, "--since", "5h", "--dry-run")
    lines = [json.loads(line) for line in shown.splitlines()]
    assert len(lines) == 5
    assert lines[0].keys() == {"system", "ders", "sn", "ts", "interval_s", "power_w", "quality"}
    assert (lines[0]["system"], lines[0]["ders"], lines[0]["sn"]) == ("home", "pv", "PV-1")
    assert said.startswith(f"5 readings, first {lines[0]['ts'][:13]}")
    assert "2 requests in" in said
    assert "nothing written" in said
    assert rows_of_all_tables() == before
    account.refresh_from_db()
    assert (account.last_success_at, account.discovered_at) == (None, None)


def test_a_pull_by_hand_stores_and_moves_the_cursor(account):
    _, said = pull(account)
    assert "24 readings" in said
    assert "stored" in said
    assert (Reading.objects.count(), Message.objects.count()) == (24, 4)
    system = System.objects.get()
    assert system.pulled_through is not None
    assert timezone.now() - system.pulled_through < timedelta(minutes=1)


def test_a_pull_of_newer_times_only_does_not_jump_over_what_was_not_read(account):
    cursor = timezone.now() - timedelta(days=3)
    System.objects.update(pulled_through=cursor)
    pull(account, "--since", "2h")
    assert (Reading.objects.count(), System.objects.get().pulled_through) == (2, cursor)
    pull(account, "--since", "4d")
    assert System.objects.get().pulled_through != cursor


def test_a_new_home_pulled_by_hand_for_an_hour_still_gets_its_history(account):
    pull(account, "--since", "1h")
    assert System.objects.get().pulled_through is None


def test_readings_that_are_old_get_a_warning(account, monkeypatch):
    old = timezone.now() - timedelta(hours=7)
    monkeypatch.setattr(Fake, "answer", staticmethod(lambda *asked: [r for r in hourly(*asked) if r.ts < old]))
    assert "more than 6 hours old" in pull(account, "--dry-run", "--since", "1d")[1]


def test_what_the_vendor_refuses_is_said_with_what_to_do(account, monkeypatch):
    def refuse(*_):
        raise VendorAuthFailed("HTTP 401")

    monkeypatch.setattr(Fake, "answer", staticmethod(refuse))
    with pytest.raises(CommandError, match="VendorAuthFailed: HTTP 401\nReconnect the account"):
        pull(account)


def test_a_vault_that_does_not_open_is_said(account):
    sealing.seal(account, {"key": "k"})
    Connection.objects.create(partner=account.partner, vendor="solis", label="copy", secrets=account.secrets)
    with pytest.raises(CommandError, match="does not open|cannot be opened|altered"):
        pull(Connection.objects.get(label="copy"))


def test_a_connection_that_is_not_there_is_said(account):
    with pytest.raises(CommandError, match="There is no solis connection 99999"):
        run("pull", "solis", "--connection", "99999")
    with pytest.raises(CommandError, match=f"There is no solaredge connection {account.pk}"):
        run("pull", "solaredge", "--connection", str(account.pk))


@pytest.mark.parametrize(
    "text, ago",
    [("90m", timedelta(minutes=90)), ("12h", timedelta(hours=12)), ("2d", timedelta(days=2))],
)
def test_since_may_be_a_span(text, ago):
    assert parse_since(text, NOW) == NOW - ago


def test_since_may_be_a_time_with_its_zone():
    assert parse_since("2026-06-15T14:00:00+02:00", NOW) == NOW
    assert parse_since("2026-06-15T12:00:00Z", NOW) == NOW
    assert parse_since(None, NOW) is None


@pytest.mark.parametrize(
    "text, words", [("2 days", "give 90m, 12h, 2d"), ("2026-06-15T12:00:00", "has no zone"), ("", "give 90m")]
)
def test_since_that_says_nothing_is_refused(text, words):
    with pytest.raises(CommandError, match=words):
        parse_since(text, NOW)


# --- push ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sen(settings, monkeypatch, db):
    with stand_in.running() as running:
        settings.SANDBOX_URL = running.url.removesuffix("/gw/data/")
        monkeypatch.setattr(push, "_threads", threading.local())
        yield running


def test_one_gateway_is_drained_by_hand_and_no_other(sen):
    queue, _ = filled(3), filled(3)
    assert run("push", "--gateway", queue.gateway.serial)[0] == "3 delivered, 0 waiting, 0 held\n"
    assert len(sen.got) == 3
    assert run("push", "--gateway", queue.gateway.serial)[0] == "Nothing waits.\n"


def test_what_did_not_go_out_is_said(sen):
    queue = filled(3)
    sen.reply = lambda _: Reply(503, b"maintenance")
    with pytest.raises(CommandError, match="Not all went out: HTTP 503 maintenance"):
        run("push", "--gateway", queue.gateway.serial)


def test_why_nothing_may_go_out_is_said(sen):
    queue = filled(3)
    actions.suspend_gateway(gateway=queue.gateway, by="test", now=NOW)
    with pytest.raises(CommandError, match="3 messages wait: The gateway is suspended by staff"):
        run("push", "--gateway", queue.gateway.serial)


def test_a_gateway_that_is_not_there_is_said(db):
    with pytest.raises(CommandError, match="There is no gateway nowhere"):
        run("push", "--gateway", "nowhere")


# --- normalize -------------------------------------------------------------------------------------------------------


def test_help_lists_the_resources_of_every_vendor(capsys):
    with pytest.raises(SystemExit):
        run("normalize", "--help")
    shown = capsys.readouterr().out
    for slug in vendors.VENDORS:
        assert f"  {slug}: {', '.join(vendors.adapter_class(slug).resources)}" in shown


@pytest.mark.parametrize("name", sorted(path.name for path in (RECORDINGS / "solaredge").glob("*power*.json")) or [""])
def test_a_recorded_reply_becomes_json_lines(name):
    if not name:
        pytest.skip("the recordings are not beside the checkout")
    shown, said = run("normalize", "solaredge", "power", str(RECORDINGS / "solaredge" / name))
    lines = [json.loads(line) for line in shown.splitlines()]
    assert lines
    assert all({"ders", "sn", "ts", "interval_s"} <= line.keys() for line in lines)
    assert None not in [value for line in lines for value in line.values()]
    assert said.startswith(f"{len(lines)} readings, ")


@pytest.mark.parametrize(
    "content, words",
    [(b"<html>", "is not JSON"), (b"[]", "VendorReplyInvalid"), (b"", "is not JSON"), (b"\xff\xfe", "is not JSON")],
)
def test_a_file_that_is_no_reply_is_said(tmp_path, content, words):
    path = tmp_path / "reply.json"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=words):
        run("normalize", "solaredge", "power", str(path))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "/etc/passwd", "../../etc", "CEST"])
def test_a_zone_that_is_none_is_said(zone):
    with pytest.raises(CommandError, match="not an IANA time zone"):
        run("normalize", "solaredge", "power", "any.json", "--timezone", zone)


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(CommandError, match="Cannot read .*No such file"):
        run("normalize", "solaredge", "power", str(tmp_path / "none.json"))
    with pytest.raises(CommandError, match="Cannot read .*Is a directory"):
        run("normalize", "solaredge", "power", str(tmp_path))


def test_a_resource_that_is_none_is_said_with_those_there_are():
    with pytest.raises(CommandError, match="SolarEdge has no resource weather. Known: "):
        run("normalize", "solaredge", "weather", "any.json")
