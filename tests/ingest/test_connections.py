from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from gateways import vault
from gateways.models import Event
from ingest import adapters, connections, credentials, pull
from ingest.models import BudgetUse, Connection, PullRun, VendorCredential
from ingest.vendors.errors import VendorAuthFailed
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

SECRETS = {"key_id": "1300386381676", "key_secret": "5eCr3t-0f-s0lis"}
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def partner():
    return factories.partner()


@pytest.fixture
def account(partner):
    return connect(partner)


def connect(partner, **more):
    given = {"secrets": SECRETS, **more}
    return connections.connect(partner=partner, vendor="solis", label="Roof", by="test", now=NOW, **given)


def add_credential(partner, vendor="solis", secrets=SECRETS):
    return credentials.add(partner=partner, vendor=vendor, name="fleet", secrets=secrets, by="test", now=NOW)


def adapter(connection):
    return adapters.open_account(Connection.objects.get(pk=connection.pk), clock=lambda: NOW)


def names():
    return list(Event.objects.order_by("sequence").values_list("name", flat=True))


def test_an_account_is_pulled_at_once_with_its_own_secrets(account):
    assert (account.next_pull_at, account.status) == (NOW, "active")
    assert adapter(account).secrets == SECRETS
    assert names() == ["connection.created"]


def test_secrets_are_sealed_and_in_no_event(account):
    fleet = add_credential(account.partner)
    for row in (account, fleet):
        assert row.secrets
        assert all(secret not in row.secrets for secret in SECRETS.values())
    events = json.dumps(list(Event.objects.values_list("data", flat=True)))
    assert all(secret not in events for secret in SECRETS.values())


def test_spaces_that_were_pasted_with_a_secret_are_cut(partner):
    padded = {name: f" {value}\n" for name, value in SECRETS.items()}
    assert adapter(connect(partner, secrets=padded)).secrets == SECRETS


def test_an_account_may_be_read_with_a_credential_of_the_partner(partner):
    fleet = add_credential(partner)
    assert adapter(connect(partner, secrets=None, credential=fleet)).secrets == SECRETS


@pytest.mark.parametrize(
    "more, words",
    [
        ({"secrets": None}, "either the account's own keys or one of the partner's credentials"),
        ({"secrets": {"key_id": "1", "key_secret": " "}}, "Fill in: "),
        ({"secrets": {}}, "Fill in: "),
    ],
)
def test_an_account_without_what_it_needs_is_refused(partner, more, words):
    with pytest.raises(ValidationError, match=words):
        connect(partner, **more)
    assert (Connection.objects.count(), names()) == (0, [])


def test_a_credential_of_another_partner_or_vendor_is_refused(partner):
    for fleet in (add_credential(factories.partner()), add_credential(partner, "solaredge", {"api_key": "k"})):
        with pytest.raises(ValidationError, match="belongs to another partner or vendor"):
            connect(partner, secrets=None, credential=fleet)


def test_a_secret_pasted_into_another_row_does_not_open(account):
    other = connect(account.partner, secrets={**SECRETS, "key_id": "another"})
    Connection.objects.filter(pk=other.pk).update(secrets=account.secrets)
    with pytest.raises(vault.VaultError):
        adapter(other)


def test_sandbox_partners_talk_to_the_sandbox_alone(account, settings):
    settings.VENDOR_URLS = {"solis": {"api": "https://proxy.example"}}
    settings.SANDBOX_URL = "http://127.0.0.1:8801"
    assert set(adapter(account).urls.values()) == {"http://127.0.0.1:8801/solis/api"}
    real = connect(factories.partner(environment="production"))
    assert adapter(real).urls["api"] == "https://proxy.example"


def test_reconnecting_keeps_the_account_and_uses_the_new_secrets_at_once(account):
    connections.mark_needs_reconnect(connection=account, reason="HTTP 401", now=NOW)
    new = {**SECRETS, "key_secret": "another"}
    connections.reconnect(connection=account, secrets=new, by="test", now=LATER)
    account.refresh_from_db()
    assert (account.status, account.next_pull_at, account.failures) == ("active", LATER, 0)
    assert adapter(account).secrets == new
    assert names() == ["connection.created", "connection.needs_reconnect", "connection.recovered"]


def test_a_pull_that_was_under_way_with_the_old_secrets_does_not_stop_a_reconnected_account(account):
    old = pull._claim(account.pk, NOW)
    assert old is not None
    connections.reconnect(connection=account, secrets=SECRETS, by="test", now=LATER)
    pull._note_failure(old, VendorAuthFailed("HTTP 401"), LATER)
    account.refresh_from_db()
    assert (account.status, account.next_pull_at, account.failures) == ("active", LATER, 0)


def test_a_renewed_credential_wakes_the_accounts_that_waited_for_it(partner):
    fleet = add_credential(partner)
    waiting, paused = connect(partner, secrets=None, credential=fleet), connect(partner, secrets=None, credential=fleet)
    connections.mark_needs_reconnect(connection=waiting, reason="HTTP 401", now=NOW)
    connections.pause(connection=paused, by="test", now=NOW)
    credentials.renew(credential=fleet, secrets={**SECRETS, "key_id": "2"}, by="test", now=LATER)
    statuses = {row.pk: (row.status, row.next_pull_at) for row in Connection.objects.all()}
    assert statuses == {waiting.pk: ("active", LATER), paused.pk: ("paused", None)}
    assert adapter(waiting).secrets["key_id"] == "2"


def test_a_paused_account_is_resumed_where_it_stopped(account):
    connections.pause(connection=account, by="test", now=NOW)
    with pytest.raises(ValidationError, match="Only an active account is paused"):
        connections.pause(connection=account, by="test", now=NOW)
    with pytest.raises(ValidationError, match="Only an active account is pulled"):
        connections.pull_soon(connection=account, now=NOW)
    connections.resume(connection=account, by="test", now=LATER)
    account.refresh_from_db()
    assert (account.status, account.next_pull_at) == ("active", LATER)
    with pytest.raises(ValidationError, match="Only a paused account is resumed"):
        connections.resume(connection=account, by="test", now=LATER)


def test_a_disconnected_account_forgets_its_secrets_and_keeps_the_rest(account):
    system = factories.system(None, account)
    connections.disconnect(connection=account, by="test", now=NOW)
    account.refresh_from_db()
    assert (account.status, account.next_pull_at, account.secrets, account.credential) == (
        "disconnected",
        None,
        "",
        None,
    )
    assert account.systems.get() == system
    assert names()[-1] == "connection.disconnected"


def test_a_credential_is_tested_without_writing_or_counting_anything(partner, monkeypatch):
    fleet = add_credential(partner)
    seen = []

    def systems(self):
        self.http._before_request()
        seen.append(self.secrets)
        return []

    monkeypatch.setattr("ingest.vendors.solis.Solis.systems", systems)
    assert connections.test_credentials(fleet, clock=lambda: NOW) == []
    assert seen == [SECRETS]
    assert [model.objects.count() for model in (Connection, PullRun, BudgetUse, VendorCredential)] == [0, 0, 0, 1]
