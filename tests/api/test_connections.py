"""Accounts at vendors through the API: connected, watched, given new keys, let go."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from gateways.models import Event
from ingest import connections, credentials
from ingest.models import Connection, PullRun
from onboarding import enrollments, invitations
from onboarding.models import Enrollment, JoinPage
from tests import factories
from tests.api.calling import backend, fields, problem
from tests.clouds import clouds, running_clouds
from tests.factories import NOW

__all__ = ["clouds", "running_clouds"]

pytestmark = pytest.mark.django_db

KEYS = {"key_id": "sandbox-key", "key_secret": "sandbox-secret"}
WRONG = {**KEYS, "key_secret": "mistyped-4711"}
OWN = {"vendor": "solis", "label": "Fleet north", "secrets": KEYS}


@pytest.fixture
def partner():
    return factories.partner()


@pytest.fixture
def api(partner):
    return backend(partner)


@pytest.fixture
def account(partner):
    return connect(partner)


def connect(partner, key_id="sandbox-key", **more):
    given = {"secrets": {**KEYS, "key_id": key_id}, "vendor": "solis", "label": "Fleet", **more}
    return connections.connect(partner=partner, by="test", now=NOW, **given)


def events_of(account):
    events = Event.objects.filter(subject=f"connection:{account.uid}").order_by("sequence")
    return list(events.values_list("name", flat=True))


def listed(api, **query):
    return [row["label"] for row in api.get("connections", query).json()["data"]]


# --- Connecting -------------------------------------------------------------------------------------------------------


def test_an_account_is_connected_with_its_own_keys_and_read_at_once(clouds, api):
    made = api.post("connections", OWN)
    assert made.status_code == 201, made.content
    row = made.json()
    shown = {name: row[name] for name in ("vendor", "type", "label", "status", "credential", "has_owner")}
    assert shown == {
        "vendor": "solis", "type": "apikeysecret", "label": "Fleet north", "status": "active", "credential": None,
        "has_owner": False,
    }  # fmt: skip
    assert (row["health"]["failures"], row["system_count"]) == (0, 0)
    assert row["health"]["next_pull_at"] is not None
    assert api.get(made["Location"].removeprefix("http://testserver")).json() == row
    assert b"sandbox-" not in made.content
    assert problem(api.post("connections", OWN)) == (422, "refused")


def test_an_account_is_connected_with_a_credential_of_the_partner(clouds, api, partner):
    fleet = credentials.add(partner=partner, vendor="solis", name="Fleet", secrets=KEYS, by="test", now=NOW)
    made = api.post("connections", {"vendor": "solis", "label": "A", "credential": str(fleet.uid)})
    assert made.json()["credential"] == str(fleet.uid)
    fleet = credentials.add(partner=partner, vendor="solis", name="Wrong", secrets=WRONG, by="test", now=NOW)
    refused = api.post("connections", {"vendor": "solis", "label": "B", "credential": str(fleet.uid)})
    assert problem(refused) == (403, "vendor-auth-failed")
    assert listed(api) == ["A"]


@pytest.mark.parametrize(
    "wrong,expected,words",
    [
        ({"secrets": None}, 400, "secrets"),
        ({"vendor": "tesla"}, 400, "vendor"),
        ({"label": ""}, 400, "label"),
        ({"type": "nothing"}, 422, "type"),
        ({"vendor": "enphase"}, 422, "by its owner's consent"),
        ({"credential": "no uuid"}, 400, "credential"),
    ],
)
def test_what_cannot_be_connected_is_refused_before_any_vendor_is_asked(api, wrong, expected, words):
    refused = api.post("connections", {**OWN, **wrong})
    assert refused.status_code == expected, refused.content
    assert words in f"{fields(refused)} {refused.json()['detail']}"
    assert not Connection.objects.exists()


def test_keys_and_a_credential_do_not_go_together_and_one_is_needed(api, partner):
    fleet = credentials.add(partner=partner, vendor="solis", name="Fleet", secrets=KEYS, by="test", now=NOW)
    both = api.post("connections", {**OWN, "credential": str(fleet.uid)})
    neither = api.post("connections", {"vendor": "solis", "label": "A"})
    assert {problem(both), problem(neither)} == {(422, "refused")}
    foreign = credentials.add(
        partner=factories.partner(), vendor="solis", name="Fleet", secrets=KEYS, by="test", now=NOW
    )
    assert problem(api.post("connections", {"vendor": "solis", "label": "A", "credential": str(foreign.uid)})) == (
        400, "invalid-request"
    )  # fmt: skip


def test_a_key_that_the_vendor_refuses_connects_nothing(clouds, api):
    refused = api.post("connections", {**OWN, "secrets": WRONG})
    assert problem(refused) == (403, "vendor-auth-failed")
    assert b"mistyped" not in refused.content
    assert not Connection.objects.exists()


def test_an_account_of_a_homeowner_is_told_without_their_address(clouds, api, partner, django_user_model):
    owner = django_user_model.objects.create_user("anna", "anna@home.example")
    known = connect(partner, label="anna@home.example", owner=owner)
    refused = api.post("connections", OWN)
    assert problem(refused) == (422, "refused")
    assert str(known.uid) in refused.json()["detail"]
    assert b"anna@" not in refused.content


def test_a_mistyped_key_does_not_replace_the_one_before(clouds, api, account):
    connections.mark_needs_reconnect(connection=account, reason="refused", now=NOW)
    at = f"connections/{account.uid}"
    assert api.get(at).json()["health"]["needs_reconnect_at"] == "2026-06-15T12:00:00Z"
    sealed = Connection.objects.get().secrets
    assert problem(api.post(f"{at}/reconnect", {"secrets": WRONG})) == (403, "vendor-auth-failed")
    assert Connection.objects.get().secrets == sealed
    again = api.post(f"{at}/reconnect", {"secrets": KEYS}).json()
    assert (again["status"], again["health"]["needs_reconnect_at"]) == ("active", None)
    assert events_of(account)[-1] == "connection.recovered"


# --- What there is ----------------------------------------------------------------------------------------------------


def test_accounts_are_found_by_vendor_status_and_the_partners_own_reference(api, partner, django_user_model):
    owner = django_user_model.objects.create_user("anna", "anna@home.example")
    anna = connect(partner, label="anna@home.example", owner=owner)
    paused = connect(partner, "other-key", label="Paused")
    connections.pause(connection=paused, by="test", now=NOW)
    connect(partner, label="Sunny", vendor="solaredge", scheme="apikey", secrets={"api_key": "k" * 32})
    kind = factories.gateway_type(partner)
    JoinPage.objects.create(partner=partner, gateway_type=kind, support_email="help@sunny.example")
    invited, _ = invitations.invite(
        partner=partner, email="anna@home.example", user_reference="c-1", by="test", now=NOW
    )
    invitations.accept(invitation=invited, user=owner, now=NOW)
    assert listed(api) == [None, "Paused", "Sunny"]
    assert listed(api, vendor="solaredge") == ["Sunny"]
    assert listed(api, status="paused") == ["Paused"]
    assert [row["id"] for row in api.get("connections", {"user_reference": "c-1"}).json()["data"]] == [str(anna.uid)]
    assert listed(api, user_reference="c-2") == []
    answer = api.get("connections")
    assert [(row["user_reference"], row["has_owner"]) for row in answer.json()["data"]] == [
        ("c-1", True), ("", False), ("", False)
    ]  # fmt: skip
    assert b"home.example" not in answer.content


def test_the_newest_enrollment_says_whose_an_account_is(site, client):
    site.join(client, user="customer-7")
    api, at = backend(site.partner), f"connections/{Connection.objects.get().uid}"
    assert api.get(at).json()["user_reference"] == "customer-7"
    api.delete(at)
    assert api.get(at).json()["user_reference"] == "customer-7"
    enrollments.settle(now=timezone.now(), until=math.inf)
    site.join(client, user="customer-8")
    assert api.get(at).json()["user_reference"] == "customer-8"
    Enrollment.objects.filter(user_reference="customer-8").update(user_reference="")
    assert api.get(at).json()["user_reference"] == ""


def test_health_tells_what_went_wrong(api, account):
    Connection.objects.update(
        failures=3, last_error="HTTP 503", last_error_at=NOW, refused_parts={"battery": {"reason": "a smaller plan"}}
    )
    factories.system(of=account)
    row = api.get(f"connections/{account.uid}").json()
    health = row["health"]
    assert (health["failures"], health["last_error"], health["refused_parts"], row["system_count"]) == (
        3, "HTTP 503", {"battery": "a smaller plan"}, 1
    )  # fmt: skip


def test_pulls_of_an_account_are_listed_the_newest_first(api, account):
    system = factories.system(of=account)
    for minutes in (0, 10, 10, 20):
        then = NOW + timedelta(minutes=minutes)
        PullRun.objects.create(
            connection=account, system=system, started_at=then, finished_at=then, outcome="ok", readings=minutes
        )
    PullRun.objects.create(connection=connect(account.partner, "other"), started_at=NOW)
    at = f"connections/{account.uid}/pulls"
    first = api.get(at, {"limit": 2}).json()
    rest = api.get(at, {"cursor": first["next_cursor"]}).json()
    assert [row["readings"] for row in (*first["data"], *rest["data"])] == [20, 10, 10, 0]
    assert (rest["next_cursor"], rest["data"][0]["system"]) == (None, str(system.uid))
    assert api.get(at, {"outcome": "lost"}).json()["data"] == []
    for wrong in ("WzFd", "WyJ4IiwxXQ", "WyIyMDI2LTA2LTE1VDEyOjAwOjAwIiwxXQ"):
        assert problem(api.get(at, {"cursor": wrong})) == (400, "invalid-request")
    assert problem(backend().get(at)) == (404, "not-found")


# --- What is done -----------------------------------------------------------------------------------------------------


def test_an_account_is_paused_resumed_pulled_renamed_and_let_go(api, account):
    at = f"connections/{account.uid}"
    assert problem(api.post(f"{at}/resume")) == (422, "refused")
    assert api.post(f"{at}/pause").json()["status"] == "paused"
    assert problem(api.post(f"{at}/pull")) == (422, "refused")
    assert api.post(f"{at}/resume").json()["status"] == "active"
    Connection.objects.update(next_pull_at=None)
    assert api.post(f"{at}/pull").json()["health"]["next_pull_at"] is not None
    assert api.patch(at, {"label": "South"}).json()["label"] == "South"
    assert [api.delete(at).status_code for _ in range(2)] == [204, 204]
    ended = api.get(at).json()
    assert (ended["status"], ended["health"]["next_pull_at"]) == ("disconnected", None)
    assert ended["disconnected_at"] is not None
    assert Connection.objects.get().secrets == ""
    assert events_of(account) == [
        f"connection.{what}" for what in ("created", "paused", "resumed", "renamed", "disconnected")
    ]


def test_a_live_test_says_what_the_account_can_see(clouds, api, account):
    at = f"connections/{account.uid}/test"
    assert api.post(at).json() == {"systems": 2}
    fault = {"cloud": "solis", "reset": True}
    requests.post(f"{clouds}/__admin/faults", json=fault, timeout=60).raise_for_status()
    assert problem(api.post(at)) == (502, "vendor-unavailable")
    api.delete(at.removesuffix("/test"))
    assert problem(api.post(at)) == (422, "refused")


def test_an_owner_is_sent_to_the_page_where_they_sign_in(api, partner, account, django_user_model, settings):
    at = f"connections/{account.uid}/reconnect-link"
    assert problem(api.get(at)) == (422, "refused")
    Connection.objects.update(owner=django_user_model.objects.create_user("anna"))
    url = api.get(at).json()["url"]
    assert url.startswith(f"{settings.PUBLIC_URL}/")
    assert url.endswith(f"/{account.uid}/reconnect/")


def test_who_came_through_a_flow_goes_through_it_again(site, client, settings):
    site.join(client, user="customer 7&x")
    link = f"connections/{Connection.objects.get().uid}/reconnect-link"
    api = backend(site.partner)
    url = api.get(link).json()["url"]
    assert url == f"{settings.PUBLIC_URL}{site.link(user='customer 7&x', state=None).replace('+', '%20')}"
    site.join(client, user="customer 7&x")
    assert (Connection.objects.count(), Enrollment.objects.count()) == (1, 1)
    site.flow.deleted_at = NOW
    site.flow.save()
    assert problem(api.get(link)) == (422, "refused")


def test_another_partners_account_is_not_there(account):
    api, at = backend(), f"connections/{account.uid}"
    steps = ("reconnect", "pause", "resume", "pull", "test")
    answers = [
        api.get(at), api.patch(at, {"label": "mine"}), api.delete(at), api.get(f"{at}/reconnect-link"),
        *(api.post(f"{at}/{step}", {"secrets": KEYS} if step == "reconnect" else {}) for step in steps),
    ]  # fmt: skip
    assert {problem(one) for one in answers} == {(404, "not-found")}
    assert listed(api) == []
    assert events_of(account) == ["connection.created"]


def test_a_client_that_reads_changes_nothing(partner, account):
    reader, at = backend(partner, "enrollments:read"), f"connections/{account.uid}"
    assert reader.get(at).status_code == 200
    answers = [reader.post("connections", OWN), reader.delete(at), reader.post(f"{at}/pause")]
    assert {problem(one) for one in answers} == {(403, "insufficient-scope")}
    assert problem(backend(partner, "gateways:read").get(at)) == (403, "insufficient-scope")
