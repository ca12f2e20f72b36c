"""What an endpoint gets, when, and that nothing is ever left out."""

from __future__ import annotations

from datetime import timedelta
from http.server import HTTPServer
from threading import Event as Flag
from threading import Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from gateways import events
from gateways.models import Event
from onboarding import alerts, tasks
from onboarding.models import WebhookDelivery
from onboarding.webhooks import deliveries, endpoints, posting
from tests import factories
from tests.onboarding.test_notices import staff
from tests.onboarding.webhooks.receiver import DOCUMENTED, SECRET, running

pytestmark = pytest.mark.django_db
is_ours = DOCUMENTED["is_ours"]


def recorded(hooks) -> list[str]:
    return list(Event.objects.filter(partner=hooks.partner, name__startswith="webhook.").values_list("name", flat=True))


def test_the_receiver_that_partners_are_shown_proves_itself_and_takes_what_happens(hooks):
    hooks.clock.now = timezone.now()  # it refuses what is old
    with HTTPServer(("127.0.0.1", 0), DOCUMENTED["Receiver"]) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        hook = hooks.make(url=f"http://127.0.0.1:{server.server_port}/", secret=DOCUMENTED["SECRET"])
        hooks.go_round()
        (last,) = hooks.happen()
        hooks.go_round()
        server.shutdown()
        thread.join()
    hook.refresh_from_db()
    assert (hook.state, hook.cursor, hook.last_error) == ("active", last, "")


# --- The challenge ----------------------------------------------------------------------------------------------------


def test_an_endpoint_gets_nothing_before_it_has_answered_the_challenge(hooks, receiver):
    receiver.secret = "another secret, not that of the webhook"
    hook = hooks.make()
    hooks.happen()
    hooks.go_round()
    assert [set(body) for body in receiver.bodies] == [{"id", "challenge"}]
    receiver.secret = SECRET
    hooks.clock.move(minutes=1)
    hooks.go_round()
    assert [set(body) for body in receiver.bodies] == [{"id", "challenge"}, {"id", "challenge"}, {"id", "events"}]
    assert receiver.names == ["gateway.created", "webhook.verified"]
    hook.refresh_from_db()
    assert (hook.state, hook.verified_at, hook.failures, hook.last_error) == ("active", hooks.clock.now, 0, "")


def test_an_endpoint_that_sends_back_what_it_gets_has_proven_nothing(hooks, receiver):
    def echo(to):
        to.send_response(200)
        to.end_headers()
        to.wfile.write(receiver.seen[-1][1])

    receiver.write = echo
    hook = hooks.make()
    hooks.go_round()
    hook.refresh_from_db()
    assert (hook.state, hook.last_error) == (
        "pending", "The challenge was not answered with its HMAC under the secret.",
    )  # fmt: skip


def test_another_address_has_to_prove_itself_again(hooks, receiver):
    hook = hooks.proven()
    hooks.happen()
    receiver.secret = "another secret, not that of the webhook"
    changed = hooks.change(hook, url=f"{receiver.url}/2")
    assert (changed.state, changed.verified_at) == ("pending", None)
    hooks.go_round()
    assert receiver.deliveries == []


# --- What a delivery is -----------------------------------------------------------------------------------------------


def test_events_come_signed_in_order_and_as_the_api_shows_them(hooks, receiver):
    hook = hooks.proven()
    happened = hooks.happen("gateway.created", "key.created", times=2)
    hooks.go_round()
    ((headers, body),) = receiver.seen
    assert is_ours(headers, body, SECRET, hooks.clock.now.timestamp())
    assert headers["Content-Type"] == "application/json"
    (delivery,) = receiver.deliveries
    assert headers["Portal-Delivery"] == delivery["id"] == str(hook.deliveries.first().uid)
    assert [event["sequence"] for event in delivery["events"]] == happened
    first = Event.objects.get(partner=hooks.partner, sequence=happened[0])
    assert delivery["events"][0] == {
        "sequence": first.sequence, "at": "2026-06-15T12:00:00Z", "name": "gateway.created", "actor": "test",
        "subject": "gateway:0", "data": {"number": 0}, "hash": first.hash, "previous_hash": first.previous_hash,
    }  # fmt: skip
    hook.refresh_from_db()
    assert (hook.cursor, hook.last_success_at) == (happened[-1], hooks.clock.now)
    assert hooks.go_round() == 0


def test_more_than_a_hundred_events_come_in_several_deliveries(hooks, receiver):
    hooks.proven()
    happened = hooks.happen(times=205)
    assert hooks.go_round() == 3
    assert [len(one["events"]) for one in receiver.deliveries] == [100, 100, 5]
    assert receiver.sequences == happened
    assert len({one["id"] for one in receiver.deliveries}) == 3


def test_an_endpoint_gets_the_names_it_asked_for_and_no_other_partners_events(hooks, receiver):
    hook = hooks.proven("key.created")
    events.record(partner=factories.partner(), name="key.created", subject="key:x", by="test", now=hooks.clock())
    hooks.happen("gateway.created", "key.created", "gateway.created")
    hooks.go_round()
    assert receiver.names == ["key.created"]
    last = hooks.happen("gateway.created")[-1]
    assert hooks.go_round() == 0
    hook.refresh_from_db()
    assert hook.cursor == last  # what it does not want is not looked through again and again


def test_both_secrets_sign_while_the_previous_one_is_valid(hooks, receiver):
    hook = hooks.proven()
    _, fresh = endpoints.renew_secret(endpoint=hook, by="test", now=hooks.clock(), previous_valid=timedelta(hours=1))
    hooks.go_round()
    hooks.clock.move(minutes=61)
    hooks.happen()
    hooks.go_round()
    (early, late) = receiver.seen
    at = early[0]["Portal-Timestamp"]
    assert [is_ours(*early, secret, int(at)) for secret in (SECRET, fresh)] == [True, True]
    at = late[0]["Portal-Timestamp"]
    assert [is_ours(*late, secret, int(at)) for secret in (SECRET, fresh)] == [False, True]


# --- When it fails ----------------------------------------------------------------------------------------------------


def test_a_failed_delivery_is_tried_again_under_the_same_id_with_all_it_had(hooks, receiver):
    hook = hooks.proven()
    happened = hooks.happen(times=2)
    receiver.status, receiver.body = 503, b"down\0 for\n a moment"
    hooks.go_round()
    assert hooks.go_round() == 0
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since, hook.last_error) == (1, hooks.clock.now, "HTTP 503")
    assert (hook.deliveries.get().http_status, hook.deliveries.get().answer) == (503, "down for a moment")
    later = hooks.happen()
    receiver.status = 200
    hooks.clock.move(seconds=10)
    hooks.go_round()
    first, again, after = receiver.deliveries
    assert first == again
    assert [event["sequence"] for event in again["events"]] == happened
    assert [event["sequence"] for event in after["events"]] == later
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since, hook.last_error) == (0, None, "")
    assert [one.attempts for one in hook.deliveries.order_by("id")] == [2, 1]


@pytest.mark.parametrize(
    "status,headers,error",
    [
        (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, "HTTP 302: redirects are not followed."),
        (307, {"Location": "/hook"}, "HTTP 307: redirects are not followed."),
        (404, {}, "HTTP 404"),
        (500, {}, "HTTP 500"),
    ],
)
def test_what_is_no_success_moves_no_cursor(hooks, receiver, status, headers, error):
    hook = hooks.proven()
    hooks.happen()
    receiver.status, receiver.headers = status, headers
    assert hooks.go_round() == 1
    before = hook.cursor
    hook.refresh_from_db()
    assert (hook.cursor, hook.last_error, hook.state, len(receiver.seen)) == (before, error, "active", 1)


def test_a_worker_that_dies_between_sending_and_recording_costs_nothing(hooks, receiver, monkeypatch):
    hook = hooks.proven()
    happened = hooks.happen()
    with monkeypatch.context() as patched:

        def die(*_, **__):
            raise KeyboardInterrupt

        patched.setattr(deliveries, "record", die)
        with pytest.raises(KeyboardInterrupt):
            hooks.go_round()
    assert hooks.go_round() == 0  # the lease still holds
    hooks.clock.move(seconds=61)
    hooks.go_round()
    assert receiver.sequences == happened * 2
    assert len({one["id"] for one in receiver.deliveries}) == 1
    hook.refresh_from_db()
    assert hook.cursor == happened[-1]


def test_who_lost_the_lease_writes_nothing_down(hooks, receiver):
    hook = hooks.proven()
    hooks.happen()
    (slow,) = deliveries.claim(now=hooks.clock(), at_most=5)
    assert deliveries.claim(now=hooks.clock(), at_most=5) == []
    hooks.clock.move(seconds=61)
    (fast,) = deliveries.claim(now=hooks.clock(), at_most=5)
    deliveries.record(slow, posting.Reply(500), now=hooks.clock())
    hook.refresh_from_db()
    assert (hook.lease, hook.failures) == (fast.lease, 0)
    assert WebhookDelivery.objects.get().attempts == 0


def test_the_gaps_grow_and_are_spread(hooks):
    for failures, seconds in enumerate([*deliveries.GAPS_S, deliveries.GAPS_S[-1]], 1):
        drawn = {deliveries.gap(failures).total_seconds() for _ in range(20)}
        assert len(drawn) > 1
        assert all(0.8 * seconds <= one <= 1.2 * seconds for one in drawn)


def test_an_endpoint_that_fails_for_a_day_is_paused_with_one_event_and_one_mail_and_goes_on_where_it_stopped(
    hooks, receiver, mailoutbox
):
    staff(hooks.partner, "owner")
    hook = hooks.proven()
    happened = hooks.happen()
    receiver.status = 500
    hooks.go_round()
    hooks.clock.move(hours=23, minutes=59)
    hooks.go_round()
    hook.refresh_from_db()
    assert hook.state == "active"
    hooks.clock.move(hours=3, minutes=40)
    hooks.go_round()
    hook.refresh_from_db()
    assert (hook.state, hook.paused_reason, hook.paused_at) == ("paused", "failing", hooks.clock.now)
    hooks.clock.move(days=1)
    assert hooks.go_round() == 0
    assert recorded(hooks)[-1] == "webhook.paused"
    for _ in range(2):
        alerts.tell_of_paused_webhooks(now=hooks.clock())
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("Webhook paused: 127.0.0.1", ["owner@example.com"])
    receiver.forget()
    hooks.change(hook, paused=False)
    hooks.go_round()
    assert receiver.sequences == [*happened, happened[-1] + 1, happened[-1] + 2]
    assert receiver.names[-2:] == ["webhook.paused", "webhook.resumed"]


def test_gone_pauses_at_once(hooks, receiver):
    hook = hooks.proven()
    hooks.happen()
    receiver.status = 410
    hooks.go_round()
    hook.refresh_from_db()
    assert (hook.state, hook.paused_reason) == ("paused", "gone")


def test_a_slow_endpoint_holds_up_no_other(hooks, receiver, monkeypatch):
    monkeypatch.setattr(posting, "TIMEOUT_S", 60)
    with running() as other:
        hooks.proven()
        hooks.make(url=other.url)
        hooks.go_round()
        for one in (receiver, other):
            one.forget()
        hooks.happen(times=300)
        all_there, waited = Flag(), []

        def wait_for_the_other(_to):
            waited.append(all_there.wait(30))

        def answer(to):
            to.send_response(204)
            to.end_headers()
            if len(other.seen) == 3:
                all_there.set()

        receiver.write, other.write = wait_for_the_other, answer
        hooks.go_round()
        assert (len(other.sequences), waited) == (300, [True])


def test_a_secret_that_does_not_open_is_told_and_stops_nothing_else(hooks, receiver, settings):
    broken, sound = hooks.proven(), hooks.make()
    hooks.go_round()
    receiver.forget()
    type(broken).objects.filter(pk=broken.pk).update(secret=sound.secret)  # sealed for another row
    hooks.happen()
    hooks.go_round()
    broken.refresh_from_db()
    assert "secret does not open" in broken.last_error
    assert len(receiver.deliveries) == 1


def test_a_fault_of_ours_with_one_endpoint_is_no_fault_with_the_others(hooks, receiver, monkeypatch):
    unlucky = hooks.proven()
    hooks.make(url=f"{receiver.url}/2")
    hooks.go_round()
    receiver.forget()
    hooks.happen()
    really_post = posting.post

    def post(url, *args, **options):
        if url == unlucky.url:
            raise ZeroDivisionError
        return really_post(url, *args, **options)

    monkeypatch.setattr(posting, "post", post)
    hooks.go_round()
    unlucky.refresh_from_db()
    assert (len(receiver.deliveries), unlucky.failures, "our fault" in unlucky.last_error) == (1, 1, True)


# --- Heartbeats -------------------------------------------------------------------------------------------------------


def test_a_heartbeat_comes_after_a_quarter_of_an_hour_without_a_delivery(hooks, receiver):
    hook = hooks.proven()
    hooks.clock.move(minutes=14)
    assert hooks.go_round() == 0
    hooks.clock.move(minutes=2)
    assert (hooks.go_round(), hooks.go_round()) == (1, 0)
    (beat,) = receiver.deliveries
    assert beat["events"] == [
        {
            "name": "webhook.heartbeat", "at": "2026-06-15T12:16:00Z",
            "data": {"pending_events": 0, "last_sequence": hook.cursor},
        }
    ]  # fmt: skip
    assert is_ours(*receiver.seen[0], SECRET, hooks.clock.now.timestamp())
    assert not hook.deliveries.filter(created_at=hooks.clock.now).exists()


def test_a_heartbeat_that_gets_through_tells_of_the_backlog_and_brings_it(hooks, receiver):
    hook = hooks.proven("gateway.created")
    happened = hooks.happen("gateway.created", "key.created", times=3)
    receiver.status = 500
    for minutes in (0, 1, 2, 4, 15, 40):  # until the gap is longer than what a heartbeat waits
        hooks.clock.move(minutes=minutes)
        hooks.go_round()
    hook.refresh_from_db()
    assert (hook.failures, hook.due_at - hooks.clock.now > timedelta(minutes=45)) == (6, True)
    receiver.forget()
    hooks.clock.move(minutes=15)
    hooks.go_round()
    beat, delivery = receiver.deliveries
    assert beat["events"][0]["data"] == {"pending_events": 3, "last_sequence": happened[-1]}
    assert [event["sequence"] for event in delivery["events"]] == happened[:3]


def test_a_heartbeat_that_fails_does_not_put_off_what_happens(hooks, receiver):
    hook = hooks.proven()
    hooks.clock.move(minutes=16)
    receiver.status = 500
    hooks.go_round()
    hook.refresh_from_db()
    assert (hook.failing_since, hook.failures, hook.last_error) == (hooks.clock.now, 0, "HTTP 500")
    receiver.forget()
    hooks.happen()
    assert (hooks.go_round(), receiver.names) == (1, ["gateway.created"])


def test_an_endpoint_that_takes_heartbeats_and_refuses_a_delivery_is_paused_all_the_same(hooks, receiver):
    hook = hooks.proven()
    hooks.happen()

    def refuse_events(to):
        to.send_response(200 if b"webhook.heartbeat" in receiver.seen[-1][1] else 500)
        to.end_headers()

    receiver.write = refuse_events
    for _ in range(26):
        hooks.go_round()
        hooks.clock.move(hours=1)
    hook.refresh_from_db()
    assert (hook.state, hook.paused_reason) == ("paused", "failing")
    assert "webhook.heartbeat" in receiver.names


# --- The worker -------------------------------------------------------------------------------------------------------


def test_the_tick_delivers_what_is_due_and_forgets_what_is_old(hooks, receiver):
    hooks.clock.now = timezone.now()
    hook = hooks.make()
    tasks.deliver_webhooks()
    assert receiver.names == ["webhook.verified"]
    hook.deliveries.update(created_at=hooks.clock.now - timedelta(days=31))
    tasks.forget_deliveries()
    assert not hook.deliveries.exists()


# --- No end -----------------------------------------------------------------------------------------------------------


def test_webhooks_that_get_events_about_webhooks_make_no_more_of_them(hooks, receiver):
    hooks.proven()
    hooks.make()
    rounds = [hooks.go_round() for _ in range(4)]
    assert rounds[2:] == [0, 0]
    assert sorted(recorded(hooks)) == ["webhook.created"] * 2 + ["webhook.verified"] * 2
    receiver.status = 500
    hooks.happen()
    before = Event.objects.count()
    for _ in range(3):
        hooks.clock.move(hours=1)
        hooks.go_round()
    assert Event.objects.count() == before


def test_old_deliveries_and_secrets_are_forgotten(hooks, receiver):
    hook = hooks.proven()
    endpoints.renew_secret(endpoint=hook, by="test", now=hooks.clock())
    hooks.go_round()
    receiver.status = 500
    hooks.happen()
    hooks.go_round()
    deliveries.forget(now=hooks.clock() + timedelta(days=31))
    assert [one.status for one in WebhookDelivery.objects.all()] == ["under_way"]
    hook.refresh_from_db()
    assert (hook.previous_secret, hook.previous_until) == ("", None)


@pytest.mark.django_db(transaction=True)
def test_a_cursor_never_passes_an_event_that_is_still_to_come(hooks, receiver):
    """Whoever records holds the partner's lock until the end: a later sequence cannot be seen before an earlier one."""
    hook = hooks.proven()
    recorded_first, may_commit = Flag(), Flag()

    def slowly():
        with transaction.atomic():
            hooks.happen()
            recorded_first.set()
            may_commit.wait(60)
        connection.close()

    def quickly():
        recorded_first.wait(60)
        hooks.happen()
        connection.close()

    threads = [Thread(target=slowly), Thread(target=quickly)]
    for thread in threads:
        thread.start()
    recorded_first.wait(60)
    if connection.vendor == "postgresql":  # SQLite has one writer, and the round would wait for it
        assert hooks.go_round() == 0
    may_commit.set()
    for thread in threads:
        thread.join()
    hooks.go_round()
    assert receiver.sequences == [hook.cursor + 1, hook.cursor + 2]
