from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Any

import pytest
import responses
from django.contrib.auth.models import User
from django.core.cache import cache
from werkzeug.test import Client

from gateways import actions as gateway_actions
from gateways.models import Gateway
from ingest import lifecycle
from ingest.sen.errors import SenUnavailable
from onboarding import advancing
from sandbox.clock import Clock
from sandbox.sen import Sen
from sandbox.server import Server, World
from sandbox.state import State
from tests import factories

NOW = factories.NOW
pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", "anna@example.com")


@pytest.fixture
def sen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """SEN agrees with everything; the list tells what it was asked, and a serial in `sen.down` is not answered."""
    asked: list[str] = []

    def register(*, gateway: Gateway, by: Any, now: Any) -> Gateway:
        asked.append(f"register {gateway.name}")
        if gateway.name == "down":
            raise SenUnavailable("no answer")
        return gateway_actions.register_gateway(gateway=gateway, by=by, now=now)

    def incept(*, gateway: Gateway, by: Any, now: Any) -> bool:
        asked.append(f"incept {gateway.name}")
        gateway_actions.own_gateway(gateway=gateway, by=by, now=now)
        return True

    monkeypatch.setattr(lifecycle, "register_in_sandbox", register)
    monkeypatch.setattr(lifecycle, "incept", incept)
    return asked


def home(owner: User | None, name: str = "home", *, proven: bool | None = True) -> Gateway:
    gateway = factories.gateway(owner=owner, name=name)
    if proven is not None:
        gateway_actions.bind_wallet(gateway=gateway, address=factories.WALLET, proven=proven, by="test", now=NOW)
    place: dict[str, Any] = {"latitude": Decimal(59), "longitude": Decimal(18), "source": "pin"}
    return gateway_actions.locate_gateway(gateway=gateway, **place, by="test", now=NOW)


def advance() -> int:
    return advancing.advance_homes(clock=lambda: NOW, until=time.monotonic() + 60)


def test_a_home_with_a_proven_wallet_and_a_place_goes_all_the_way(anna: User, sen: list[str]) -> None:
    gateway = home(anna)
    assert advance() == 1
    gateway.refresh_from_db()
    assert gateway.status == "active"
    assert [advance(), sen] == [0, ["register home", "incept home"]]


@pytest.mark.parametrize("proven", [False, None])
def test_a_home_without_a_proven_wallet_is_registered_and_waits(anna: User, sen: list[str], proven: bool) -> None:
    gateway = home(anna, proven=proven)
    assert [advance(), advance()] == [1, 0]
    gateway.refresh_from_db()
    assert gateway.status == "registered"
    assert sen == ["register home"]


def test_gateways_of_staff_wait_for_staff(sen: list[str]) -> None:
    home(None)
    assert [advance(), sen] == [0, []]


def test_a_home_of_production_waits_until_staff_note_that_it_is_registered(anna: User, sen: list[str]) -> None:
    gateway_type = factories.gateway_type(factories.partner(environment="production"))
    gateway_actions.create_gateway(gateway_type=gateway_type, owner=anna, by="test", now=NOW)
    assert [advance(), sen] == [0, []]


def test_a_home_that_fails_holds_up_no_other_and_waits_longer_each_time(
    anna: User, sen: list[str], gaps: list[int]
) -> None:
    down = home(anna, "down")
    home(anna, "up")
    assert advance() == 1
    assert sen == ["register down", "register up", "incept up"]
    assert [advance(), len(sen)] == [0, 3], "it waits"
    for _try in range(8):
        cache.delete(f"advance:{down.pk}")
        advance()
    assert list(dict.fromkeys(gaps)) == [60, 120, 240, 480, 960, 1920, 3600]


def test_sens_stand_in_takes_a_home_all_the_way(anna: User, settings: Any) -> None:
    clock = Clock(NOW, speed=0)
    world = World(clock, State(), {"lenient": False})
    stand_in = Client(Server(world, {"sen": Sen(world)}))
    settings.SANDBOX_URL = "http://sandbox.test"

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        path = request.url.removeprefix(settings.SANDBOX_URL)
        reply = stand_in.post(path, data=request.body, headers=dict(request.headers))
        return reply.status_code, {}, reply.data

    gateway = home(anna)
    with responses.RequestsMock() as mock:
        mock.add_callback("POST", re.compile(f"{settings.SANDBOX_URL}/.*"), answer)
        assert advance() == 1
    gateway.refresh_from_db()
    assert gateway.status == "active"
    known = stand_in.get(f"/sen/__admin/gateways/{gateway.serial}").get_json()
    assert known["wallet"] == factories.WALLET
