"""The Celery app: three queues and the few ticks of beat.

Cadence is data (`PullPolicy` of the adapter, `next_pull_at` of the connection, `due_at` of a gateway's queue), so beat
only looks for what is due and knows no vendor.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)

app.conf.task_routes = {
    "ingest.tasks.pull_connection": {"queue": "pull"},
    "ingest.tasks.push_due": {"queue": "push"},
}
app.conf.beat_schedule = {
    "dispatch pulls": {"task": "ingest.tasks.dispatch_pulls", "schedule": 5.0, "options": {"expires": 10}},
    "dispatch pushes": {"task": "ingest.tasks.dispatch_pushes", "schedule": 2.0, "options": {"expires": 4}},
    "sweep": {"task": "ingest.tasks.sweep", "schedule": 15.0, "options": {"expires": 30}},
    "prune": {"task": "ingest.tasks.prune", "schedule": 3600.0, "options": {"expires": 600}},
}


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Celery leaves logging alone when somebody listens to this signal; Django's `LOGGING` stands."""


@worker_init.connect
def refuse_wrong_master_keys(**_: Any) -> None:
    """A worker that cannot open the vault must not start: it would only hold gateway after gateway."""
    from gateways import vault

    vault.check_master_keys()
