"""The way back from the vendor for an account that its owner connects again, and what holds for all trips."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from ingest import connections, credentials
from ingest.models import Connection
from ingest.vendors.base import Tokens
from ingest.vendors.errors import VendorUnsupported
from onboarding import vendor_oauth
from onboarding.models import JoinSession
from tests.onboarding.flows.walk import come_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return User.objects.create_user("anna", "anna@home.example")


@pytest.fixture
def account(site, anna):
    """An account of Anna's that needs her."""
    made = connections.connect(
        partner=site.partner, vendor="enphase", label="Anna", credential=site.application, owner=anna, by=anna,
        given=Tokens("SECRET-a", "SECRET-r", timedelta(hours=2), account="anna"), now=timezone.now(),
    )  # fmt: skip
    connections.mark_needs_reconnect(connection=made, reason="401", now=timezone.now())
    return made


def leave(browser, account, user, **fields):
    """Send a browser to the vendor for an account; return the state that the vendor was given."""
    trip = vendor_oauth.depart(
        partner=account.partner, vendor="enphase", credential=account.credential, clock=timezone.now,
        connection=account, user=user, **fields,
    )  # fmt: skip
    session = browser.session
    session["join_sessions"] = [*session.get("join_sessions", []), str(trip.session.uid)]
    session.save()
    (state,) = parse_qs(urlsplit(trip.url).query)["state"]
    return state


def test_an_account_is_connected_again_and_keeps_its_id(client, account, anna):
    back = come_back(client, code="anna", state=leave(client, account, anna))
    assert back["Location"] == "/home/"
    assert [str(message) for message in get_messages(back.wsgi_request)] == ["Enphase is connected again."]
    assert Connection.objects.get() == account
    assert Connection.objects.get().status == "active"


def test_the_consent_of_another_account_does_not_connect_this_one(client, account, anna):
    back = come_back(client, code="bert", state=leave(client, account, anna))
    assert "another account" in str(next(iter(get_messages(back.wsgi_request))))
    assert Connection.objects.get().status == "needs_reconnect"
    assert JoinSession.objects.get().error == "access_denied"


def test_an_account_of_somebody_else_ends_a_flows_trip(site, client, account):
    assert site.join(client)["error"] == "already_linked"
    assert Connection.objects.get().status == "needs_reconnect"


def test_two_trips_of_one_browser_do_not_disturb_each_other(client, account, anna, site):
    state = leave(client, account, anna)
    theirs = site.begin(client, user="user-8")["state"]
    assert "enrollmentID" in site.told(come_back(client, code="bert", state=theirs))
    assert come_back(client, code="anna", state=state)["Location"] == "/home/"


def test_the_state_is_kept_as_a_hash_alone(client, account, anna):
    state = leave(client, account, anna)
    session = JoinSession.objects.get()
    assert session.state_hash == vendor_oauth.hash_of(state)
    assert state not in str(JoinSession.objects.values().get())


def test_a_trip_is_for_one_thing(account, anna, site):
    with pytest.raises(ValidationError, match="join_session_for_one_thing"):
        leave(Client(), account, anna, flow=site.flow)


def test_a_key_is_no_application_to_send_anybody_with(site):
    key = credentials.add(
        partner=site.partner, vendor="solis", name="Key", secrets={"key": "right"}, by="test", now=timezone.now()
    )
    with pytest.raises(VendorUnsupported, match="no application"):
        vendor_oauth.depart(
            partner=site.partner, vendor="solis", credential=key, clock=timezone.now, flow=site.flow
        )  # fmt: skip
