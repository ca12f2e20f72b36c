from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from ingest import tallies
from ingest.metrics import Collector
from ingest.models import Der, GatewayQueue, Heartbeat, Message, Tally
from tests import factories

pytestmark = pytest.mark.django_db


def sample(name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(Collector())
    return registry.get_sample_value(name, labels)


def test_pulls_and_pushes_are_counted_by_vendor_and_outcome_with_their_durations() -> None:
    tallies.add(Tally.Kind.PULL, [("solis", "ok", 1.5), ("solis", "ok", 0.5), ("solis", "throttled", 0.1)])
    tallies.add(Tally.Kind.PUSH, [("solaredge", "delivered", 0.25)])
    assert sample("portal_pulls_total", vendor="solis", outcome="ok") == 2
    assert sample("portal_pulls_total", vendor="solis", outcome="throttled") == 1
    assert sample("portal_pulls_seconds_sum", vendor="solis", outcome="ok") == 2.0
    assert sample("portal_pulls_seconds_count", vendor="solis", outcome="ok") == 2
    assert sample("portal_pushes_total", vendor="solaredge", outcome="delivered") == 1
    assert sample("portal_pushes_seconds_sum", vendor="solaredge", outcome="delivered") == 0.25


def test_queues_tell_how_deep_and_how_old_they_are() -> None:
    now = timezone.now()
    for waiting, state, hours in ((5, "waiting", 2), (0, "held", 9)):
        gateway = factories.active_gateway()
        factories.system(gateway)
        GatewayQueue.objects.create(gateway=gateway, waiting=waiting, due_at=now)
        Message.objects.create(
            gateway=gateway,
            der=Der.objects.get(system__gateway=gateway),
            payload="{}",
            points=1,
            first_ts=now,
            last_ts=now,
            state=state,
            held_reason="no" if state == "held" else "",
            created_at=now - timedelta(hours=hours),
            done_at=now if state == "held" else None,
        )
    GatewayQueue.objects.filter(waiting=0).update(held_at=now, held_reason="no")
    assert sample("portal_oldest_waiting_message_seconds") == pytest.approx(7200, abs=30)
    assert sample("portal_deepest_queue_messages") == sample("portal_waiting_messages") == 5
    assert sample("portal_held_messages") == sample("portal_held_queues") == 1


def test_accounts_are_counted_by_vendor_and_status() -> None:
    partner = factories.partner()
    for status in ("active", "active", "paused"):
        factories.connection(partner, status=status)
    assert sample("portal_connections", vendor="solis", status="active") == 2
    assert sample("portal_connections", vendor="solis", status="paused") == 1


def test_an_empty_portal_says_zero_and_nothing_of_a_beat_that_never_was() -> None:
    assert sample("portal_oldest_waiting_message_seconds") == 0
    assert sample("portal_waiting_messages") == 0
    assert sample("portal_last_beat_age_seconds") is None
    Heartbeat.objects.create(name="beat", at=timezone.now() - timedelta(seconds=10))
    assert sample("portal_last_beat_age_seconds") == pytest.approx(10, abs=5)


def test_the_text_is_what_prometheus_reads() -> None:
    tallies.add(Tally.Kind.PULL, [("solis", "ok", 1.0)])
    registry = CollectorRegistry()
    registry.register(Collector())
    assert b'portal_pulls_total{outcome="ok",vendor="solis"} 1.0' in generate_latest(registry)
