"""Whatever goes wrong on the way to SEN: a reading stands in its ledger exactly once, or is held with a reason."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from gateways import actions
from gateways.models import Gateway
from ingest import lifecycle, outbox, store
from ingest.models import Attempt, GatewayQueue, Message, Reading, System
from tests import factories
from tests.processes.portal import Portal, due_now, nothing_waits, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def homes(count: int, readings: int) -> list[Gateway]:
    """Active gateways that SEN knows, each with readings in the outbox."""
    kind = factories.gateway_type()
    gateways = []
    for _ in range(count):
        gateway = factories.gateway(kind)
        lifecycle.register_in_sandbox(gateway=gateway, by="test", now=timezone.now())
        gateways.append(factories.activate(gateway))
        add_readings(factories.system(gateway), readings)
    return gateways


def add_readings(system: System, count: int) -> None:
    """Store a reading a minute up to now; 10 readings a batch give several messages."""
    now = timezone.now().replace(microsecond=0)
    start = now - timedelta(minutes=count)
    for offset in range(0, count, 10):
        part = factories.readings(system, 10, start=start + timedelta(minutes=offset), step=timedelta(minutes=1))
        store.store_readings(system=system, readings=part, now=timezone.now())


def stored_points(gateway: Gateway) -> set[tuple[str, int]]:
    rows = Reading.objects.filter(der__system__gateway=gateway).values_list("der__sn", "ts")
    return {(sn, round(ts.timestamp() * 1000)) for sn, ts in rows}


def assert_all_in_ledger(portal: Portal, gateways: list[Gateway]) -> None:
    for gateway in gateways:
        assert set(portal.points(gateway.serial)) == stored_points(gateway)
    assert nothing_waits()
    assert not Message.objects.filter(state=Message.State.HELD).exists()


def test_a_worker_killed_after_sen_accepted_and_before_it_was_recorded_loses_and_doubles_nothing(portal):
    gateways = homes(3, 60)
    # SEN takes the message, and its answer hangs: the worker dies not knowing.
    portal.fault("sen", path="/gw/data", after=True, delay_s=60, times=3)
    worker = portal.start_worker()
    portal.start_beat()
    wait_for(lambda: portal.sen("ledger")["points"] >= 30, "SEN accepting three messages", portal=portal)
    assert not Message.objects.filter(state=Message.State.DELIVERED).exists()
    portal.kill(worker)
    killed = time.monotonic()
    portal.start_worker("second")
    wait_for(nothing_waits, "the other worker sending all", seconds=90, portal=portal)
    assert time.monotonic() - killed < 75, "the lease of a dead worker must lapse within a minute"
    assert_all_in_ledger(portal, gateways)
    assert portal.sen("ledger")["duplicates"] == 30  # sent again, recognized, stored once
    assert portal.sen("ledger")["conflicts"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        pytest.param({"status": 503}, marks=pytest.mark.once),
        {"status": 429, "headers": {"Retry-After": "1"}},
        pytest.param({"reset": True}, marks=pytest.mark.once),
        {"delay_s": 6},
    ],
    ids=["500", "503", "429", "reset", "timeout"],
)
def test_sen_failing_for_a_while_delays_and_loses_nothing(portal, fault):
    gateways = homes(2, 30)
    portal.fault("sen", path="/gw/data", times=4, **fault)
    portal.start_worker(beat=True)
    wait_for(nothing_waits, "all messages after the trouble", seconds=60, portal=portal)
    assert_all_in_ledger(portal, gateways)
    assert Attempt.objects.count() >= 4
    assert set(GatewayQueue.objects.values_list("failures", flat=True)) == {0}


def test_sen_refusing_one_payload_holds_that_message_and_sends_the_others(portal):
    gateways = homes(2, 30)
    portal.fault("sen", path="/gw/data", status=422, body="no such unit", times=1)
    portal.start_worker(beat=True)
    wait_for(nothing_waits, "the other messages", portal=portal)
    held = Message.objects.get(state=Message.State.HELD)
    assert "no such unit" in held.held_reason
    in_ledger = {(g.serial, *key) for g in gateways for key in portal.points(g.serial)}
    missing = {(g.serial, *key) for g in gateways for key in stored_points(g)} - in_ledger
    assert len(missing) == held.points
    outbox.retry_message(message=held, by="test", now=timezone.now())
    wait_for(nothing_waits, "the retried message", portal=portal)
    assert_all_in_ledger(portal, gateways)


def test_a_banned_key_holds_its_gateway_with_the_reason_until_another_key_is_active(portal):
    banned, well = homes(2, 30)
    portal.sen(f"gateways/{banned.serial}/ban", {})
    portal.start_worker(beat=True)
    wait_for(lambda: GatewayQueue.objects.get(pk=banned.pk).held_reason, "the hold", portal=portal)
    wait_for(lambda: not GatewayQueue.objects.get(pk=well.pk).waiting, "the other gateway", portal=portal)
    queue = GatewayQueue.objects.get(pk=banned.pk)
    assert "HTTP 403" in queue.held_reason
    assert queue.waiting == 3
    actions.rotate_key(owner=banned, by="test", now=timezone.now())
    lifecycle.register_in_sandbox(gateway=banned, by="test", now=timezone.now())
    wait_for(nothing_waits, "the sweep releasing the queue for its new key", portal=portal)
    assert_all_in_ledger(portal, [banned, well])


def test_a_clock_of_sen_that_lags_holds_messages_which_a_retry_delivers(portal):
    gateways = homes(1, 30)
    portal.set_clock(timezone.now() - timedelta(hours=3))
    portal.start_worker(beat=True)
    wait_for(nothing_waits, "SEN refusing readings of its future", portal=portal)
    held = list(Message.objects.filter(state=Message.State.HELD))
    assert len(held) == 3
    assert all("HTTP 400" in message.held_reason for message in held)
    portal.set_clock(timezone.now())
    for message in held:
        outbox.retry_message(message=message, by="test", now=timezone.now())
    wait_for(nothing_waits, "the retried messages", portal=portal)
    assert_all_in_ledger(portal, gateways)


def test_two_worker_processes_on_one_queue_never_deliver_twice(portal):
    gateways = homes(12, 60)
    portal.start_worker("first", beat=True)
    portal.start_worker("second")
    wait_for(nothing_waits, "two workers sending all", portal=portal)
    assert_all_in_ledger(portal, gateways)
    ledger = portal.sen("ledger")
    assert ledger["duplicates"] == 0
    assert ledger["posts"] == {"200": Message.objects.count()}


def test_everything_stopped_and_started_again_goes_on_where_it_was(portal):
    gateways = homes(2, 60)
    portal.fault("sen", path="/gw/data", times=500, status=503)
    worker, beat = portal.start_worker(), portal.start_beat()
    wait_for(lambda: Attempt.objects.count() >= 2, "first failed tries", portal=portal)
    portal.stop(worker)
    portal.stop(beat)
    assert GatewayQueue.objects.filter(lease__isnull=False).count() == 0
    for gateway in gateways:
        add_readings(gateway.system, 60)
    portal.end_faults()
    due_now()
    portal.start_worker("again", beat=True)
    wait_for(nothing_waits, "all after the restart", portal=portal)
    assert_all_in_ledger(portal, gateways)
