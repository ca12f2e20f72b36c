from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from gateways import events
from gateways.models import Event
from tests.gateways.lives import NOW

pytestmark = pytest.mark.django_db


def record(partner, **fields):
    return events.record(
        **{"partner": partner, "name": "test.done", "subject": "test:1", "by": "test", "now": NOW} | fields
    )


def forge(statement, *params):
    """Change events as somebody with the database's password would."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE gateways_event DISABLE TRIGGER event_append_only")
        else:
            cursor.execute("DROP TRIGGER event_append_only")
        cursor.execute(statement, params)


def verify(capsys) -> str:
    call_command("verify_events")
    return capsys.readouterr().out


def test_events_are_numbered_and_chained_per_partner(partner, other_partner):
    first, second, other = record(partner), record(partner), record(other_partner)
    assert [event.sequence for event in (first, second, other)] == [1, 2, 1]
    assert (first.previous_hash, second.previous_hash, other.previous_hash) == ("", first.hash, "")


def test_a_chain_that_nobody_touched_is_whole(partner, other_partner, capsys):
    elsewhere = datetime(2026, 11, 20, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    data = {"z": 1, "a": ["å", {"b": None, "c": True}], "at": NOW, "big": 2**60}
    for _ in range(3):
        record(partner, now=elsewhere, data=data)
    record(other_partner)
    assert Event.objects.filter(partner=partner, sequence=3).get().data["at"] == NOW.isoformat()
    out = verify(capsys)
    assert "sunny: 3 events, whole" in out
    assert "All chains are whole." in out


@pytest.mark.parametrize(
    "change,first_broken",
    [
        ("UPDATE gateways_event SET actor = 'nobody' WHERE sequence = 2", 2),
        ("UPDATE gateways_event SET data = '{\"x\": 2}' WHERE sequence = 3", 3),
        ("UPDATE gateways_event SET at = '2026-11-21 12:00:00' WHERE sequence = 1", 1),
        ("UPDATE gateways_event SET previous_hash = '' WHERE sequence = 4", 4),
        ("UPDATE gateways_event SET sequence = 9 WHERE sequence = 2", 3),
        ("DELETE FROM gateways_event WHERE sequence = 1", 2),
        ("DELETE FROM gateways_event WHERE sequence = 2", 3),
    ],
)
def test_a_forged_chain_is_broken_from_there_on(partner, other_partner, capsys, change, first_broken):
    record(other_partner, name="other.done")
    for _ in range(4):
        record(partner, data={"x": 1})
    forge(f"{change} AND partner_id = %s", partner.pk)
    broken = events.first_broken(partner)
    assert broken
    assert broken.sequence == first_broken
    with pytest.raises(CommandError, match="1 of the chains are broken"):
        call_command("verify_events")
    out = capsys.readouterr().out
    assert f"sunny: BROKEN at {first_broken} test.done test:1" in out
    assert "windy: 1 events, whole" in out


def test_many_events_are_recorded_at_once_and_chained(partner):
    record(partner)
    added = events.record_each(
        partner=partner, name="test.done", entries=[(f"test:{n}", {"n": n}) for n in range(600)], by="test", now=NOW
    )
    assert [event.sequence for event in added] == list(range(2, 602))
    assert events.first_broken(partner) is None


@pytest.mark.parametrize("value", [1.5, [{"deep": 1e22}], Decimal(1), object()])
def test_data_that_a_database_may_give_back_changed_is_refused(partner, value):
    with pytest.raises(TypeError):
        record(partner, data={"value": value})
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda _: Event.objects.all().delete(),
        lambda _: Event.objects.update(name="x"),
        lambda event: Event.objects.filter(pk=event.pk).update(name="x"),
        lambda event: Event.objects.bulk_update([event], ["name"]),
        lambda event: event.partner.events.all().delete(),
        lambda event: Event.objects.update_or_create(pk=event.pk, defaults={"name": "x"}),
    ],
)
def test_events_can_only_be_added(partner, change):
    event = record(partner)
    with pytest.raises(TypeError, match="append-only"), transaction.atomic():
        change(Event.objects.get(pk=event.pk))
    assert events.first_broken(partner) is None
    assert Event.objects.count() == 1


def test_an_event_that_is_rolled_back_leaves_no_gap(partner):
    record(partner)
    with transaction.atomic():
        record(partner)
        transaction.set_rollback(True)
    assert record(partner).sequence == 2
    assert events.first_broken(partner) is None


@pytest.mark.once
def test_every_event_is_explained_to_those_who_read_the_feed():
    constants = [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)]
    assert list(events.NAMES) == constants
    assert all(len(meaning) > 10 for meaning in events.NAMES.values())
