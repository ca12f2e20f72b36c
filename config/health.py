"""What load balancers and orchestrators ask: /healthz and /readyz."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerError

from config.celery import app as celery_app
from ingest.models import Heartbeat

BEAT_MAX_AGE = timedelta(seconds=60)
BROKER_TIMEOUT_S = 2


class NotReady(Exception):
    """Why this process should get no requests now."""


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as this process answers at all; what it needs from others is no part of it."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 if everything that the portal needs is there, else 503; the body says what is wrong."""
    found = {name: _verdict(check) for name, check in CHECKS.items()}
    ready = all(verdict == "ok" for verdict in found.values())
    return JsonResponse({"status": "ok" if ready else "not ready", **found}, status=200 if ready else 503)


def _verdict(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as reason:
        return str(reason)
    except DatabaseError as error:
        return f"the database does not answer ({type(error).__name__})"
    return "ok"


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_migrations() -> None:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        msg = f"{len(waiting)} migrations are not applied; run manage.py migrate"
        raise NotReady(msg)


def _check_broker() -> None:
    with celery_app.connection_for_write(connect_timeout=BROKER_TIMEOUT_S) as broker:
        try:
            broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_S)
        except BrokerError as error:
            msg = f"the broker does not answer ({type(error.__cause__ or error).__name__})"
            raise NotReady(msg) from error


def _check_beat() -> None:
    beat = Heartbeat.objects.filter(name="beat").first()
    if beat is None:
        msg = "beat has not run yet; start celery beat and a worker"
        raise NotReady(msg)
    age = timezone.now() - beat.at
    if age > BEAT_MAX_AGE:
        msg = f"beat last ran {age.total_seconds():.0f} s ago; see that celery beat and a worker run"
        raise NotReady(msg)


CHECKS = {
    "database": _check_database,
    "migrations": _check_migrations,
    "broker": _check_broker,
    "beat": _check_beat,
}
