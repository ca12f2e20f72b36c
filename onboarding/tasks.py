"""Thin Celery tasks: each translates, calls one function, and is done within a slice of time."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from ingest.tasks import slice_end
from onboarding import advancing, alerts, deletion, enrollments, expiry, invitation_mails, reminders
from onboarding.webhooks import deliveries, sending


@shared_task
def advance_homes(**_: Any) -> None:
    """Take homeowners' gateways on towards sending."""
    advancing.advance_homes(clock=timezone.now, until=slice_end())


@shared_task
def send_invitations(**_: Any) -> None:
    """Mail the invitations that are due."""
    invitation_mails.send_due(clock=timezone.now, until=slice_end())


@shared_task
def ask_to_reconnect(**_: Any) -> None:
    """Write to the owners of accounts that newly need them, and to staff whose webhooks were paused."""
    now = timezone.now()
    alerts.ask_to_reconnect(now=now)
    alerts.tell_of_paused_webhooks(now=now)


@shared_task
def warn(**_: Any) -> None:
    """End the consents whose time is over, warn of what expires soon, and remind of journeys that stand still."""
    now = timezone.now()
    for step in (expiry.end_expired, reminders.remind_due, alerts.warn_of_credentials, alerts.warn_of_consents):
        step(now=now)


@shared_task
def settle_enrollments(**_: Any) -> None:
    """Let enrollments of Join flows follow their accounts."""
    enrollments.settle(now=timezone.now(), until=slice_end())


@shared_task
def forget_trips(**_: Any) -> None:
    """Delete the trips of Join flows that nothing came of."""
    enrollments.forget_trips(now=timezone.now())


@shared_task
def forget_sessions(**_: Any) -> None:
    """Delete the sessions of browsers whose time is over: whoever looks at a join page has one."""
    SessionStore.clear_expired()


@shared_task
def deliver_webhooks(**_: Any) -> None:
    """Deliver events to partners' webhooks."""
    sending.deliver_due(clock=timezone.now, until=slice_end())


@shared_task
def forget_deliveries(**_: Any) -> None:
    """Delete what is known of old deliveries to webhooks, and secrets that sign no more."""
    deliveries.forget(now=timezone.now())


@shared_task
def forget_accounts(**_: Any) -> None:
    """Delete the accounts of homeowners who have left, once their consent is given back at the vendor."""
    deletion.forget_given_back()
