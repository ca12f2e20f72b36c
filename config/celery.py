"""The Celery app: three queues and the few ticks of beat.

Cadence is data (`PullPolicy` of the adapter, `next_pull_at` of the connection, `due_at` of a gateway's queue), so beat
only looks for what is due and knows no vendor.
"""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init, worker_process_init
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
    "renew tokens": {"task": "ingest.tasks.renew_tokens", "schedule": 60.0, "options": {"expires": 60}},
    "sweep": {"task": "ingest.tasks.sweep", "schedule": 15.0, "options": {"expires": 30}},
    "advance homes": {"task": "onboarding.tasks.advance_homes", "schedule": 30.0, "options": {"expires": 30}},
    "send invitations": {"task": "onboarding.tasks.send_invitations", "schedule": 10.0, "options": {"expires": 10}},
    "ask to reconnect": {"task": "onboarding.tasks.ask_to_reconnect", "schedule": 60.0, "options": {"expires": 60}},
    "deliver webhooks": {"task": "onboarding.tasks.deliver_webhooks", "schedule": 2.0, "options": {"expires": 4}},
    "forget deliveries": {
        "task": "onboarding.tasks.forget_deliveries",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "warn": {"task": "onboarding.tasks.warn", "schedule": 3600.0, "options": {"expires": 600}},
    "settle enrollments": {
        "task": "onboarding.tasks.settle_enrollments",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "forget trips": {"task": "onboarding.tasks.forget_trips", "schedule": 3600.0, "options": {"expires": 600}},
    "forget sessions": {"task": "onboarding.tasks.forget_sessions", "schedule": 3600.0, "options": {"expires": 600}},
    "forget accounts": {"task": "onboarding.tasks.forget_accounts", "schedule": 3600.0, "options": {"expires": 600}},
    "prune": {"task": "ingest.tasks.prune", "schedule": 3600.0, "options": {"expires": 600}},
}


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Leave logging alone: Celery does so when somebody listens to this signal, and Django's `LOGGING` stands."""


@worker_init.connect
@beat_init.connect
def check_what_must_hold(**_: Any) -> None:
    """Refuse to start where the web process would refuse."""
    from config.startup import refuse_what_must_not_run  # noqa: PLC0415  models need the apps, which are loaded by now

    refuse_what_must_not_run()


@worker_process_init.connect
def spare_what_is_loaded(**_: Any) -> None:
    """Keep the garbage collector off what was loaded at start: with big batches it would go through it all the time."""
    gc.freeze()
