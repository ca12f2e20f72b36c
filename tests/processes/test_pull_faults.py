"""Whatever a vendor's cloud does: what it gave stands in SEN's ledger, and an operator sees what is wrong."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from gateways.models import Event, Gateway
from ingest import adapters, connections, discovery, pull, sealing
from ingest.models import Connection, PullRun, Reading
from onboarding import actions
from tests import factories
from tests.processes.portal import nothing_waits, wait_for
from tests.processes.test_push_faults import assert_all_in_ledger

pytestmark = pytest.mark.django_db(transaction=True)

_PLACE = (Decimal("59.33"), Decimal("18.07"))
_DATA = "/api/v1/api/inverterDay"


def solis_home() -> tuple[Connection, Gateway]:
    """A connected account of the Solis stand-in whose first system has an active gateway; not pulled yet."""
    kind = factories.gateway_type()
    now = timezone.now()
    connection = connections.connect(
        partner=kind.partner, vendor="solis", label="Home", by="test", now=now,
        secrets={"key_id": "sandbox-key", "key_secret": "sandbox-secret"},
    )  # fmt: skip
    discovery.discover(connection, adapters.open_account(connection, clock=timezone.now), now)
    system = connection.systems.earliest("external_id")
    gateway = actions.give_gateway(system=system, gateway_type=kind, by="test", now=now)
    gateway = actions.bring_to_life(gateway=gateway, wallet=factories.WALLET, place=_PLACE, by="test", now=now)
    return connection, gateway


def pull_again(connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(next_pull_at=timezone.now())


def good_pull(connection: Connection) -> bool:
    return PullRun.objects.filter(connection=connection, system__isnull=False, outcome=PullRun.Outcome.OK).exists()


def test_a_home_is_pulled_signed_and_pushed_all_by_itself(portal):
    connection, gateway = solis_home()
    portal.start_worker(beat=True)
    wait_for(lambda: good_pull(connection) and nothing_waits(), "the first pull on its way to SEN", portal=portal)
    assert Reading.objects.exists()
    assert_all_in_ledger(portal, [gateway])
    connection.refresh_from_db()
    assert connection.last_success_at is not None
    assert connection.next_pull_at
    assert connection.next_pull_at > timezone.now() + timedelta(minutes=5)


@pytest.mark.once
@pytest.mark.parametrize(
    "fault, outcome",
    [
        ({"status": 502}, PullRun.Outcome.UNAVAILABLE),
        pytest.param({"status": 504}, PullRun.Outcome.UNAVAILABLE, marks=pytest.mark.once),
        pytest.param({"reset": True}, PullRun.Outcome.UNAVAILABLE, marks=pytest.mark.once),
        ({"status": 429, "headers": {"Retry-After": "7"}}, PullRun.Outcome.THROTTLED),
        ({"status": 200, "body": "<html>maintenance</html>"}, PullRun.Outcome.REPLY_INVALID),
        pytest.param({"status": 200, "body": ""}, PullRun.Outcome.REPLY_INVALID, marks=pytest.mark.once),
        pytest.param({"status": 200, "body": "{}"}, PullRun.Outcome.REPLY_INVALID, marks=pytest.mark.once),
    ],
    ids=["502", "504", "reset", "429", "garbage", "nothing", "empty object"],
)
def test_a_vendor_in_trouble_is_asked_again_and_nothing_is_skipped(portal, fault, outcome):
    connection, gateway = solis_home()
    portal.fault("solis", path=_DATA, times=1, **fault)
    portal.start_worker(beat=True)
    wait_for(lambda: PullRun.objects.filter(outcome=outcome).exists(), f"a run that ended as {outcome}", portal=portal)
    wait_for(lambda: Connection.objects.get().lease is None, "the connection being free again", portal=portal)
    failed = Connection.objects.get()
    assert failed.last_error
    assert failed.next_pull_at
    assert failed.next_pull_at > timezone.now()
    assert failed.status == Connection.Status.ACTIVE
    pull_again(connection)
    wait_for(lambda: good_pull(connection) and nothing_waits(), "a good pull", portal=portal)
    assert_all_in_ledger(portal, [gateway])
    assert Reading.objects.earliest("ts").ts < timezone.now() - timedelta(hours=12), (
        "the history that the failed pull asked for is there"
    )


@pytest.mark.once
def test_a_key_the_vendor_refuses_stops_the_account_until_a_new_one_is_given(portal):
    connection, gateway = solis_home()
    sealing.seal(connection, {"key_id": "sandbox-key", "key_secret": "changed by the owner"})
    connection.save()
    portal.start_worker(beat=True)
    needs = Connection.Status.NEEDS_RECONNECT
    wait_for(lambda: Connection.objects.get().status == needs, "the account needing its owner", portal=portal)
    assert PullRun.objects.filter(outcome=PullRun.Outcome.AUTH_FAILED).count() == 1
    assert Event.objects.filter(name="connection.needs_reconnect").count() == 1
    connections.reconnect(
        connection=connection,
        secrets={"key_id": "sandbox-key", "key_secret": "sandbox-secret"},
        by="test",
        now=timezone.now(),
    )
    wait_for(lambda: good_pull(connection) and nothing_waits(), "a good pull with the new key", portal=portal)
    assert_all_in_ledger(portal, [gateway])


def test_a_worker_killed_in_the_middle_of_a_pull_is_followed_by_another(portal):
    connection, gateway = solis_home()
    portal.fault("solis", path=_DATA, times=1, delay_s=60)
    worker = portal.start_worker()
    portal.start_beat()
    wait_for(lambda: not portal.faults(), "the vendor being asked", portal=portal)
    portal.kill(worker)
    # As if a minute had gone by.
    Connection.objects.update(leased_until=timezone.now())
    PullRun.objects.update(started_at=timezone.now() - 2 * pull.LEASE)
    portal.start_worker("second")
    wait_for(lambda: good_pull(connection) and nothing_waits(), "the pull by another worker", portal=portal)
    wait_for(lambda: not PullRun.objects.filter(outcome="running").exists(), "the lost run being closed", portal=portal)
    assert PullRun.objects.filter(outcome=PullRun.Outcome.LOST).count() == 1
    assert_all_in_ledger(portal, [gateway])
