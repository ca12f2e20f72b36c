from __future__ import annotations

from datetime import timedelta

import pytest

from gateways import actions, queries
from gateways.models import Event
from ingest import outbox, queues
from ingest.models import Attempt, GatewayQueue, Message, Tally
from ingest.outbox import Outcome
from ingest.sen.errors import SenThrottled, SenUnavailable
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import add, after, claim, filled, states, waiting
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db


def record(*outcomes, now=NOW):
    return outbox.record(outcomes, vendors={}, now=now)


def failed(claimed, **more):
    return Outcome(claimed, problem=SenUnavailable, error="HTTP 500", **more)


def test_messages_are_claimed_oldest_first_with_a_lease():
    queue = filled(3)
    claimed = claim()
    ids = list(Message.objects.order_by("id").values_list("pk", flat=True))
    assert [message.id for message in claimed.messages] == ids
    queue.refresh_from_db()
    assert (claimed.gateway_id, queue.lease, queue.leased_until) == (queue.pk, claimed.lease, NOW + outbox.LEASE)


def test_what_is_claimed_is_not_claimed_again_until_the_lease_lapses():
    filled()
    first = claim()
    assert outbox.claim_due(now=NOW + outbox.LEASE) == []
    second = claim(NOW + outbox.LEASE + timedelta(seconds=1))
    assert second.lease != first.lease
    assert [message.id for message in second.messages] == [message.id for message in first.messages]


def test_a_batch_is_shared_by_the_queues_the_longest_due_first(monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 4)
    monkeypatch.setattr(outbox, "MAX_QUEUES", 2)
    late, early, middle = filled(3), filled(3), filled(3)
    for queue, due_at in ((late, after(-1)), (early, after(-3)), (middle, after(-2))):
        GatewayQueue.objects.filter(pk=queue.pk).update(due_at=due_at)
    claims = outbox.claim_due(now=NOW)
    assert [one.gateway_id for one in claims] == [early.pk, middle.pk]
    assert [len(one.messages) for one in claims] == [2, 2]


def test_one_queue_can_be_asked_for():
    filled()
    wanted = filled()
    assert [one.gateway_id for one in outbox.claim_due(now=NOW, gateway_id=wanted.pk)] == [wanted.pk]


def test_what_is_delivered_leaves_the_queue():
    queue = filled(3)
    claimed = claim()
    delivered = [message.id for message in claimed.messages[:2]]
    assert record(Outcome(claimed, delivered=delivered, tries=[("delivered", 0.5), ("delivered", 0.25)])) == 2
    assert (states(queue), waiting(queue)) == (["delivered", "delivered", "waiting"], 1)
    assert (queue.delivered, queue.last_delivered_at, queue.lease, queue.due_at) == (2, NOW, None, NOW)
    assert Tally.objects.values_list("kind", "outcome", "count", "seconds").get() == ("push", "delivered", 2, 0.75)
    assert [message.id for message in claim().messages] == [claimed.messages[2].id]


def test_what_was_claimed_and_not_tried_is_free_at_once():
    queue = filled()
    record(Outcome(claim()))
    assert (waiting(queue), queue.lease, queue.failures) == (3, None, 0)


def test_a_failure_makes_its_own_queue_wait_and_no_other(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda _, high: high)
    failing, other = filled(), filled()
    outcomes = {one.gateway_id: one for one in outbox.claim_due(now=NOW)}
    record(failed(outcomes[failing.pk]), Outcome(outcomes[other.pk]))
    assert [one.gateway_id for one in outbox.claim_due(now=NOW)] == [other.pk]
    failing.refresh_from_db()
    assert (failing.failures, failing.due_at, failing.last_error) == (1, after(2), "HTTP 500")
    assert claim(after(2)).gateway_id == failing.pk


def test_failures_are_counted_from_the_last_delivery():
    queue = filled(9)
    for attempt in range(3):
        record(failed(claim(after(1000 * attempt))), now=after(1000 * attempt))
    queue.refresh_from_db()
    assert queue.failures == 3
    claimed = claim(after(9000))
    record(failed(claimed, delivered=[claimed.messages[0].id]), now=after(9000))
    assert (waiting(queue), queue.failures) == (8, 1)


def test_retry_after_is_waited_for_exactly():
    queue = filled()
    record(Outcome(claim(), problem=SenThrottled, error="HTTP 429", retry_after_s=77.0))
    queue.refresh_from_db()
    assert queue.due_at == after(77)


def test_a_throttled_queue_waits_a_second_at_least(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, _: low)
    queue = filled()
    record(Outcome(claim(), problem=SenThrottled, error="HTTP 429"))
    queue.refresh_from_db()
    assert queue.due_at == after(1)


@pytest.mark.parametrize("failures, longest", [(0, 1), (1, 2), (5, 32), (8, 256), (9, 256), (10_000, 256)])
def test_backoff_has_full_jitter_up_to_four_minutes(failures, longest):
    waits = [outbox.backoff_s(failures) for _ in range(200)]
    assert 0 <= min(waits) < longest / 4
    assert longest * 3 / 4 < max(waits) <= longest


def test_whoever_lost_the_lease_records_nothing():
    queue = filled(1)
    lost = claim()
    later = NOW + outbox.LEASE + timedelta(seconds=1)
    kept = claim(later)
    assert record(Outcome(lost, delivered=[lost.messages[0].id], tries=[("delivered", 1.0)]), now=later) == 0
    assert (waiting(queue), queue.lease, Tally.objects.count()) == (1, kept.lease, 0)
    assert record(Outcome(kept, delivered=[kept.messages[0].id]), now=later) == 1
    assert waiting(queue) == 0


def test_a_refused_message_is_held_with_the_answer_and_the_others_go_on():
    queue = filled(3)
    claimed = claim()
    first, second, third = (message.id for message in claimed.messages)
    attempt = Attempt(message_id=second, at=NOW, outcome="refused", status=422, body="no", duration_ms=1)
    refused = [(second, "SEN answered HTTP 422 no")]
    record(Outcome(claimed, delivered=[first, third], refused=refused, error="HTTP 422 no", attempts=[attempt]))
    assert (states(queue), waiting(queue)) == (["delivered", "held", "delivered"], 0)
    assert Message.objects.get(pk=second).held_reason == "SEN answered HTTP 422 no"
    assert Attempt.objects.get().message_id == second
    event = Event.objects.get(name="message.held")
    assert event.data == {"message": second, "reason": "SEN answered HTTP 422 no"}
    assert (queue.last_error, queue.delivered, queue.held_at) == ("HTTP 422 no", 2, None)


def test_a_queue_is_held_with_the_reason_and_says_so_once():
    queue = filled()
    record(Outcome(claim(), held_reason="SEN answered HTTP 401", error="HTTP 401"))
    assert (waiting(queue), queue.held_at, queue.held_reason) == (3, NOW, "SEN answered HTTP 401")
    assert outbox.claim_due(now=after(9999)) == []
    assert Event.objects.get(name="queue.held").data == {"reason": "SEN answered HTTP 401"}


@pytest.mark.parametrize(
    "prepare, words",
    [
        (lambda gateway: actions.suspend_gateway(gateway=gateway, by="test", now=NOW), "suspended by staff"),
        (lambda gateway: actions.release_gateway(gateway=gateway, by="test", now=NOW), "released for good"),
        (
            lambda gateway: actions.ban_key(key=gateway.keys.get(), reason="stolen", by="test", now=NOW),
            "no active key: its key is banned",
        ),
    ],
)
def test_a_gateway_that_may_not_send_is_not_claimed_and_says_why(prepare, words):
    queue = filled()
    assert queues.why_waiting(queue, has_key=True) == ""
    prepare(queue.gateway)
    assert outbox.claim_due(now=NOW) == []
    assert waiting(queue) == 3
    assert words in queues.why_waiting(queue, has_key=queries.active_key(queue.gateway) is not None)


def test_a_gateway_that_sen_does_not_know_yet_collects_messages_and_says_so():
    queue = filled(gateway=factories.gateway())
    assert outbox.claim_due(now=NOW) == []
    assert "SEN does not know it yet" in queues.why_waiting(queue, has_key=False)


def test_the_oldest_waiting_message_is_found():
    queue, idle = filled(1), filled(1)
    add(queue.gateway, queue.gateway.system.ders.get().pk, 1, after(60))
    outcomes = {one.gateway_id: one for one in outbox.claim_due(now=NOW)}
    record(*(Outcome(one, delivered=[one.messages[0].id]) for one in outcomes.values()))
    assert [(one.pk, vars(one)["oldest_at"]) for one in queues.oldest_waiting()] == [(queue.pk, after(60))]
    assert vars(queues.with_oldest(GatewayQueue.objects.filter(pk=idle.pk)).get())["oldest_at"] is None


def test_a_queue_that_waits_after_a_failure_can_be_tried_soon():
    queue = filled()
    record(Outcome(claim(), problem=SenThrottled, error="HTTP 429", retry_after_s=3600))
    assert outbox.claim_due(now=after(1)) == []
    assert outbox.push_soon(gateway=queue.gateway, now=after(1))
    assert claim(after(1)).gateway_id == queue.pk


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_never_get_the_same_queue():
    needs_several_writers()
    of_type = factories.gateway_type()
    queues = [filled(2, of_type) for _ in range(12)]
    counts: list[int] = []

    def work():
        while claims := outbox.claim_due(now=NOW):
            counts.append(record(*(Outcome(one, delivered=[m.id for m in one.messages]) for one in claims)))

    def feed():
        for queue in queues:
            add(queue.gateway, queue.gateway.system.ders.get().pk, 3)

    assert at_once(work, work, work, feed) == [None] * 4
    work()
    assert sum(counts) == Message.objects.filter(state="delivered").count() == 12 * 5
    assert [waiting(queue) for queue in queues] == [0] * 12
    assert [queue.delivered for queue in queues] == [5] * 12
