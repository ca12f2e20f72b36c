"""The same account at a vendor is connected once, and stays the same account when it is connected again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from gateways.models import Event
from ingest import adapters, connections, credentials
from ingest.connections import AlreadyConnected
from ingest.models import Connection
from ingest.vendors.base import Tokens
from tests import factories
from tests.factories import NOW
from tests.ingest.consenting import APP, FIRST, LIFE
from tests.ingest.consents import NEW, bearer, connect, disconnect, held, reconnect

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=3)
OTHER = Tokens("SECRET-b", "SECRET-c", LIFE, account="berta")


def with_key(partner, key="k-1"):
    return connections.connect(
        partner=partner, vendor="solis", scheme="key", label="Roof", secrets={"key": key}, by="test", now=NOW
    )


def connect_with_key(app):
    return with_key(app.partner)


BOTH_WAYS = pytest.mark.parametrize("again", [connect, connect_with_key], ids=["consent", "key"])


@BOTH_WAYS
def test_the_same_account_twice_is_refused_with_the_one_there_is(app, again):
    first = again(app)
    with pytest.raises(AlreadyConnected, match="reconnect that one instead") as refused:
        again(app)
    assert (refused.value.connection, Connection.objects.count()) == (first, 1)


@BOTH_WAYS
def test_after_it_was_disconnected_it_may_be_connected_anew(app, again):
    disconnect(again(app))
    assert again(app).status == "active"


def test_another_partner_may_have_the_same_account(app):
    other = credentials.add(partner=factories.partner(), vendor="solis", name="app", secrets=APP, by="test", now=NOW)
    assert connect(app).account == connect(other).account
    assert with_key(app.partner).account == with_key(other.partner).account


def test_what_tells_accounts_with_keys_apart_gives_no_key_away(app):
    assert "k-1" not in with_key(app.partner).account


def test_a_known_account_is_the_one_that_is_connected_not_the_newest(app):
    first = connect(app)
    disconnect(first)
    second = connect(app)
    disconnect(second)
    found = connections.known_account(partner=app.partner, vendor="solis", account="anna")
    assert found == second
    reconnect(first, app, NEW, NOW)
    found = connections.known_account(partner=app.partner, vendor="solis", account="anna")
    assert found == first
    assert connections.known_account(partner=app.partner, vendor="solis", account="") is None


def test_reconnecting_keeps_systems_and_cursors(app, time):
    account = connect(app)
    system = factories.system(None, account, pulled_through=NOW)
    connections.mark_needs_reconnect(connection=account, reason="gone", now=NOW)
    reconnect(account, app, NEW, LATER)
    row = Connection.objects.get()
    assert (row.status, row.needs_reconnect_at, row.next_pull_at) == ("active", None, LATER)
    assert (row.uid, row.systems.get(), row.systems.get().pulled_through) == (account.uid, system, NOW)
    assert bearer(row, time) == "SECRET-new"


def test_the_consent_of_another_account_is_refused_and_the_old_one_stays(app):
    account = connect(app)
    with pytest.raises(ValidationError, match="consent of another account"):
        reconnect(account, app, OTHER, LATER)
    assert held(account).access_token == "SECRET-access-0"
    disconnect(account)
    with pytest.raises(ValidationError, match="consent of another account"):
        reconnect(account, app, OTHER, LATER)


def test_an_account_cannot_be_reconnected_with_the_key_of_another_that_is_there(app):
    first, second = with_key(app.partner), with_key(app.partner, "k-2")
    with pytest.raises(AlreadyConnected):
        connections.reconnect(connection=second, secrets={"key": "k-1"}, by="test", now=LATER)
    second.refresh_from_db()
    assert second.account != first.account


def test_an_account_of_a_consent_cannot_be_connected_without_one(app):
    with pytest.raises(ValidationError, match="by its owner's consent on the vendor's page"):
        connect(app, given=None)
    account = connect(app)
    with pytest.raises(ValidationError, match="by its owner's consent on the vendor's page"):
        reconnect(account, app, None, LATER)
    with pytest.raises(ValidationError, match="either the account's own keys or one of the partner's credentials"):
        reconnect(account, None, NEW, LATER)


def test_an_application_of_another_partner_opens_nothing(app):
    foreign = credentials.add(partner=factories.partner(), vendor="solis", name="app", secrets=APP, by="test", now=NOW)
    with pytest.raises(ValidationError, match="another partner or vendor"):
        reconnect(connect(app), foreign, NEW, LATER)


def test_keys_in_place_of_a_consent_leave_no_token_behind(app):
    account = connect(app)
    connections.reconnect(connection=account, secrets={"key": "k-1"}, scheme="key", by="test", now=LATER)
    row = Connection.objects.get()
    assert (row.scheme, row.credential, row.tokens_received_at) == ("key", None, None)
    assert adapters.open_secrets(row) == {"key": "k-1"}


def test_an_account_that_is_disconnected_in_the_middle_of_a_pull_is_taken_from_it(app):
    account = connect(app)
    Connection.objects.update(lease=account.uid, leased_until=LATER)
    disconnect(account)
    row = Connection.objects.get()
    assert (row.lease, row.leased_until) == (None, None)


def test_a_credential_is_revealed_once_for_every_event(app):
    assert credentials.reveal(credential=app, by="test", now=NOW) == APP
    event = Event.objects.get(name="credential.revealed")
    assert (event.subject, event.data) == (f"credential:{app.uid}", {})


def test_the_tokens_in_a_row_are_not_in_the_row_that_is_printed():
    assert "SECRET" not in repr(FIRST)
