from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from config import celery_app, health
from ingest.models import Heartbeat


@pytest.fixture
def beat_runs(db):
    Heartbeat.objects.create(name="beat", at=timezone.now() - timedelta(seconds=5))


def test_healthz_needs_nothing_but_the_process(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_says_ok_for_everything_there_is(client, beat_runs):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok", "beat": "ok"}


@pytest.mark.django_db
def test_readyz_refuses_before_the_first_beat(client):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "beat has not run yet" in response.json()["beat"]


def test_readyz_refuses_an_old_beat(client, beat_runs):
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=61))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["beat"].startswith("beat last ran 61 s ago")


def test_readyz_tells_of_migrations_that_wait(client, beat_runs, monkeypatch):
    monkeypatch.setattr("config.health.MigrationExecutor.migration_plan", lambda *_: [("ingest", "0002")])
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["migrations"] == "1 migrations are not applied; run manage.py migrate"


def test_readyz_tells_of_a_broker_that_is_not_there(client, beat_runs, monkeypatch):
    monkeypatch.setattr(celery_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["broker"].startswith("the broker does not answer")


def test_readyz_tells_of_a_database_that_is_not_there(client, beat_runs, monkeypatch):
    def fail():
        raise DatabaseError("connection refused")

    monkeypatch.setitem(health.CHECKS, "database", fail)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "the database does not answer (DatabaseError)"


def test_health_answers_are_never_cached(client):
    assert "no-store" in client.get("/healthz")["Cache-Control"]
