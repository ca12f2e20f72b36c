from __future__ import annotations

import functools
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from ingest import partitions, store
from ingest.models import Reading
from tests import factories
from tests.factories import NOW
from tests.together import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def postgresql():
    if database.vendor != "postgresql":
        pytest.skip("only PostgreSQL has partitions: set DATABASE_URL to one")


@pytest.fixture
def nothing_there(postgresql):
    partitions.drop_before(datetime(2100, 1, 1, tzinfo=UTC))
    assert partitions.names() == set()


def command(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("partitions", *arguments, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_on_sqlite_there_is_nothing_to_do():
    if database.vendor == "postgresql":
        pytest.skip("this is PostgreSQL")
    assert command("--ahead", "3") == (["This database keeps all readings in one table: there is nothing to do."], [])
    assert (partitions.ensure([NOW]), partitions.drop_before(NOW), partitions.names()) == ([], [], set())


def test_a_month_is_made_when_it_is_needed_and_once(nothing_there):
    december, january = datetime(2025, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert partitions.ensure([december, january, january]) == ["ingest_reading_2025_12", "ingest_reading_2026_01"]
    assert partitions.ensure([december, january]) == []


def test_readings_stand_in_the_partition_of_their_month(nothing_there):
    system = factories.system(None)
    edge = datetime(2026, 2, 1, tzinfo=UTC)
    two = factories.readings(system, 2, start=edge - timedelta(milliseconds=1), step=timedelta(milliseconds=1))
    store.store_readings(system=system, readings=two, now=NOW)
    with database.cursor() as cursor:
        cursor.execute("SELECT ts, tableoid::regclass::text FROM ingest_reading ORDER BY ts")
        assert [name for _, name in cursor.fetchall()] == ["ingest_reading_2026_01", "ingest_reading_2026_02"]


def test_a_month_that_another_process_dropped_is_made_again(nothing_there):
    system = factories.system(None)
    readings = factories.readings(system, 1)
    store.store_readings(system=system, readings=readings, now=NOW)
    with database.cursor() as cursor:
        cursor.execute("DROP TABLE ingest_reading_2026_06")
    store.store_readings(system=system, readings=readings, now=NOW)
    assert Reading.objects.count() == 1


def test_only_whole_months_before_the_limit_are_dropped(nothing_there):
    partitions.ensure([datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)])
    assert partitions.drop_before(datetime(2026, 2, 28, tzinfo=UTC)) == ["ingest_reading_2026_01"]
    assert partitions.names() == {"ingest_reading_2026_02", "ingest_reading_2026_03"}


def test_the_months_ahead_cross_the_year():
    assert partitions.months(datetime(2026, 11, 20, 13, tzinfo=UTC), ahead=2) == [
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]


def test_the_command_makes_and_lists(nothing_there):
    listed, said = command("--ahead", "2")
    assert len(listed) == 3
    assert said == [f"made {name}" for name in listed]
    assert command("--ahead", "2") == (listed, [])
    assert command() == (listed, [])


def test_the_command_drops_only_when_it_is_meant(nothing_there):
    partitions.ensure([datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 5, tzinfo=UTC)])
    with pytest.raises(CommandError, match="deletes all readings in ingest_reading_2026_01. Add --yes"):
        command("--drop-before", "2026-02")
    assert command("--drop-before", "2026-02", "--yes") == (
        ["ingest_reading_2026_02"],
        ["dropped ingest_reading_2026_01"],
    )
    assert command("--drop-before", "2026-02") == (["ingest_reading_2026_02"], [])


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--drop-before", "2026-13"], "give a month such as 2026-01"),
        (["--drop-before", "January"], "give a month such as 2026-01"),
        (["--ahead", "-1"], "give a number of months from 0 to 120"),
    ],
)
def test_the_command_says_what_is_wrong(postgresql, arguments, words):
    with pytest.raises(CommandError, match=words):
        command(*arguments)


@pytest.mark.django_db(transaction=True)
def test_workers_that_meet_a_new_month_at_once_make_it_once_while_readings_are_written(nothing_there):
    systems = [factories.system(None) for _ in range(4)]

    def work(system):
        for reading in factories.readings(system, 20, step=timedelta(days=20)):
            store.store_readings(system=system, readings=[reading], now=NOW)

    assert at_once(*(functools.partial(work, system) for system in systems)) == [None] * 4
    assert Reading.objects.count() == 80
