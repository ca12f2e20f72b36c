from __future__ import annotations

import itertools
import json
from datetime import UTC, timedelta
from decimal import Decimal

import pytest

from gateways import actions
from ingest import outbox, store
from ingest.models import Der, GatewayQueue, Message, PullRun, Reading
from ingest.readings import VALUES, DerKey, Kind, Quality
from ingest.readings import Reading as Sample
from tests import factories
from tests.factories import NOW
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db

KEY = DerKey(Kind.PV, "PV-1")
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def system():
    return factories.system(factories.active_gateway())


def put(system, *readings, key=KEY, **more):
    return store.store_readings(system=system, readings=[(key, reading) for reading in readings], now=NOW, **more)


def payloads():
    return [json.loads(text) for text in Message.objects.order_by("id").values_list("payload", flat=True)]


def point(ts=NOW):
    """What the newest message says of a time."""
    return payloads()[-1][str(round(ts.timestamp() * 1000))]


def test_new_readings_are_stored_and_queued(system):
    stored = put(system, Sample(ts=NOW, power_w=-100.0), Sample(ts=LATER, power_w=-200.0))
    assert stored == store.Stored(received=2, changed=2, messages=1)
    rows = Reading.objects.order_by("ts").values_list("der__sn", "ts", "power_w", "received_at")
    assert list(rows) == [("PV-1", NOW, -100.0, NOW), ("PV-1", LATER, -200.0, NOW)]
    message = Message.objects.get()
    assert (message.points, message.first_ts, message.last_ts, message.created_at) == (2, NOW, LATER, NOW)
    assert (message.gateway, message.state) == (system.gateway, Message.State.WAITING)
    assert GatewayQueue.objects.get().waiting == 1


def test_every_value_comes_back_as_it_went_in(system):
    reading = Sample(
        ts=NOW.astimezone(UTC), interval_s=900, power_w=-1.25, energy_in_wh=Decimal("1.125"),
        energy_out_wh=Decimal("2.5"), total_in_wh=Decimal("999999999999.999"), total_out_wh=Decimal(0), soc=0.5,
        voltage_v=230.1, current_a=-1.5, frequency_hz=50.02, temperature_c=-3.5, quality=Quality.ESTIMATED,
    )  # fmt: skip
    put(system, reading)
    row = Reading.objects.get()
    for name in ("interval_s", *VALUES, "quality"):
        assert getattr(row, name) == getattr(reading, name), name


def test_what_is_known_already_is_not_queued_again(system):
    put(system, Sample(ts=NOW, power_w=-100.0))
    assert put(system, Sample(ts=NOW, power_w=-100.0)) == store.Stored(received=1, changed=0, messages=0)
    assert Message.objects.count() == 1


def test_a_changed_reading_is_queued_again_under_the_same_time(system):
    put(system, Sample(ts=NOW, power_w=-100.0), Sample(ts=LATER, power_w=-200.0))
    assert put(system, Sample(ts=NOW, power_w=-100.0), Sample(ts=LATER, power_w=-201.0)).changed == 1
    assert list(payloads()[-1]) == [str(round(LATER.timestamp() * 1000))]
    assert point(LATER)["W"] == -201


def test_pages_of_one_time_are_put_together_in_one_batch(system):
    put(system, Sample(ts=NOW, power_w=-100.0), Sample(ts=NOW, interval_s=900, total_out_wh=Decimal(5000)))
    row = Reading.objects.get()
    assert (row.power_w, row.total_out_wh, row.interval_s) == (-100.0, Decimal(5000), 900)
    assert (point()["W"], point()["total_generation_Wh"]) == (-100, 5000)


def test_pages_of_one_time_in_two_batches_make_one_row_and_a_message_with_all_that_is_known(system):
    put(system, Sample(ts=NOW, power_w=-100.0))
    stored = put(system, Sample(ts=NOW, interval_s=900, energy_out_wh=Decimal(30), total_out_wh=Decimal(5000)))
    assert stored == store.Stored(received=1, changed=1, messages=1)
    row = Reading.objects.get()
    assert (row.power_w, row.energy_out_wh, row.total_out_wh, row.interval_s) == (
        -100.0,
        Decimal(30),
        Decimal(5000),
        900,
    )
    assert (point()["W"], point()["total_generation_Wh"]) == (-100, 5000)


def test_a_page_that_knows_less_erases_nothing_and_is_no_change(system):
    put(system, Sample(ts=NOW, interval_s=900, power_w=-100.0, total_out_wh=Decimal(5000)))
    assert put(system, Sample(ts=NOW, power_w=-100.0)).changed == 0
    assert Reading.objects.get().total_out_wh == 5000


def test_two_pages_that_alternate_settle(system):
    power, energy = Sample(ts=NOW, power_w=-100.0), Sample(ts=NOW, interval_s=900, energy_out_wh=Decimal(30))
    put(system, power)
    put(system, energy)
    assert [put(system, power).changed, put(system, energy).changed] == [0, 0]


def test_a_better_quality_of_the_same_values_is_a_change(system):
    put(system, Sample(ts=NOW, power_w=-100.0, quality=Quality.ESTIMATED))
    assert put(system, Sample(ts=NOW, power_w=-100.0)).changed == 1
    assert Reading.objects.get().quality == "measured"


def test_a_message_about_old_times_says_what_stands_there_also_for_new_rows_between(system):
    put(system, Sample(ts=NOW, power_w=-1.0), Sample(ts=LATER, power_w=-3.0))
    between = NOW + timedelta(minutes=2)
    put(system, Sample(ts=between, power_w=-2.0), Sample(ts=NOW, temperature_c=30.0))
    assert (point(NOW)["W"], point(NOW)["heatsink_C"], point(between)["W"]) == (-1, 30.0, -2)


def test_each_der_has_its_own_messages(system):
    readings = [(KEY, Sample(ts=NOW, power_w=-1)), (DerKey(Kind.METER, "M-1"), Sample(ts=NOW, power_w=1))]
    store.store_readings(system=system, readings=readings * 2, now=NOW)
    sent = Message.objects.values_list("der__sn", "points")
    assert sorted(sent) == [("M-1", 1), ("PV-1", 1)]
    assert GatewayQueue.objects.get().waiting == 2


def test_readings_of_a_der_the_vendor_never_listed_create_it(system):
    put(system, Sample(ts=NOW, soc=0.5), key=DerKey(Kind.BATTERY, "B-1"))
    assert Der.objects.get(sn="B-1").kind == "battery"


def test_a_serial_that_another_kind_has_is_refused_and_nothing_is_stored(system):
    put(system, Sample(ts=NOW, power_w=-1))
    with pytest.raises(Exception, match=r"(?i)unique"):
        put(system, Sample(ts=LATER, power_w=-1), key=DerKey(Kind.METER, KEY.sn))
    assert Reading.objects.count() == 1


def test_the_newest_time_is_noted_and_never_goes_back(system):
    put(system, Sample(ts=LATER, power_w=-1))
    put(system, Sample(ts=NOW, power_w=-1))
    system.refresh_from_db()
    assert (system.last_reading_at, Der.objects.get(sn=KEY.sn).last_reading_at) == (LATER, LATER)


def test_the_cursor_moves_forward_only(system):
    put(system, Sample(ts=NOW, power_w=-1), pulled_through=LATER)
    put(system, pulled_through=NOW)
    put(system)
    system.refresh_from_db()
    assert (system.pulled_through, system.last_reading_at) == (LATER, NOW)


def test_an_empty_window_moves_the_cursor_and_queues_nothing(system):
    assert put(system, pulled_through=LATER) == store.Stored(0, 0, 0)
    system.refresh_from_db()
    assert (system.pulled_through, Message.objects.count()) == (LATER, 0)


def test_without_a_gateway_nothing_is_queued():
    system = factories.system(None)
    assert put(system, Sample(ts=NOW, power_w=-1)) == store.Stored(received=1, changed=1, messages=0)
    assert (Reading.objects.count(), Message.objects.count(), GatewayQueue.objects.count()) == (1, 0, 0)


def test_nothing_is_queued_for_a_gateway_that_was_released(system):
    actions.release_gateway(gateway=system.gateway, by="test", now=NOW)
    assert put(system, Sample(ts=NOW, power_w=-1)).messages == 0
    assert (Reading.objects.count(), Message.objects.count()) == (1, 0)


def test_a_gateway_that_is_not_active_yet_collects_messages():
    system = factories.system(factories.gateway())
    assert put(system, Sample(ts=NOW, power_w=-1)).messages == 1


def test_a_reading_that_sen_has_no_place_for_is_stored_and_not_queued(system):
    assert put(system, Sample(ts=NOW, voltage_v=230.0)) == store.Stored(received=1, changed=1, messages=0)


def test_everything_or_nothing(system, monkeypatch):
    def fail(**_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(outbox, "enqueue", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        put(system, Sample(ts=NOW, power_w=-1), key=DerKey(Kind.METER, "M-9"), pulled_through=LATER)
    system.refresh_from_db()
    assert (Reading.objects.count(), Message.objects.count(), system.pulled_through) == (0, 0, None)
    assert not Der.objects.filter(sn="M-9").exists()


def test_the_run_counts_what_came_and_what_was_new(system):
    run = PullRun.objects.create(connection=system.connection, system=system, started_at=NOW)
    put(system, Sample(ts=NOW, power_w=-1), Sample(ts=LATER, power_w=-1), run=run, pulled_through=NOW)
    put(system, Sample(ts=NOW, power_w=-1), Sample(ts=LATER, power_w=-2), run=run, pulled_through=LATER)
    run.refresh_from_db()
    assert (run.readings, run.changed, run.window_end) == (4, 3, LATER)


def test_readings_of_many_months_find_their_place(system):
    put(system, *(Sample(ts=NOW.replace(year=2024) + timedelta(days=40 * number), power_w=-1) for number in range(12)))
    assert Reading.objects.count() == 12


@pytest.mark.django_db(transaction=True)
def test_two_threads_that_store_the_same_home_at_once_lose_and_double_nothing():
    needs_several_writers()
    system = factories.system(factories.active_gateway())
    readings = [Sample(ts=NOW + timedelta(minutes=number), power_w=-float(number)) for number in range(200)]

    def work(part):
        return [put(system, *part[start : start + 20]) for start in range(0, len(part), 20)]

    both = at_once(lambda: work(readings[:150]), lambda: work(readings[50:]))
    stored = list(itertools.chain(*both))
    assert sum(one.received for one in stored) == 300
    assert sum(one.changed for one in stored) == 200
    assert Reading.objects.count() == 200
    assert GatewayQueue.objects.get().waiting == Message.objects.count() == sum(one.messages for one in stored)
    times = [ts for payload in payloads() for ts in payload]
    assert len(times) == len(set(times)) == 200
