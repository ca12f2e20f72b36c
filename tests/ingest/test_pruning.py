from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.db import connection as database

from ingest import outbox, partitions, pruning, store
from ingest.models import Attempt, BudgetUse, Message, PullRun, Reading
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import claim

pytestmark = pytest.mark.django_db

WEEK, MONTH = 7, 30


def days_ago(count):
    return NOW - timedelta(days=count)


def home(retention_days):
    """A home of a partner that keeps as many days, with a reading a day for 40 days; nothing is delivered yet."""
    partner = factories.partner(retention_days=retention_days)
    system = factories.system(factories.active_gateway(factories.gateway_type(partner)))
    for day in range(40, 0, -1):
        readings = factories.readings(system, 1, start=days_ago(day))
        store.store_readings(system=system, readings=readings, now=days_ago(day))
    return system


def deliver_all(system):
    Message.objects.filter(gateway=system.gateway).update(state="delivered", done_at=days_ago(0))
    for message in Message.objects.filter(gateway=system.gateway):
        Message.objects.filter(pk=message.pk).update(done_at=message.created_at)
        Attempt.objects.create(message=message, at=message.created_at, outcome="unavailable", duration_ms=1)


def prune(until=math.inf):
    return pruning.prune(now=NOW, until=until)


def test_each_partner_keeps_what_it_says():
    week, month = home(WEEK), home(MONTH)
    deliver_all(week)
    deliver_all(month)
    assert prune() == {"readings": 33 + 10, "messages": 33 + 10, "pull_runs": 0}
    for system, kept in ((week, WEEK), (month, MONTH)):
        assert Reading.objects.filter(der__system=system).count() == kept
        assert Message.objects.filter(gateway=system.gateway).count() == kept
        assert Attempt.objects.filter(message__gateway=system.gateway).count() == kept
    assert prune() == {"readings": 0, "messages": 0, "pull_runs": 0}


def test_what_is_not_delivered_is_never_pruned():
    home(WEEK)
    outbox.record([outbox.Outcome(claim())], vendors={}, now=NOW)
    oldest = Message.objects.order_by("id").values_list("pk", flat=True)[0]
    Message.objects.filter(pk=oldest).update(state="held", held_reason="HTTP 400", done_at=days_ago(39))
    assert prune()["messages"] == 0
    assert Message.objects.count() == 40


def test_old_runs_and_spent_quotas_go():
    system = home(WEEK)
    for day in (1, 6, 8, 100):
        PullRun.objects.create(
            connection=system.connection, started_at=days_ago(day), finished_at=days_ago(day), outcome="ok"
        )
    for day in (1, 61, 63):
        BudgetUse.objects.create(key="solis:connection:1", period_s=60, period_start=days_ago(day), used=1)
    assert prune()["pull_runs"] == 2
    assert BudgetUse.objects.count() == 2


def test_pruning_ends_in_time_and_goes_on_the_next_time():
    deliver_all(home(WEEK))
    assert prune(until=-math.inf) == {"readings": 0, "messages": 0, "pull_runs": 0}
    assert prune()["messages"] == 33


def test_what_is_older_than_a_batch_goes_too(monkeypatch):
    monkeypatch.setattr(pruning, "_BATCH", 10)
    deliver_all(home(WEEK))
    assert prune()["messages"] == 33


def test_the_next_months_are_there_before_they_begin():
    if database.vendor != "postgresql":
        pytest.skip("only PostgreSQL has partitions: set DATABASE_URL to one")
    prune()
    assert {"ingest_reading_2026_06", "ingest_reading_2026_07"} <= partitions.names()


def test_months_older_than_anybody_keeps_are_dropped_whole():
    if database.vendor != "postgresql":
        pytest.skip("only PostgreSQL has partitions: set DATABASE_URL to one")
    home(WEEK)
    partitions.ensure([days_ago(75)])
    prune()
    assert min(partitions.names()) == "ingest_reading_2026_06"
    assert Reading.objects.count() == WEEK
