"""/api/v1/webhooks, as a partner's backend uses it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateways.models import Event, Partner
from gateways.oauth import scopes
from onboarding.api.webhooks import Webhooks
from onboarding.models import WebhookEndpoint
from onboarding.webhooks import deliveries
from tests import factories
from tests.api.calling import Api, backend, fields, problem
from tests.onboarding.webhooks.receiver import DOCUMENTED, SECRET

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(hooks) -> Api:
    hooks.clock.now = timezone.now() + timedelta(minutes=1)  # what views do now is due
    return backend(hooks.partner)


def errors(answer) -> tuple[int, list[str]]:
    return answer.status_code, fields(answer)


# --- Make and change --------------------------------------------------------------------------------------------------


def test_a_webhook_is_made_and_its_secret_shown_once(hooks, api, receiver):
    made = api.post("webhooks", {"url": receiver.url, "events": ["key.created"], "name": "Backend"})
    assert made.status_code == 201
    shown = made.json()
    assert made["Location"] == f"http://testserver/api/v1/webhooks/{shown['id']}"
    assert (shown["status"], shown["events"], len(shown["secret"]) >= 32) == ("pending", ["key.created"], True)
    found = api.get(made["Location"].removeprefix("http://testserver"))
    assert found.json() == {name: value for name, value in shown.items() if name != "secret"}
    assert [row["id"] for row in api.get("webhooks", {"status": "pending"}).json()["data"]] == [shown["id"]]
    assert api.get("webhooks", {"status": "active"}).json()["data"] == []
    receiver.secret = shown["secret"]
    assert api.post(f"webhooks/{shown['id']}/test").json()["status"] == "success"


def test_a_secret_that_was_given_is_not_said_back_and_stands_nowhere(api, receiver):
    made = api.post("webhooks", {"url": f"{receiver.url}?key=hush", "secret": SECRET})
    assert (made.status_code, made.json()["secret"], made.json()["events"]) == (201, None, ["*"])
    row = WebhookEndpoint.objects.get()
    assert SECRET not in str(vars(row))
    assert {SECRET, "hush"}.isdisjoint(str(list(Event.objects.values_list("data", flat=True))))
    for said in (SECRET, "hush"):
        assert not any(said in str(data) for data in Event.objects.values_list("data", flat=True))


@pytest.mark.parametrize(
    "body,expected",
    [
        ({}, (400, ["url"])),
        ({"url": "https://hooks.example/", "events": []}, (400, ["events"])),
        ({"url": "https://hooks.example/", "events": ["key.*"]}, (400, ["events.0"])),
        ({"url": "https://hooks.example/", "events": ["*", "key.created"]}, (422, ["events"])),
        ({"url": "https://hooks.example/", "secret": "short"}, (400, ["secret"])),
        ({"url": "https://hooks.example/", "secret": "with blanks in it, though long enough"}, (422, ["secret"])),
        ({"url": "http://hooks.example/"}, (422, ["url"])),
        ({"url": "https://inside.example/"}, (422, ["url"])),
        ({"url": "https://nowhere.example/"}, (422, ["url"])),
        ({"url": "https://hooks.example/", "active": True}, (400, ["active"])),
    ],
)
def test_what_cannot_be_is_refused(names, body, expected):
    names.of |= {"hooks.example": ["8.8.8.8"], "inside.example": ["8.8.8.8", "10.0.0.1"]}
    production = factories.partner(environment=Partner.Environment.PRODUCTION)
    assert errors(backend(production).post("webhooks", body)) == expected
    assert not WebhookEndpoint.objects.exists()


def test_a_partner_has_so_many_webhooks_and_no_more(hooks, api, receiver):
    hooks.make("key.created")
    for _ in range(19):
        hooks.make()
    refused = api.post("webhooks", {"url": receiver.url})
    assert (refused.status_code, "at most 20" in refused.json()["detail"]) == (422, True)
    hooks.happen("key.created")
    with CaptureQueriesContext(connection) as asked:
        rows = api.get("webhooks").json()["data"]
    assert [row["pending_events"] for row in rows] == [1, *range(19, 0, -1)]
    assert sum(Event._meta.db_table in query["sql"] for query in asked) == 1


def test_a_webhook_is_changed_paused_and_resumed(hooks, api, receiver):
    hook = hooks.proven()
    path = f"webhooks/{hook.uid}"
    changed = api.patch(path, {"events": ["key.created"], "name": "Two", "paused": True}).json()
    assert (changed["events"], changed["name"], changed["status"], changed["paused_reason"]) == (
        ["key.created"], "Two", "paused", "by_hand",
    )  # fmt: skip
    hooks.happen("key.created")
    assert hooks.go_round() == 0
    assert api.get(path).json()["pending_events"] == 1
    assert api.patch(path, {"paused": False}).json()["status"] == "active"
    hooks.go_round()
    assert receiver.names == ["key.created"]
    told = Event.objects.filter(name__startswith="webhook.", subject=f"webhook:{hook.uid}")
    names = list(told.values_list("name", flat=True).order_by("sequence"))
    assert names[2:] == ["webhook.changed", "webhook.paused", "webhook.resumed"]
    assert told.get(name="webhook.changed").actor.startswith("client:")
    before = Event.objects.count()
    api.patch(path, {"name": "Two", "paused": False})
    assert Event.objects.count() == before  # nothing changed, nothing is told


def test_a_new_address_is_checked_as_the_first_was(hooks, api, names):
    names.of["meta.example"] = ["169.254.169.254"]
    hook = hooks.make()
    refused = api.patch(f"webhooks/{hook.uid}", {"url": "http://meta.example/latest"})
    assert errors(refused) == (422, ["url"])
    hook.refresh_from_db()
    assert hook.url == hooks.receiver.url


def test_another_secret_signs_and_the_one_before_for_as_long_as_was_said(hooks, api, receiver):
    hook = hooks.proven()
    renewed = api.post(f"webhooks/{hook.uid}/secret", {"previous_valid_hours": 0}).json()
    assert renewed["previous_secret_valid_until"] is None
    api.post(f"webhooks/{hook.uid}/test")
    ((headers, body),) = receiver.seen
    at = int(headers["Portal-Timestamp"])
    assert DOCUMENTED["is_ours"](headers, body, renewed["secret"], at)
    assert not DOCUMENTED["is_ours"](headers, body, SECRET, at)
    given = api.post(f"webhooks/{hook.uid}/secret", {"secret": SECRET}).json()
    assert (given["secret"], given["previous_secret_valid_until"] is None) == (None, False)
    assert errors(api.post(f"webhooks/{hook.uid}/secret", {"previous_valid_hours": 169})) == (
        400, ["previous_valid_hours"],
    )  # fmt: skip


def test_a_deleted_webhook_is_gone_and_that_is_told(hooks, api, monkeypatch):
    hook = hooks.proven()
    assert api.delete(f"webhooks/{hook.uid}").status_code == 204
    assert api.get(f"webhooks/{hook.uid}").status_code == 404
    monkeypatch.setattr(Webhooks, "get_object", lambda _view: hook)  # as if it were deleted in this very moment
    assert problem(api.patch(f"webhooks/{hook.uid}", {"paused": True})) == (404, "not-found")
    assert Event.objects.filter(partner=hooks.partner, name="webhook.deleted").count() == 1


# --- Test, replay, deliveries -----------------------------------------------------------------------------------------


def test_a_test_call_tells_what_came_of_it(hooks, api, receiver):
    hook = hooks.proven()
    receiver.status, receiver.body = 500, b"no\nluck"
    failed = api.post(f"webhooks/{hook.uid}/test").json()
    assert failed.pop("duration_ms") >= 0
    assert failed == {"status": "failure", "sent": "test", "code": 500, "body": "no luck", "error": "HTTP 500"}
    assert receiver.names == ["webhook.test"]
    hook.refresh_from_db()
    assert (hook.failures, hook.state) == (0, "active")
    hooks.change(hook, url=f"http://127.0.0.1:{receiver.port}/other")
    receiver.forget()
    assert api.post(f"webhooks/{hook.uid}/test").json()["sent"] == "challenge"
    assert api.get(f"webhooks/{hook.uid}").json()["status"] == "active"


@pytest.mark.parametrize("reason,state", [("failing", "active"), ("gone", "active"), ("by_hand", "paused")])
def test_a_test_call_that_succeeds_resumes_what_we_paused_and_not_what_people_did(hooks, api, reason, state):
    hook = hooks.proven()
    deliveries.pause(hook, reason, by="test", now=hooks.clock())
    hook.save()
    api.post(f"webhooks/{hook.uid}/test")
    assert api.get(f"webhooks/{hook.uid}").json()["status"] == state


def test_events_are_replayed_and_deliveries_listed(hooks, api, receiver):
    hook = hooks.proven("key.created")
    first, second = hooks.happen("key.created", times=2)
    hooks.go_round()
    set_back = api.post(f"webhooks/{hook.uid}/replay", {"after": first}).json()
    assert (set_back["after"], set_back["pending_events"]) == (first, 1)
    hooks.go_round()
    assert receiver.sequences == [first, second, second]
    rows = api.get(f"webhooks/{hook.uid}/deliveries").json()["data"]
    assert [(row["status"], row["count"], row["attempts"], row["code"], row["body"]) for row in rows] == [
        ("delivered", 1, 1, 200, "ok"), ("delivered", 2, 1, 200, "ok"),
    ]  # fmt: skip
    assert [row["id"] for row in rows] == [one["id"] for one in reversed(receiver.deliveries)]
    assert api.post(f"webhooks/{hook.uid}/replay", {}).status_code == 422
    assert api.post(f"webhooks/{hook.uid}/replay", {"after": 10_000}).status_code == 422


# --- Whose ------------------------------------------------------------------------------------------------------------


def test_another_partner_and_a_client_without_the_scope_reach_nothing(hooks, receiver):
    hook = hooks.proven()
    stranger, narrow = backend(factories.partner()), backend(hooks.partner, scopes.EVENTS_READ)
    path = f"webhooks/{hook.uid}"
    assert stranger.get("webhooks").json()["data"] == []
    for api, status in ((stranger, 404), (narrow, 403)):
        answers = [
            api.get(path), api.get(f"{path}/deliveries"), api.patch(path, {"paused": True}), api.delete(path),
            api.post(f"{path}/test"), api.post(f"{path}/secret"), api.post(f"{path}/replay", {"after": 0}),
        ]  # fmt: skip
        assert {answer.status_code for answer in answers} == {status}
    hook.refresh_from_db()
    assert (hook.state, receiver.seen) == ("active", [])
