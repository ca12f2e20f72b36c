"""The Sourceful App, played from the homeowner's yes to a gateway that belongs to their wallet, at SEN and here."""

from __future__ import annotations

import time

import pytest
import requests
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.utils import timezone

import sandbox.__main__
from gateways import actions
from gateways.models import Event, Gateway
from gateways.oauth import clients, grants
from ingest import lifecycle
from onboarding import advancing
from sandbox.app import App, Registration, Stopped
from sandbox.app_wallet import Wallet
from tests import factories
from tests.api.calling import token_of
from tests.clouds import clouds, running_clouds
from tests.factories import NOW

__all__ = ["clouds", "running_clouds"]

SEED = bytes(range(32))
ADDRESS = "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF"  # of that seed (sen.md 15)
BACK = "https://app.example/back"
SCOPES = ("gateways:read", "gateway:identity", "gateway:sign")


@pytest.fixture
def portal(live_server, clouds, settings):
    settings.PUBLIC_URL = live_server.url
    settings.ACCOUNT_RATE_LIMITS = {}
    return live_server.url


@pytest.fixture
def home(portal) -> Gateway:
    """Anna's home, which SEN knows and nobody has named a wallet for."""
    anna = User.objects.create_user("anna", "anna@example.com", "correct horse")
    EmailAddress.objects.create(user=anna, email=anna.email, verified=True, primary=True)
    return registered(factories.gateway(owner=anna, name="Annas home"))


def registered(gateway: Gateway) -> Gateway:
    return lifecycle.register_in_sandbox(gateway=gateway, by="test", now=NOW)


@pytest.fixture
def client(home):
    return clients.create_app(
        partner=home.partner, name="App", redirect_uris=[BACK], allowed_scopes=SCOPES, by="test", now=NOW
    )


def test_the_app_takes_a_home_from_consent_to_ownership(portal, clouds, home, client, monkeypatch, capsys):
    app, secret = client
    monkeypatch.setenv("PASSWORD", "correct horse")
    monkeypatch.setenv("CLIENT_SECRET", secret)
    arguments = {
        "--portal": portal, "--sandbox": clouds, "--client-id": app.client_id, "--redirect-uri": BACK,
        "--email": "anna@example.com", "--seed": SEED.hex(), "--position": "59.329300, 18.068600",
    }  # fmt: skip
    monkeypatch.setattr("sys.argv", ["sandbox", "app", *(word for pair in arguments.items() for word in pair)])
    sandbox.__main__.main()
    told = capsys.readouterr().out
    assert f"SEN: {home.serial} belongs to {ADDRESS}" in told
    assert not {"correct horse", secret, SEED.hex()} & set(told.split())
    at_sen = requests.get(f"{clouds}/sen/__admin/gateways/{home.serial}", timeout=60).json()
    assert (at_sen["wallet"], at_sen["latitude"], at_sen["longitude"]) == (ADDRESS, 59.3293, 18.0686)

    assert advancing.advance_homes(clock=timezone.now, until=time.monotonic() + 20) == 1
    home.refresh_from_db()
    assert (home.status, home.wallet and home.wallet.address) == ("owned", ADDRESS)
    happened = Event.objects.filter(subject=f"gateway:{home.serial}").order_by("sequence")
    assert list(happened.values_list("name", "actor"))[-4:] == [
        ("grant.given", f"user:{home.owner_id}"),
        ("gateway.signed", f"user:{home.owner_id}"),
        ("gateway.wallet_named", "portal"),
        ("gateway.owned", "portal"),
    ]


def test_the_app_says_when_a_homeowner_is_not_let_in(portal, clouds, home, client):
    app, secret = client
    with pytest.raises(Stopped, match="does not let anna@example.com in"):
        App(portal, clouds, print).authorize(Registration(app.client_id, BACK, secret), "anna@example.com", "wrong")


def test_the_app_has_nothing_signed_by_a_key_that_sen_does_not_know(portal, clouds, home, client):
    app, _secret = client
    grants.give(user=home.owner, client=app, gateways=[home], scopes=SCOPES, now=NOW)
    actions.rotate_key(owner=home, by="test", now=NOW)
    actions.activate_key(owner=home, by="test", now=NOW)  # and nobody has told SEN
    running = App(portal, clouds, lambda _: None)
    running.use(token_of(app, home.owner))
    with pytest.raises(Stopped, match="SEN does not know"):
        running.take_over(Wallet(SEED), "59.3, 18.0")
    assert not Event.objects.filter(name="gateway.signed").exists()
