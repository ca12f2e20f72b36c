"""What is held, for how long, and how it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateways import actions
from gateways.models import Event, GatewayType
from ingest import outbox, queues
from ingest.models import GatewayQueue, Message
from ingest.outbox import Outcome
from ingest.sen.errors import SenUnavailable
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import add, after, claim, filled, states, waiting

pytestmark = pytest.mark.django_db

TOO_OLD = outbox.MAX_AGE + timedelta(seconds=1)


def held_by_sen():
    queue = filled(2)
    outbox.record([Outcome(claim(), held_reason="SEN answered HTTP 401", error="HTTP 401")], vendors={}, now=NOW)
    return queue


def new_key(owner, now):
    actions.rotate_key(owner=owner, by="test", now=now)
    actions.activate_key(owner=owner, by="test", now=now)


def refused_message(queue):
    claimed = claim()
    refused = [(claimed.messages[0].id, "SEN answered HTTP 400")]
    outbox.record([Outcome(claimed, refused=refused, error="HTTP 400")], vendors={}, now=NOW)
    return Message.objects.get(state="held")


def test_a_person_holds_a_queue_and_releases_it():
    queue = filled()
    outbox.hold_queue(gateway=queue.gateway, reason="maintenance", by="test", now=NOW)
    queue.refresh_from_db()
    assert outbox.claim_due(now=NOW) == []
    assert queues.why_waiting(queue, has_key=True) == "maintenance"
    assert outbox.release_queue(gateway=queue.gateway, by="test", now=after(1))
    assert not outbox.release_queue(gateway=queue.gateway, by="test", now=after(1))
    assert claim(after(1)).gateway_id == queue.pk
    assert list(Event.objects.filter(name__startswith="queue.").values_list("name", flat=True)) == [
        "queue.held",
        "queue.released",
    ]


def test_a_queue_that_sen_refused_goes_on_with_the_next_key():
    queue = held_by_sen()
    assert outbox.release_rekeyed(now=after(1)) == 0
    new_key(queue.gateway, after(5))
    assert outbox.release_rekeyed(now=after(6)) == 1
    assert claim(after(6)).gateway_id == queue.pk


def test_a_key_older_than_the_hold_releases_nothing():
    queue = filled()
    new_key(queue.gateway, NOW)
    outbox.record([Outcome(claim(), held_reason="HTTP 401", error="HTTP 401")], vendors={}, now=after(1))
    assert outbox.release_rekeyed(now=after(2)) == 0


def test_a_queue_that_a_person_holds_stays_held_when_the_key_changes():
    queue = filled()
    outbox.hold_queue(gateway=queue.gateway, reason="maintenance", by="test", now=NOW)
    new_key(queue.gateway, after(5))
    assert outbox.release_rekeyed(now=after(6)) == 0


def test_a_new_key_of_the_type_releases_the_queues_of_its_gateways():
    of_type = factories.gateway_type(key_strategy=GatewayType.KeyStrategy.GLOBAL)
    queues = [filled(1, of_type), filled(1, of_type)]
    outcomes = [Outcome(one, held_reason="HTTP 403", error="HTTP 403") for one in outbox.claim_due(now=NOW)]
    outbox.record(outcomes, vendors={}, now=NOW)
    new_key(of_type, after(5))
    assert outbox.release_rekeyed(now=after(6)) == len(queues)


def test_a_hold_of_a_person_is_not_taken_over_by_the_push():
    queue = filled()
    claimed = claim()
    outbox.hold_queue(gateway=queue.gateway, reason="maintenance", by="test", now=NOW)
    outbox.record([Outcome(claimed, held_reason="HTTP 401", error="HTTP 401")], vendors={}, now=NOW)
    queue.refresh_from_db()
    assert (queue.held_reason, queue.held_by_push) == ("maintenance", False)


def test_a_held_message_is_put_back_to_its_place():
    queue = filled(2)
    message = refused_message(queue)
    assert outbox.retry_message(message=message, by="test", now=after(1))
    assert not outbox.retry_message(message=message, by="test", now=after(1))
    assert (waiting(queue), claim(after(1)).messages[0].id) == (2, message.pk)
    assert Event.objects.get(name="message.retried").data == {"message": message.pk}


def test_what_keeps_failing_for_three_days_is_held_with_the_last_error():
    queue = filled(2)
    add(queue.gateway, queue.gateway.system.ders.get().pk, 1, NOW + timedelta(hours=1))
    outbox.record([Outcome(claim(), problem=SenUnavailable, error="HTTP 503 maintenance")], vendors={}, now=NOW)
    assert outbox.hold_undeliverable(now=NOW + outbox.MAX_AGE) == 0
    assert outbox.hold_undeliverable(now=NOW + TOO_OLD) == 2
    assert (states(queue), waiting(queue)) == (["held", "held", "waiting"], 1)
    assert set(Message.objects.filter(state="held").values_list("held_reason", flat=True)) == {
        "Not delivered within 72 hours. Last error: HTTP 503 maintenance"
    }


def test_what_waits_for_a_person_is_not_held_however_old():
    queue = filled()
    actions.suspend_gateway(gateway=queue.gateway, by="test", now=NOW)
    assert outbox.hold_undeliverable(now=NOW + 9 * TOO_OLD) == 0
    assert waiting(queue) == 3


def test_what_a_worker_has_in_its_hands_is_not_held():
    queue = filled()
    outbox.record([Outcome(claim(), problem=SenUnavailable, error="HTTP 503")], vendors={}, now=NOW)
    claim(NOW + TOO_OLD)
    assert outbox.hold_undeliverable(now=NOW + TOO_OLD) == 0
    assert waiting(queue) == 3


def test_a_worker_that_comes_back_after_its_messages_were_held_records_nothing():
    queue = filled()
    outbox.record([Outcome(claim(), problem=SenUnavailable, error="HTTP 503")], vendors={}, now=NOW)
    late = claim(NOW + TOO_OLD)
    assert outbox.hold_undeliverable(now=NOW + TOO_OLD + outbox.LEASE + timedelta(seconds=1)) == 3
    assert (
        outbox.record([Outcome(late, delivered=[m.id for m in late.messages])], vendors={}, now=NOW + 2 * TOO_OLD) == 0
    )
    assert (states(queue), waiting(queue)) == (["held"] * 3, 0)


def test_what_a_released_gateway_leaves_behind_is_held_with_that_reason():
    queue, other = filled(), filled()
    actions.release_gateway(gateway=queue.gateway, by="test", now=NOW)
    assert outbox.hold_undeliverable(now=NOW) == 3
    assert (waiting(queue), waiting(other)) == (0, 3)
    assert set(Message.objects.filter(gateway=queue.pk).values_list("held_reason", flat=True)) == {
        "The gateway was released before this was delivered."
    }


def test_a_retried_message_of_a_released_gateway_is_held_again():
    queue = filled(1)
    message = refused_message(queue)
    actions.release_gateway(gateway=queue.gateway, by="test", now=NOW)
    outbox.retry_message(message=message, by="test", now=NOW)
    assert outbox.hold_undeliverable(now=NOW) == 1
    assert GatewayQueue.objects.get(pk=queue.pk).waiting == 0
