"""Replays, and what people do while a worker sends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from onboarding.models import WebhookDelivery
from onboarding.webhooks import deliveries, posting, sending
from onboarding.webhooks.calls import Call

pytestmark = pytest.mark.django_db


def test_a_replay_delivers_again_what_came_after_a_sequence_or_a_time(hooks, receiver):
    hook = hooks.proven("gateway.created")
    early = hooks.happen(times=2)
    hooks.clock.move(hours=1)
    at = hooks.clock.now
    late = hooks.happen(times=2)
    hooks.go_round()
    receiver.forget()
    hooks.replay(hook, after=early[0])
    hooks.go_round()
    assert receiver.sequences == [early[1], *late]
    receiver.forget()
    hooks.replay(hook, since=at)
    hooks.go_round()
    assert receiver.sequences == late
    receiver.forget()
    hooks.replay(hook, since=at - timedelta(days=9))
    hooks.go_round()
    assert receiver.sequences == [*early, *late]


def test_nobody_sets_a_webhook_forward(hooks):
    hook = hooks.proven()
    last = hooks.happen()[-1]
    for to in ({"after": last}, {"since": hooks.clock.now + timedelta(days=1)}):
        with pytest.raises(ValidationError, match="only set back"):
            hooks.replay(hook, **to)
    for neither in ({}, {"after": 1, "since": hooks.clock.now}):
        with pytest.raises(ValidationError, match="either"):
            hooks.replay(hook, **neither)


def test_what_was_on_its_way_when_the_filter_changed_comes_under_another_id(hooks, receiver):
    hook = hooks.proven("gateway.created")
    hooks.happen("gateway.created", "key.created")
    receiver.status = 500
    hooks.go_round()
    hooks.change(hook, names=["key.created", "gateway.created"])
    receiver.status = 200
    hooks.go_round()
    refused, taken = receiver.deliveries
    assert [[event["name"] for event in one["events"]] for one in (refused, taken)] == [
        ["gateway.created"], ["gateway.created", "key.created"],
    ]  # fmt: skip
    assert refused["id"] != taken["id"]
    assert [one.status for one in hook.deliveries.order_by("id")] == ["withdrawn", "delivered"]


def test_a_worker_that_sends_while_somebody_pauses_does_not_have_the_last_word(hooks):
    hook = hooks.proven()
    hooks.happen()
    (under_way,) = deliveries.claim(now=hooks.clock(), at_most=1)
    hooks.change(hook, paused=True)
    deliveries.record(under_way, posting.Reply(410), now=hooks.clock())
    hook.refresh_from_db()
    assert (hook.paused_reason, hook.failures, hook.lease) == ("by_hand", 0, None)


def test_an_answer_of_the_address_before_proves_nothing_of_the_new_one(hooks, receiver, monkeypatch):
    hook = hooks.make()
    really_send = Call.send

    def change_meanwhile(call):
        hooks.change(hook, url=f"{receiver.url}/new")
        return really_send(call)

    monkeypatch.setattr(Call, "send", change_meanwhile)
    assert sending.try_out(endpoint=hook, by="test", now=hooks.clock()).status == "success"
    hook.refresh_from_db()
    assert (hook.state, hook.verified_at) == ("pending", None)


def test_the_database_has_one_delivery_of_an_endpoint_in_flight(hooks):
    hook = hooks.proven()
    one = {"endpoint": hook, "first": 1, "last": 1, "count": 1, "created_at": hooks.clock()}
    WebhookDelivery.objects.create(**one, delivered_at=hooks.clock())
    WebhookDelivery.objects.create(**one)
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookDelivery.objects.create(**one)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "paused"}, {"paused_reason": "gone"}, {"verified_at": None}, {"state": "pending"}, {"names": []},
        {"secret": ""}, {"previous_secret": "sealed"}, {"url": "ftp://x/"}, {"state": "happy"},
    ],
)  # fmt: skip
def test_the_database_refuses_a_webhook_that_cannot_be(hooks, wrong):
    hook = hooks.proven()
    with pytest.raises(IntegrityError), transaction.atomic():
        type(hook).objects.filter(pk=hook.pk).update(**wrong)


def test_a_worker_that_sends_while_somebody_changes_the_webhook_moves_no_cursor(hooks, receiver):
    hook = hooks.proven("gateway.created")
    hooks.happen()
    (under_way,) = deliveries.claim(now=hooks.clock(), at_most=1)
    before = hooks.replay(hook, after=hook.cursor).cursor
    deliveries.record(under_way, posting.Reply(200), now=hooks.clock())
    hook.refresh_from_db()
    assert hook.cursor == before
