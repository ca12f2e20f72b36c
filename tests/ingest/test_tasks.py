from __future__ import annotations

import time

import pytest
from django.utils import timezone

from ingest import outbox, pull, push, tasks
from ingest.models import Connection, Heartbeat, PullRun
from tests import factories
from tests.ingest.queues import filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch):
    """What was put on the broker's queues, as (task, arguments)."""
    calls = []
    for task in (tasks.pull_connection, tasks.push_due):
        monkeypatch.setattr(task, "apply_async", lambda of=task, **given: calls.append((of.name, given)))
    return calls


def test_every_account_that_is_due_gets_a_task(sent):
    due, later = factories.connection(), factories.connection()
    Connection.objects.filter(pk=later.pk).update(next_pull_at=timezone.now() + pull.LEASE)
    tasks.dispatch_pulls()
    assert sent == [("ingest.tasks.pull_connection", {"kwargs": {"connection_id": due.pk}, "expires": 60})]
    assert timezone.now() - Heartbeat.objects.get().at < pull.LEASE


def test_pushes_are_sent_out_only_when_something_waits(sent):
    tasks.dispatch_pushes()
    assert sent == []
    filled(1)
    tasks.dispatch_pushes()
    assert sent == [("ingest.tasks.push_due", {"expires": 30})]


def test_many_queues_get_several_tasks_but_not_too_many(sent, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_QUEUES", 1)
    of_type = factories.gateway_type()
    for _ in range(3):
        filled(1, of_type)
    tasks.dispatch_pushes()
    assert len(sent) == 3
    monkeypatch.setattr(tasks, "_MOST_PUSH_TASKS", 2)
    tasks.dispatch_pushes()
    assert len(sent) == 5


def test_tasks_hand_over_with_a_slice_of_time_and_take_words_they_do_not_know(monkeypatch, settings):
    seen = []
    monkeypatch.setattr(pull, "pull_connection", lambda **given: seen.append(given))
    monkeypatch.setattr(push, "push_due", lambda **given: seen.append(given))
    before = time.monotonic()
    tasks.pull_connection(connection_id=7, of_a_later_version=True)
    tasks.push_due(of_a_later_version=True)
    for task in (tasks.dispatch_pulls, tasks.dispatch_pushes, tasks.renew_tokens, tasks.sweep, tasks.prune):
        task(of_a_later_version=True)
    assert seen[0]["connection_id"] == 7
    for given in seen:
        assert given["clock"] is timezone.now
        assert before < given["until"] - settings.TASK_SLICE.total_seconds() < before + 5


def test_the_sweep_does_all_that_is_to_be_put_right(monkeypatch):
    account = factories.connection()
    PullRun.objects.create(connection=account, started_at=timezone.now() - 2 * pull.LEASE)
    called = []

    def note(name):
        def function(**_):
            called.append(name)
            return 0

        return function

    for name in ("release_rekeyed", "hold_undeliverable"):
        monkeypatch.setattr(outbox, name, note(name))
    tasks.sweep()
    assert called == ["release_rekeyed", "hold_undeliverable"]
    assert PullRun.objects.get().outcome == "lost"
