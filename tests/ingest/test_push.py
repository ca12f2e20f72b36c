"""Claim, sign, send, record: against a server on loopback."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateways import actions, vault
from gateways.models import GatewayKey
from ingest import outbox, push
from ingest.models import Attempt, GatewayQueue, Message, Tally
from ingest.sen import client
from tests import factories
from tests.factories import NOW
from tests.ingest.queues import add, filled, states, waiting
from tests.ingest.sen import receiver as stand_in
from tests.ingest.sen.receiver import Reply
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db


@pytest.fixture
def sen(settings, monkeypatch):
    """A stand-in for SEN on loopback, where the sandbox's would be."""
    with stand_in.running() as running:
        settings.SANDBOX_URL = running.url.removesuffix("/gw/data/")
        monkeypatch.setattr(push, "_threads", threading.local())  # connections of other tests lead elsewhere
        yield running


def drain(*, until=math.inf, gateway_id=None):
    return push.push_due(clock=lambda: NOW, until=until, gateway_id=gateway_id)


def sent(body):
    return jwt.decode_complete(body, options={"verify_signature": False})


def answering(replies):
    """Answer by the W of the message's only point, e.g. {-1: Reply(500)}, else with 200."""

    def reply(body):
        (point,) = sent(body)["payload"].values()
        return replies.get(point["W"], stand_in.OK)

    return reply


def test_what_is_delivered_was_signed_by_the_gateways_key(sen):
    queue = filled(2)
    assert drain() == 2
    assert (states(queue), waiting(queue)) == (["delivered"] * 2, 0)
    key = queue.gateway.keys.get()
    numbers = ec.EllipticCurvePublicNumbers(int(key.public_key[:64], 16), int(key.public_key[64:], 16), ec.SECP256R1())
    for body, payload in zip(sen.bodies, Message.objects.order_by("id").values_list("payload", flat=True), strict=True):
        token = jwt.decode_complete(body, numbers.public_key(), algorithms=["ES256"])
        assert token["header"] == {
            "alg": "ES256", "typ": "JWT", "device": queue.gateway.serial, "opr": "testing",
            "model": "partner_cloud", "dtype": "json", "sn": queue.gateway.system.ders.get().sn,
        }  # fmt: skip
        assert list(token["payload"]) == [payload.split('"')[1]]


def test_model_and_dtype_are_those_of_the_type_and_production_says_so(sen, settings):
    settings.SEN_DATA_URL = f"{sen.url}live/"
    of_type = factories.gateway_type(factories.partner(environment="production"), model="acme", dtype="rest_api_json")
    filled(1, of_type)
    assert drain() == 1
    ((_, path, _, body),) = sen.got
    header = sent(body)["header"]
    assert (path, header["opr"], header["model"], header["dtype"]) == (
        "/gw/data/live/", "production", "acme", "rest_api_json",
    )  # fmt: skip


def test_a_global_key_signs_for_all_gateways_of_its_type(sen):
    of_type = factories.gateway_type(key_strategy="global")
    filled(1, of_type), filled(1, of_type)
    assert drain() == 2
    assert GatewayKey.objects.count() == 1
    assert len({sent(body)["header"]["device"] for body in sen.bodies}) == 2


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 304, 408, 425, 429, 500, 502, 503, 599])
def test_what_is_neither_200_nor_a_refusal_waits_and_is_tried_again(sen, status):
    queue = filled(2)
    sen.reply = lambda _: Reply(status)
    assert drain() == 0
    assert (waiting(queue), queue.failures, len(sen.got)) == (2, 1, 1)
    assert queue.last_error == f"HTTP {status}"
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.outcome) == (status, "throttled" if status == 429 else "unavailable")


@pytest.mark.parametrize("reply", [Reply(reset=True), Reply(raw=b"junk\r\n\r\n"), Reply(delay_s=30)])
def test_no_answer_waits_and_is_tried_again(sen, reply, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT_MS", 200)
    queue = filled(2)
    sen.reply = lambda _: reply
    assert drain() == 0
    assert (waiting(queue), queue.failures) == (2, 1)
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.outcome) == (None, "unavailable")
    assert attempt.body.startswith("no answer: ")


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422, 451])
def test_a_message_that_sen_refuses_is_held_and_the_next_one_goes(sen, status):
    queue = filled(3)
    sen.reply = answering({-1: Reply(status, b"payload: \x00 no")})
    assert drain() == 2
    assert (states(queue), waiting(queue)) == (["delivered", "held", "delivered"], 0)
    held = Message.objects.get(state="held")
    assert held.held_reason == f"SEN answered HTTP {status} payload:  no"
    assert Attempt.objects.get().message_id == held.pk


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_sen_does_not_take_holds_the_queue(sen, status):
    queue = filled(3)
    sen.reply = answering({-1: Reply(status, b"unknown key")})
    assert drain() == 1
    assert (states(queue), waiting(queue), len(sen.got)) == (["delivered", "waiting", "waiting"], 2, 2)
    assert queue.held_reason.startswith(f"SEN answered HTTP {status} unknown key. Register the gateway's key")
    assert drain() == 0
    assert len(sen.got) == 2


def test_a_queue_goes_on_after_the_key_was_rotated(sen):
    queue = filled(2)
    sen.reply = lambda _: Reply(403)
    drain()
    actions.rotate_key(owner=queue.gateway, by="test", now=NOW)
    later = NOW.replace(hour=13)
    key = actions.activate_key(owner=queue.gateway, by="test", now=later)
    outbox.release_rekeyed(now=later)
    sen.reply = lambda _: stand_in.OK
    assert push.push_due(clock=lambda: later, until=math.inf) == 2
    assert key.state == "active"


def test_the_head_of_a_queue_makes_its_own_gateway_wait_and_no_other(sen):
    of_type = factories.gateway_type()
    failing, other = filled(3, of_type), filled(3, of_type)
    serial = failing.gateway.serial
    sen.reply = lambda body: Reply(503 if sent(body)["header"]["device"] == serial else 200)
    assert drain() == 3
    assert (waiting(failing), waiting(other)) == (3, 0)


def test_more_than_a_batch_is_sent_in_the_order_it_came(sen, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 6)
    of_type = factories.gateway_type()
    queues = [filled(10, of_type) for _ in range(3)]
    assert drain() == 30
    for queue in queues:
        tokens = [sent(body) for body in sen.bodies]
        mine = [token["payload"] for token in tokens if token["header"]["device"] == queue.gateway.serial]
        assert [list(payload) for payload in mine] == [[str(1000 * number)] for number in range(10)]


def test_connections_are_kept_open_between_batches(sen, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 2)
    filled(10)
    assert drain() == 10
    assert len(sen.connections) == 1


def test_when_time_is_over_the_rest_stays_for_the_next_slice(sen, monkeypatch):
    queue, clock = filled(50), SimpleNamespace(monotonic=lambda: len(sen.got))  # each message takes a second
    monkeypatch.setattr(push, "time", clock)
    monkeypatch.setattr(client, "time", clock)
    assert drain(until=10) == 10
    assert (waiting(queue), queue.lease, queue.failures) == (40, None, 0)
    assert drain() == 40
    assert len(sen.got) == 50


def test_a_batch_ends_before_its_lease(sen, monkeypatch):
    monkeypatch.setattr(push, "_BATCH_S", 0.1)
    filled(8)
    sen.reply = lambda _: Reply(delay_s=0.03)
    claims = []
    real = outbox.claim_due

    def count(**given):
        claims.append(given)
        return real(**given)

    monkeypatch.setattr(outbox, "claim_due", count)
    assert drain() == 8
    assert len(claims) >= 3


def test_a_key_the_vault_cannot_open_holds_the_queue_and_no_other(sen):
    broken, other = filled(2), filled(1)
    GatewayKey.objects.filter(gateway=broken.pk).update(uri=GatewayKey.objects.get(gateway=other.pk).uri)
    assert drain() == 1
    assert waiting(broken) == 2
    assert broken.held_reason.startswith("The vault cannot sign: ")
    assert len(sen.got) == 1


def test_a_signer_that_fails_in_the_middle_holds_its_queue_and_no_other(sen, monkeypatch):
    broken, other = filled(2), filled(2)
    real = vault.signer_for

    class Failing:
        public_key = ""

        def sign(self, message):
            raise vault.VaultError("the key store does not answer")

    bad = GatewayKey.objects.get(gateway=broken.pk).public_key
    monkeypatch.setattr(vault, "signer_for", lambda uri, public: Failing() if public == bad else real(uri, public))
    assert drain() == 2
    assert (waiting(broken), waiting(other)) == (2, 0)
    assert broken.held_reason == "The vault cannot sign: the key store does not answer"


def test_a_gateway_suspended_after_its_queue_was_claimed_still_signs_what_was_under_way(sen, monkeypatch):
    queue = filled(1)
    real = outbox.claim_due

    def suspend_then_go(**given):
        claims = real(**given)
        if claims:
            actions.suspend_gateway(gateway=queue.gateway, by="test", now=NOW)
        return claims

    monkeypatch.setattr(outbox, "claim_due", suspend_then_go)
    assert drain() == 1


def test_a_key_banned_after_the_claim_signs_nothing(sen, monkeypatch):
    queue = filled(1)
    real = outbox.claim_due

    def ban_then_go(**given):
        claims = real(**given)
        if claims:
            actions.ban_key(key=queue.gateway.keys.get(), reason="stolen", by="test", now=NOW)
        return claims

    monkeypatch.setattr(outbox, "claim_due", ban_then_go)
    assert drain() == 0
    assert sen.got == []
    assert waiting(queue) == 1
    assert queue.held_reason.startswith("The gateway lost its active key")


def test_a_crash_before_recording_sends_again_and_the_repeat_is_the_same_token(sen, monkeypatch):
    queue = filled(2)
    real = outbox.record
    monkeypatch.setattr(outbox, "record", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        drain()
    assert waiting(queue) == 2
    monkeypatch.setattr(outbox, "record", real)
    later = NOW + outbox.LEASE * 2
    assert push.push_due(clock=lambda: later, until=math.inf) == 2
    assert sen.bodies[:2] == sen.bodies[2:]


def test_tries_are_counted_by_vendor_and_outcome(sen):
    filled(2)
    sen.reply = answering({-1: Reply(400)})
    drain()
    assert set(Tally.objects.values_list("kind", "vendor", "outcome", "count")) == {
        ("push", "solis", "delivered", 1),
        ("push", "solis", "refused", 1),
    }


@pytest.mark.django_db(transaction=True)
def test_workers_that_push_at_once_deliver_each_message_once_and_each_gateway_in_order(sen, monkeypatch):
    needs_several_writers()
    monkeypatch.setattr(outbox, "MAX_QUEUES", 3)
    monkeypatch.setattr(outbox, "BATCH", 9)
    of_type = factories.gateway_type()
    queues = [filled(20, of_type) for _ in range(8)]
    first = queues[0].gateway

    def feed():
        add(first, first.system.ders.get().pk, 20)
        return 0

    delivered = at_once(drain, drain, drain, feed)
    assert sum(delivered) + drain() == len(sen.got) == 180
    tokens = [sent(body) for body in sen.bodies]
    for queue in queues:
        mine = [token["payload"] for token in tokens if token["header"]["device"] == queue.gateway.serial]
        assert [int(*payload) for payload in mine] == [1000 * number for number in range(len(mine))]
        assert waiting(queue) == 0
    assert not GatewayQueue.objects.filter(lease__isnull=False).exists()


def test_a_queue_that_counts_messages_it_does_not_have_is_given_back_and_logged(sen, caplog):
    queue = filled(1)
    Message.objects.update(state=Message.State.DELIVERED, done_at=NOW)  # behind the outbox's back
    assert drain() == 0
    queue.refresh_from_db()
    assert queue.lease is None
    assert "queues count messages they do not have" in caplog.text
