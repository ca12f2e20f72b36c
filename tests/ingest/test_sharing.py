"""What owners stop sharing goes nowhere any more, and what they never shared is not kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from gateways.models import Event
from ingest import connections, discovery, outbox, sharing, store
from ingest.models import Connection, Der, GatewayQueue, Message, Reading, System
from ingest.readings import DerKey, Kind
from ingest.vendors.base import VendorDer, VendorSystem
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import claim, filled, waiting

pytestmark = pytest.mark.django_db

BATTERY = DerKey(Kind.BATTERY, "BAT-1")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def queue():
    return filled(3)


@pytest.fixture
def system(queue):
    return queue.gateway.system


def stop(system, **sharing_of):
    sharing.set_sharing(system=system, **{"sends": False, "shown": True, **sharing_of}, by="test", now=NOW)


def withhold(system, *kinds):
    sharing.withhold(connection=system.connection, kinds=kinds, by="test", now=NOW)


def put(system, start=LATER, count=2, key=None):
    readings = factories.readings(system, count, start=start)
    return store.store_readings(
        system=system, readings=[(key or known, reading) for known, reading in readings], now=start
    )


def last_event():
    event = Event.objects.latest("pk")
    return event.name, event.data


def test_what_waits_is_withdrawn_when_its_owner_stops_sending(queue, system):
    stop(system)
    assert (waiting(queue), Message.objects.count()) == (0, 0)
    assert not outbox.claimable(LATER).exists()
    said = {"system": system.external_id, "sends": False, "shown": True, "withdrawn": 3}
    assert last_event() == ("gateway.sharing_changed", said)


def test_what_is_held_cannot_be_sent_later_either(queue, system):
    Message.objects.filter(pk=Message.objects.earliest("pk").pk).update(
        state="held", held_reason="SEN said no", done_at=NOW
    )
    GatewayQueue.objects.update(waiting=2)
    stop(system)
    assert (waiting(queue), Message.objects.count()) == (0, 0)


def test_what_was_delivered_stays_written_down(queue, system):
    done = claim()
    outcome = outbox.Outcome(done, delivered=[done.messages[0].id])
    outbox.record([outcome], vendors={}, now=NOW)
    stop(system)
    assert (waiting(queue), queue.delivered, Message.objects.get().state) == (0, 1, "delivered")


def test_a_worker_that_was_sending_leaves_the_counters_right(queue, system):
    sending = claim()
    stop(system)
    outcome = outbox.Outcome(sending, delivered=[message.id for message in sending.messages])
    assert outbox.record([outcome], vendors={}, now=NOW) == 0
    assert (waiting(queue), queue.delivered, queue.lease) == (0, 0, None)


def test_readings_are_kept_but_not_queued_while_nothing_is_sent(queue, system):
    stop(system)
    assert (put(system).changed, waiting(queue)) == (2, 0)


def test_when_sending_goes_on_only_new_readings_go(queue, system):
    stop(system)
    put(system, LATER)
    stop(system, sends=True)
    put(system, LATER + timedelta(hours=1), count=1)
    assert waiting(queue) == 1
    assert Message.objects.get().first_ts == LATER + timedelta(hours=1)


def test_hiding_a_home_from_staff_stops_no_message(queue, system):
    stop(system, sends=True, shown=False)
    system.refresh_from_db()
    assert (system.sends, system.shown, waiting(queue)) == (True, False, 3)


def test_nothing_is_written_where_nothing_changes(queue, system):
    stop(system, sends=True)
    assert not Event.objects.filter(name="gateway.sharing_changed").exists()


def test_a_home_without_a_gateway_has_its_choice_too():
    system = factories.system(None)
    stop(system)
    system.refresh_from_db()
    assert (system.sends, last_event()[0]) == (False, "gateway.sharing_changed")


# --- kinds -----------------------------------------------------------------------------------------------------------


def test_messages_of_kinds_that_are_withheld_are_withdrawn_and_others_go(queue, system):
    put(system, key=BATTERY)
    assert waiting(queue) == 4
    withhold(system, "battery")
    assert waiting(queue) == 3
    assert set(Message.objects.values_list("der__kind", flat=True)) == {"pv"}
    assert last_event() == ("connection.withheld", {"kinds": ["battery"], "withdrawn": 1})


def test_readings_of_a_withheld_kind_are_not_stored_though_the_vendor_sends_them(queue, system):
    withhold(system, "battery")
    assert put(system, key=BATTERY) == store.Stored(0, 0, 0)
    assert (Der.objects.filter(kind="battery").count(), Reading.objects.count(), waiting(queue)) == (0, 0, 3)


def test_a_pull_that_began_before_stores_nothing_of_what_is_withheld_now(queue, system):
    stale = System.objects.select_related("connection").get(pk=system.pk)
    withhold(system, "pv")
    assert put(stale).received == 0


def test_a_device_of_a_withheld_kind_is_not_written_down():
    system = factories.system(None, factories.connection(withheld_kinds=["battery"]))
    told = VendorSystem(system.external_id, ders=[VendorDer(BATTERY), VendorDer(DerKey(Kind.PV, "PV-9"))])
    discovery._save_system(system.connection, told, NOW)
    assert list(system.ders.filter(gone_at=None).values_list("sn", flat=True)) == ["PV-9"]
    new = VendorSystem("another", ders=told.ders)
    discovery._save_system(system.connection, new, NOW)
    assert last_event() == ("system.discovered", {"system": "another", "ders": ["pv:PV-9"]})


def test_a_device_that_is_withheld_afterwards_keeps_its_history(queue, system):
    put(system, key=BATTERY)
    withhold(system, "battery")
    told = VendorSystem(system.external_id, ders=[VendorDer(BATTERY)])
    discovery._save_system(system.connection, told, LATER)
    kept = system.ders.get(kind="battery")
    assert (kept.gone_at, Reading.objects.filter(der=kept.pk).count()) == (None, 2)


def test_what_is_shared_again_is_asked_for_anew(queue, system):
    system.connection.systems.update(described_at=NOW)
    withhold(system, "meter")
    withhold(system)
    system.refresh_from_db()
    assert (system.described_at, Connection.objects.get().withheld_kinds) == (None, [])


def test_a_kind_there_is_none_of_is_refused(system):
    with pytest.raises(ValidationError, match="no kind of device called toaster"):
        withhold(system, "toaster")


def test_a_disconnected_account_keeps_its_owners_choice(queue, system):
    withhold(system, "battery")
    connections.disconnect(connection=system.connection, by="test", now=NOW)
    assert put(system, key=BATTERY).received == 0


def test_readings_of_other_kinds_are_stored_as_before(queue, system):
    withhold(system, "battery", "meter")
    assert put(system).messages == 1
