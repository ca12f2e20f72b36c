"""Whatever happens to a queue, in whatever order: the count of waiting messages is right and no message is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateways import actions
from ingest import outbox
from ingest.models import GatewayQueue, Message
from ingest.outbox import Claim, Outcome
from ingest.sen.errors import SenUnavailable
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import add


class Queue(RuleBasedStateMachine):
    """One gateway's queue with workers that come, go, are late, and people who hold and retry."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.gateway = factories.active_gateway()
        self.der_id = factories.system(self.gateway).ders.get().pk
        self.claims: list[Claim] = []
        self.added = 0

    @rule(count=st.integers(1, 3))
    def enqueue(self, count: int) -> None:
        add(self.gateway, self.der_id, count, self.now)
        self.added += count

    @rule(seconds=st.sampled_from([1, 30, 60, 600, 300_000]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def claim(self) -> None:
        self.claims += outbox.claim_due(now=self.now, gateway_id=self.gateway.pk)

    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        if not self.claims:
            return
        claimed = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        ids = [message.id for message in claimed.messages]
        tried = data.draw(st.integers(0, len(ids)))
        refused = data.draw(st.sets(st.sampled_from(ids[:tried]))) if tried else set()
        outcome = Outcome(claimed, delivered=[one for one in ids[:tried] if one not in refused])
        outcome.refused = [(one, "HTTP 400") for one in sorted(refused)]
        outcome.error = "HTTP 400" if refused else ""
        if tried < len(ids):
            how = data.draw(st.sampled_from(["time is over", "failed", "unauthorized"]))
            if how == "failed":
                outcome.problem, outcome.error = SenUnavailable, "HTTP 500"
            elif how == "unauthorized":
                outcome.held_reason = outcome.error = "HTTP 401"
        outbox.record([outcome], vendors={}, now=self.now)

    @rule()
    def sweep(self) -> None:
        outbox.hold_undeliverable(now=self.now)
        outbox.release_rekeyed(now=self.now)

    @rule()
    def hold(self) -> None:
        outbox.hold_queue(gateway=self.gateway, reason="maintenance", by="test", now=self.now)

    @rule()
    def release(self) -> None:
        outbox.release_queue(gateway=self.gateway, by="test", now=self.now)

    @rule()
    def retry(self) -> None:
        for message in Message.objects.filter(gateway=self.gateway, state="held"):
            outbox.retry_message(message=message, by="test", now=self.now)

    @rule()
    def rotate(self) -> None:
        actions.rotate_key(owner=self.gateway, by="test", now=self.now)
        actions.activate_key(owner=self.gateway, by="test", now=self.now)

    @invariant()
    def the_queue_counts_what_waits(self) -> None:
        queue = GatewayQueue.objects.filter(pk=self.gateway.pk).first()
        of_gateway = Message.objects.filter(gateway=self.gateway)
        assert of_gateway.count() == self.added
        assert (queue.waiting if queue else 0) == of_gateway.filter(state="waiting").count()
        assert (queue.delivered if queue else 0) == of_gateway.filter(state="delivered").count()
        assert not of_gateway.filter(state="held", held_reason="").exists()


@pytest.mark.django_db
def test_a_queue_always_counts_what_waits_and_loses_nothing():
    quick = settings(
        max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(Queue, settings=quick)
