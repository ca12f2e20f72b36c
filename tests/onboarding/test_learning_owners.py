"""A homeowner's app has SEN bind a gateway to a wallet, and the portal hears of it from SEN."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from gateways import actions, crypto
from gateways.models import Gateway
from gateways.oauth import clients
from ingest.sen import graphql
from onboarding import advancing
from tests import factories
from tests.factories import NOW, WALLET

pytestmark = pytest.mark.django_db

OTHER = "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF"


@pytest.fixture
def sen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What SEN says of every gateway's owner, and of which it was asked."""

    class Sen:
        def __init__(self) -> None:
            self.owner: str | None = WALLET
            self.asked: list[str] = []

    said = Sen()

    def owner(_url: str, *, gateway: str) -> str | None:
        said.asked.append(gateway)
        return said.owner

    monkeypatch.setattr(graphql, "owner", owner)
    return said


@pytest.fixture
def home() -> Gateway:
    """A registered home of Anna's with a place and without a wallet."""
    gateway = factories.gateway(owner=User.objects.create_user("anna"))
    place: dict[str, Any] = {"latitude": Decimal(59), "longitude": Decimal(18), "source": "pin"}
    actions.locate_gateway(gateway=gateway, **place, by="test", now=NOW)
    return actions.register_gateway(gateway=gateway, by="test", now=NOW)


def signed(gateway: Gateway, ago: timedelta = timedelta(minutes=1)) -> Gateway:
    app, _ = clients.create_app(
        partner=gateway.partner, name="App", redirect_uris=["https://app.example/"], allowed_scopes=["gateway:sign"],
        by="test", now=NOW,
    )  # fmt: skip
    crypto.sign(gateway=gateway, message=WALLET, client=app, by=gateway.owner or "test", now=NOW - ago)
    return gateway


def name(gateway: Gateway, address: str) -> None:
    actions.bind_wallet(gateway=gateway, address=address, by="test", now=NOW)


def advance() -> int:
    return advancing.advance_homes(clock=lambda: NOW, until=time.monotonic() + 60)


def state(gateway: Gateway) -> tuple[str, str]:
    gateway.refresh_from_db()
    return gateway.status, gateway.wallet.address if gateway.wallet else ""


def test_the_owner_that_an_app_told_sen_is_learned_and_the_home_goes_on(sen: Any, home: Gateway) -> None:
    signed(home)
    assert advance() == 1
    assert state(home) == ("active", WALLET)
    assert home.wallet is not None
    assert home.wallet.proven_at is None, "SEN asks for no proof, so there is none"
    assert [advance(), sen.asked] == [0, [home.serial]]


def test_sen_is_not_asked_about_what_no_app_has_had_signed_lately(sen: Any, home: Gateway) -> None:
    assert advance() == 0
    signed(home, ago=timedelta(hours=6, seconds=1))
    assert [advance(), sen.asked, state(home)] == [0, [], ("registered", "")]


def test_sen_is_not_asked_about_a_home_because_another_one_signed(sen: Any, home: Gateway) -> None:
    other = factories.gateway(home.gateway_type, owner=home.owner)
    signed(actions.register_gateway(gateway=other, by="test", now=NOW))
    assert [advance(), sen.asked] == [1, [other.serial]]
    assert state(home) == ("registered", "")


def test_the_wallet_that_is_named_here_waits_for_no_proof_once_sen_has_it(sen: Any, home: Gateway) -> None:
    name(signed(home), WALLET)
    assert [advance(), state(home)] == [1, ("active", WALLET)]


def test_a_wallet_that_is_named_here_is_never_changed(sen: Any, home: Gateway) -> None:
    name(signed(home), OTHER)
    assert [advance(), state(home)] == [0, ("registered", OTHER)]


def test_while_sen_has_no_owner_it_is_asked_less_and_less_often(sen: Any, home: Gateway, gaps: list[int]) -> None:
    sen.owner = None
    signed(home)
    assert [advance(), advance(), sen.asked] == [0, 0, [home.serial]], "the second time it waits"
    cache.delete(f"advance:{home.pk}")
    sen.owner = WALLET
    assert [advance(), state(home)] == [1, ("active", WALLET)]
    assert gaps == [60, 120, 120]
