"""A task that is lost with its worker goes to another worker soon; kombu as shipped would wait an hour and more."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings

from tests.processes.portal import Portal, wait_for

pytestmark = pytest.mark.once


def worker(portal: Portal, name: str):
    options = ("-c", "1", "-n", f"{name}@test", "--without-gossip", "--without-mingle", "-I", "tests.processes.lost")
    return portal.start(name, "-m", "celery", "-A", "config", "worker", "-Q", "default", *options)


@pytest.fixture
def producer(portal: Portal):
    app = Celery(set_as_current=False, broker=f"redis+socket://{portal.folder / 'valkey.sock'}?virtual_host=0")
    app.conf.task_default_queue = settings.CELERY_TASK_DEFAULT_QUEUE
    yield app
    app.close()


def starts(diary: Path) -> list[str]:
    """The processes in which the task was started."""
    return diary.read_text().splitlines() if diary.exists() else []


def test_a_task_lost_with_its_worker_is_done_by_another_one_soon(portal, producer):
    diary = portal.folder / "diary"
    first = worker(portal, "first")
    producer.send_task("tests.processes.lost.stay", kwargs={"diary": str(diary)})
    wait_for(lambda: starts(diary), "the first start", portal=portal)
    portal.kill(first)
    worker(portal, "second")
    wait_for(lambda: len(starts(diary)) == 2, "the second start", seconds=90, portal=portal)


def test_no_task_may_run_longer_than_the_broker_waits_before_it_gives_it_to_another():
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    assert settings.TASK_SLICE.total_seconds() < settings.CELERY_TASK_TIME_LIMIT < options["visibility_timeout"]
    assert options["visibility_timeout"] + options["unacked_restore_interval"] < 60
