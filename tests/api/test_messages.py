"""The outbox through the API: what is held or waits, what SEN said, and what is done about it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from gateways import actions
from gateways.models import Client, Event, Gateway
from gateways.oauth import grants
from ingest import outbox, sharing
from ingest.models import Attempt, GatewayQueue, Message
from tests import factories
from tests.api.calling import Api, backend, problem, token_of
from tests.factories import NOW
from tests.ingest import queues
from tests.oauth.world import make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue():
    """Three messages wait, the oldest is held."""
    filled = queues.filled(3)
    outcome = outbox.Outcome(queues.claim())
    first = outcome.claim.messages[0].id
    outcome.refused.append((first, "HTTP 400 unknown field"))
    outcome.error = "HTTP 400 unknown field"
    outcome.attempts.append(
        Attempt(message_id=first, at=NOW, outcome="refused", status=400, body="unknown field", duration_ms=84)
    )
    outbox.record([outcome], vendors={}, now=NOW)
    filled.refresh_from_db()
    return filled


@pytest.fixture
def held(queue):
    return Message.objects.get(state="held")


@pytest.fixture
def api(queue):
    return backend(queue.gateway.partner)


def ids(api, **query):
    return [row["id"] for row in api.get("messages", query).json()["data"]]


def test_held_messages_say_why_and_what_sen_said(api, held):
    (row,) = api.get("messages").json()["data"]
    assert {name: row[name] for name in ("id", "gateway", "sn", "status", "held_reason", "points")} == {
        "id": held.pk, "gateway": held.gateway.serial, "sn": held.der.sn, "status": "held",
        "held_reason": "HTTP 400 unknown field", "points": 1,
    }  # fmt: skip
    assert api.get(f"messages/{held.pk}").json() == row
    assert api.get(f"messages/{held.pk}/attempts").json()["data"] == [
        {"at": "2026-06-15T12:00:00Z", "outcome": "refused", "code": 400, "body": "unknown field", "duration_ms": 84}
    ]
    assert "payload" not in row  # readings need another scope


def test_waiting_messages_are_listed_gateway_by_gateway(api, queue):
    refused = api.get("messages", {"status": "waiting"})
    assert problem(refused) == (400, "invalid-request")
    assert refused.json()["errors"][0]["field"] == "gateway"
    waiting = list(Message.objects.filter(state="waiting").order_by("pk").values_list("pk", flat=True))
    assert ids(api, status="waiting", gateway=queue.gateway.serial) == waiting
    assert ids(api, gateway="none-0123456789abcdef") == []


def test_delivered_messages_are_not_looked_for_in_the_whole_table(api, queue):
    refused = api.get("messages", {"status": "delivered", "gateway": queue.gateway.serial})
    assert problem(refused) == (400, "invalid-request")
    assert "counted in the gateway's queue" in refused.json()["detail"]


def test_a_held_message_goes_back_into_its_queue(api, held):
    at = f"messages/{held.pk}/retry"
    again = api.post(at).json()
    assert (again["status"], again["held_reason"], again["done_at"]) == ("waiting", "", None)
    assert ids(api) == []
    assert queues.waiting(GatewayQueue.objects.get()) == 3
    assert problem(api.post(at)) == (409, "conflict")
    assert Event.objects.filter(name="message.retried").count() == 1


def test_a_queue_tells_how_much_waits_and_why(api, queue):
    at = f"gateways/{queue.gateway.serial}/queue"
    row = api.get(at).json()
    assert (row["waiting"], row["why_waiting"], row["oldest_at"]) == (2, "", "2026-06-15T12:00:00Z")
    (key,) = queue.gateway.keys.all()
    actions.ban_key(key=key, reason="leaked", by="test", now=NOW)
    assert "Rotate the key" in api.get(at).json()["why_waiting"]


def test_a_queue_is_held_released_and_pushed(api, queue):
    at = f"gateways/{queue.gateway.serial}/queue"
    assert problem(api.post(f"{at}/release")) == (409, "conflict")
    assert api.post(f"{at}/hold").status_code == 400
    held = api.post(f"{at}/hold", {"reason": "the meter is replaced"}).json()
    assert (held["held_reason"], held["why_waiting"]) == ("the meter is replaced", "the meter is replaced")
    assert problem(api.post(f"{at}/push")) == (409, "conflict")
    assert api.post(f"{at}/release").json()["held_at"] is None
    GatewayQueue.objects.update(due_at=queues.after(10**9), failures=4)
    assert api.post(f"{at}/push").json()["due_at"] < "2050"
    names = Event.objects.filter(name__startswith="queue.").order_by("sequence").values_list("name", "actor")
    assert [(name, actor.split(":")[0]) for name, actor in names] == [
        ("queue.held", "client"), ("queue.released", "client")
    ]  # fmt: skip


def test_queues_are_found_by_what_is_wrong_with_them(api, queue):
    of_type = queue.gateway.gateway_type
    held, silent = queues.filled(1, of_type), queues.filled(1, of_type)
    outbox.hold_queue(gateway=held.gateway, reason="maintenance", by="test", now=NOW)
    GatewayQueue.objects.filter(pk=silent.pk).update(waiting=0, failures=2)
    (key,) = queue.gateway.keys.all()
    actions.ban_key(key=key, reason="leaked", by="test", now=NOW)
    queues.filled(1)  # another partner's

    def found(**query):
        return {row["gateway"]: row["why_waiting"][:11] for row in api.get("queues", query).json()["data"]}

    ours, theirs, idle = (one.gateway.serial for one in (queue, held, silent))
    assert found() == {ours: "The gateway", theirs: "maintenance", idle: ""}
    assert set(found(held="true")) == {theirs}
    assert set(found(held="false")) == {ours, idle}
    assert set(found(failing="true")) == {idle}
    assert set(found(waits="true", held="false")) == {ours}
    page = api.get("queues", {"limit": 1}).json()
    assert [row["gateway"] for row in page["data"]] == [ours]
    rest = api.get("queues", {"cursor": page["next_cursor"]}).json()["data"]
    assert [row["gateway"] for row in rest] == [theirs, idle]


def test_a_gateway_for_which_nothing_was_ever_to_be_sent_has_an_empty_queue(api, queue):
    at = f"gateways/{factories.gateway(queue.gateway.gateway_type).serial}/queue"
    row = api.get(at).json()
    assert (row["waiting"], row["delivered"], row["why_waiting"], row["due_at"]) == (0, 0, "", None)
    assert problem(api.post(f"{at}/push")) == (409, "conflict")
    assert not GatewayQueue.objects.filter(gateway__serial=row["gateway"]).exists()


def test_a_queue_can_be_held_before_anything_is_in_it(api, queue):
    gateway = factories.active_gateway(queue.gateway.gateway_type)
    held = api.post(f"gateways/{gateway.serial}/queue/hold", {"reason": "not yet"}).json()
    assert (held["held_reason"], held["why_waiting"], held["waiting"]) == ("not yet", "not yet", 0)
    queues.filled(1, gateway=gateway)
    assert gateway.pk not in {claim.gateway_id for claim in outbox.claim_due(now=queues.after(60))}


def test_another_partners_outbox_is_not_there(queue, held):
    api, at = backend(), f"gateways/{queue.gateway.serial}/queue"
    answers = [
        api.get(f"messages/{held.pk}"), api.get(f"messages/{held.pk}/attempts"), api.post(f"messages/{held.pk}/retry"),
        api.get(at), api.post(f"{at}/hold", {"reason": "x"}), api.post(f"{at}/release"), api.post(f"{at}/push"),
    ]  # fmt: skip
    assert {problem(one) for one in answers} == {(404, "not-found")}
    assert ids(api) == ids(api, gateway=queue.gateway.serial) == []
    held.refresh_from_db()
    assert held.state == "held"


def test_a_client_for_rewards_sees_the_outbox_of_homes_that_send(queue, held):
    rewards = backend(queue.gateway.partner, purpose=Client.Purpose.REWARDS)
    assert ids(rewards) == [held.pk]
    system = queue.gateway.system
    system.sends = False
    system.save()
    assert ids(rewards) == []
    assert problem(rewards.get(f"messages/{held.pk}/attempts")) == (404, "not-found")


def test_an_app_sees_the_messages_of_devices_that_its_homeowner_lets_it_see(queue, held):
    anna, home = User.objects.create_user("anna"), queue.gateway
    Gateway.objects.filter(pk=home.pk).update(owner=anna)
    app, _secret = make_app(home.partner)
    for kinds, seen in (["meter"], []), (["meter", "pv"], [held.pk]):
        grants.give(user=anna, client=app, gateways=[home], scopes=["gateways:read"], kinds=kinds, now=NOW)
        api = Api(token_of(app, anna))
        assert ids(api) == seen
        assert api.get(f"messages/{held.pk}/attempts").status_code == (200 if seen else 404)
    sharing.withhold(connection=home.system.connection, kinds=["pv"], by="test", now=NOW)
    assert ids(api) == ids(backend(home.partner)) == []


def test_a_client_that_reads_changes_nothing(queue, held):
    reader, at = backend(queue.gateway.partner, "gateways:read"), f"gateways/{queue.gateway.serial}/queue"
    assert reader.get(at).status_code == 200
    answers = [reader.post(f"messages/{held.pk}/retry"), reader.post(f"{at}/hold", {"reason": "x"})]
    assert {problem(one) for one in answers} == {(403, "insufficient-scope")}
