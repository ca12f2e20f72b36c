from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.celery import app
from onboarding import invitations, tasks
from tests import factories
from tests.onboarding import homes


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(entry["task"] for entry in app.conf.beat_schedule.values()))
def test_every_tick_names_a_task_that_can_be_done(name: str) -> None:
    module, _, task = name.rpartition(".")
    ticked = getattr(importlib.import_module(module), task)
    assert ticked.name == name
    ticked()


@pytest.mark.django_db
def test_ticks_do_what_is_due(mailoutbox: Any) -> None:
    partner = homes.partner(slug="sunny")
    invitations.invite(partner=partner, email="anna@example.com", by="test", now=timezone.now())
    lost = factories.connection(partner, owner=User.objects.create_user("bo", "bo@example.com"))
    type(lost).objects.update(status="needs_reconnect", needs_reconnect_at=timezone.now())
    for tick in (tasks.send_invitations, tasks.ask_to_reconnect, tasks.warn, tasks.advance_homes):
        tick()
    assert [message.to for message in mailoutbox] == [["anna@example.com"], ["bo@example.com"]]


@pytest.mark.django_db
def test_sessions_whose_time_is_over_are_forgotten() -> None:
    for days in (-1, 1):
        expires = timezone.now() + timedelta(days=days)
        Session.objects.create(session_key=f"session {days}", session_data="", expire_date=expires)
    tasks.forget_sessions()
    assert Session.objects.get().session_key == "session 1"
