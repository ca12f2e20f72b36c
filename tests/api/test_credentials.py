"""Vendor credentials through the API: secrets go in, are tried, and come out only where somebody may see them."""

from __future__ import annotations

import pytest
import requests

from gateways.models import Event
from ingest import connections, credentials
from ingest.models import Connection, VendorCredential
from tests import factories
from tests.api.asking import fault
from tests.api.calling import backend, fields, problem
from tests.clouds import clouds, running_clouds
from tests.factories import NOW

__all__ = ["clouds", "fault", "running_clouds"]  # fixtures

pytestmark = pytest.mark.django_db

KEYS = {"key_id": "sandbox-key", "key_secret": "sandbox-secret"}
FLEET = {"vendor": "solis", "name": "Fleet", "secrets": KEYS}
APP = {"client_id": "app-4711", "client_secret": "S3CRET-tesla"}
TESLA = {"vendor": "tesla", "name": "App", "secrets": APP}


@pytest.fixture
def partner():
    return factories.partner()


@pytest.fixture
def api(partner):
    return backend(partner)


@pytest.fixture
def kept(partner):
    return credentials.add(partner=partner, vendor="solis", name="Fleet", secrets=KEYS, by="test", now=NOW)


def opened():
    return credentials.reveal(credential=VendorCredential.objects.get(), by="test", now=NOW)


def test_a_credential_is_tried_kept_and_shown_without_its_secrets(clouds, api):
    made = api.post("vendor-credentials", FLEET)
    assert made.status_code == 201
    row = made.json()
    assert {name: row[name] for name in ("vendor", "type", "name", "is_used", "connections", "expires_at")} == {
        "vendor": "solis", "type": "apikeysecret", "name": "Fleet", "is_used": True, "connections": 0,
        "expires_at": None,
    }  # fmt: skip
    one = api.get(made["Location"].removeprefix("http://testserver"))
    listed = api.get("vendor-credentials")
    assert (one.json(), listed.json()["data"]) == (row, [row])
    assert not any(
        text in answer.content for answer in (made, one, listed) for text in (b"sandbox-", b"sealed", b"secrets")
    )
    assert opened() == KEYS


def test_a_key_that_the_vendor_refuses_is_not_kept(clouds, api):
    refused = api.post("vendor-credentials", {**FLEET, "secrets": {**KEYS, "key_secret": "mistyped"}})
    assert problem(refused) == (403, "vendor-auth-failed")
    assert refused.json()["fault"] == "owner"
    assert b"mistyped" not in refused.content
    assert not VendorCredential.objects.exists()


def test_what_no_adapter_uses_yet_is_kept_untried(api):
    row = api.post("vendor-credentials", TESLA).json()
    assert (row["type"], row["is_used"]) == ("app", False)
    assert problem(api.post(f"vendor-credentials/{row['id']}/test")) == (422, "vendor-unsupported")
    assert [one["vendor"] for one in api.get("vendor-credentials", {"vendor": "tesla"}).json()["data"]] == ["tesla"]
    assert api.get("vendor-credentials", {"vendor": "solis"}).json()["data"] == []


@pytest.mark.parametrize(
    "wrong,expected,words",
    [
        ({"vendor": "nobody"}, 400, "vendor"),
        ({"type": "nothing"}, 422, "no way in called 'nothing'"),
        ({"secrets": {"client_id": "app-4711"}}, 422, "Fill in: Client secret."),
        ({"secrets": {**APP, "pin": "1"}}, 422, "There is no pin here"),
        ({"secrets": "S3CRET-tesla"}, 400, "secrets"),
        ({"secrets": {"client_id": {"a": "S3CRET-tesla"}, "client_secret": "x"}}, 400, "secrets"),
        ({"clientSecret": "S3CRET-tesla"}, 400, "There is no such name here"),
    ],
)
def test_what_cannot_be_kept_is_refused_without_repeating_it(api, wrong, expected, words):
    refused = api.post("vendor-credentials", {**TESLA, **wrong})
    assert refused.status_code == expected, refused.content
    assert words in refused.json()["detail"]
    assert {field.partition(".")[0] for field in fields(refused)} == set(wrong)
    assert "S3CRET-tesla" not in refused.content.decode()
    assert not VendorCredential.objects.exists()


def test_a_name_is_used_once(api):
    assert api.post("vendor-credentials", TESLA).status_code == 201
    assert problem(api.post("vendor-credentials", TESLA)) == (422, "refused")


def test_secrets_are_shown_to_whom_may_see_them_and_each_time_is_an_event(partner, kept):
    at = f"vendor-credentials/{kept.uid}"
    writer = backend(partner, "credentials:write")
    asked = {"includeSecrets": "true"}
    assert problem(writer.get(at, asked)) == (403, "insufficient-scope")
    assert "secrets" not in writer.get(at, {"includeSecrets": "false"}).json()
    assert not Event.objects.filter(name="credential.revealed").exists()
    api = backend(partner)
    for _ in range(2):
        shown = api.get(at, asked)
        assert shown.json()["secrets"] == KEYS
        assert shown["Cache-Control"] == "no-store"
        assert not shown.has_header("ETag")
    actors = Event.objects.filter(name="credential.revealed", subject=f"credential:{kept.uid}")
    assert [actor.split(":")[0] for actor in actors.values_list("actor", flat=True)] == ["client", "client"]
    assert not any("sandbox-secret" in str(data) for data in Event.objects.values_list("data", flat=True))
    assert problem(api.get(at, {"include_secrets": "true"})) == (400, "invalid-request")
    assert problem(api.get("vendor-credentials", asked)) == (400, "invalid-request")


def test_who_may_only_reveal_reads_no_credential(partner, kept):
    only = backend(partner, "credentials:reveal")
    assert problem(only.get(f"vendor-credentials/{kept.uid}", {"includeSecrets": "true"})) == (
        403, "insufficient-scope"
    )  # fmt: skip


def test_name_and_end_change_and_secrets_stay(api, kept):
    changed = api.patch(
        f"vendor-credentials/{kept.uid}", {"name": "Fleet 2", "expires_at": "2027-01-01T00:00:00+01:00"}
    )
    assert (changed.json()["name"], changed.json()["expires_at"]) == ("Fleet 2", "2026-12-31T23:00:00Z")
    event = Event.objects.latest("sequence")
    assert (event.name, event.data) == ("credential.changed", {"changed": ["expires_at", "name"]})
    assert opened() == KEYS
    assert api.patch(f"vendor-credentials/{kept.uid}", {"expires_at": None}).json()["expires_at"] is None


def test_new_secrets_are_tried_and_accounts_that_waited_for_them_go_on(clouds, api, partner):
    old = {"key_id": "sandbox-key", "key_secret": "old"}
    kept = credentials.add(partner=partner, vendor="solis", name="Fleet", secrets=old, by="test", now=NOW)
    account = connections.connect(partner=partner, vendor="solis", label="A", credential=kept, by="test", now=NOW)
    connections.mark_needs_reconnect(connection=account, reason="refused", now=NOW)
    at = f"vendor-credentials/{kept.uid}"
    assert problem(api.patch(at, {"secrets": {**KEYS, "key_secret": "wrong"}})) == (403, "vendor-auth-failed")
    assert opened() == old
    renewed = api.patch(at, {"secrets": KEYS})
    assert (renewed.status_code, renewed.json()["connections"]) == (200, 1)
    assert opened() == KEYS
    account.refresh_from_db()
    assert account.status == Connection.Status.ACTIVE


def test_a_credential_is_deleted_when_nothing_uses_it_any_more(api, kept, partner):
    account = connections.connect(partner=partner, vendor="solis", label="A", credential=kept, by="test", now=NOW)
    at = f"vendor-credentials/{kept.uid}"
    refused = api.delete(at)
    assert problem(refused) == (422, "refused")
    assert "still uses" in refused.json()["detail"]
    connections.disconnect(connection=account, by="test", now=NOW)
    assert api.delete(at).status_code == 204
    event = Event.objects.latest("sequence")
    assert (event.name, event.subject) == ("credential.deleted", f"credential:{kept.uid}")
    assert problem(api.get(at)) == (404, "not-found")


def test_a_live_test_says_what_the_secrets_can_see(clouds, api, kept):
    at = f"vendor-credentials/{kept.uid}/test"
    assert api.post(at).json() == {"systems": 2}
    fault = {"cloud": "solis", "status": 503}
    requests.post(f"{clouds}/__admin/faults", json=fault, timeout=60).raise_for_status()
    down = api.post(at)
    assert problem(down) == (502, "vendor-unavailable")
    assert down.json()["fault"] == "network"


def test_another_partners_credential_is_not_there(kept):
    api, at = backend(), f"vendor-credentials/{kept.uid}"
    answers = [
        api.get(at), api.get(at, {"includeSecrets": "true"}), api.patch(at, {"name": "mine"}), api.delete(at),
        api.post(f"{at}/test"), api.get("vendor-credentials/------------------------------------"),
    ]  # fmt: skip
    assert {problem(one) for one in answers} == {(404, "not-found")}
    assert api.get("vendor-credentials").json()["data"] == []
    assert VendorCredential.objects.get().name == "Fleet"


def test_who_may_not_write_credentials_does_not_read_them_either(partner, kept):
    reader = backend(partner, "gateways:read", "enrollments:read", "enrollments:write")
    assert problem(reader.get("vendor-credentials")) == (403, "insufficient-scope")
    assert problem(reader.post("vendor-credentials", TESLA)) == (403, "insufficient-scope")


@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_vendor_that_repeats_a_secret_tells_it_to_nobody(clouds, fault, kept, api, status):
    fault("solis", status=status, body=f"<p>{'x' * 170} sandbox-secret is wrong", times=9)
    answer = api.post(f"vendor-credentials/{kept.uid}/test")
    assert answer.status_code in {403, 502}
    assert "***" in answer.json()["detail"]
    assert "sandbox-s" not in answer.content.decode()
