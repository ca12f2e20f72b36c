"""Staff bring a home in themselves, from the account to its gateway."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from gateways.models import Event, Gateway
from ingest import connections
from ingest.models import Connection, System
from onboarding import linking
from onboarding.models import Consent, Journey
from tests import factories
from tests.admin.conftest import staff
from tests.admin.pages import act, address, listed

pytestmark = [pytest.mark.django_db, pytest.mark.once]
ACCOUNT = "admin:onboard_account"


@pytest.fixture
def connection(fleet: Any) -> Connection:
    return factories.connection(fleet.partner, label="Anna's account")


@pytest.fixture
def house(connection: Connection) -> System:
    return factories.system(of=connection, name="House", latitude=57.7, longitude=11.97)


def home_page(connection: Connection) -> str:
    return reverse("admin:onboard_home", args=[connection.pk])


def answers(fleet: Any, house: System, **changed: Any) -> dict[str, Any]:
    return {
        "system": house.pk, "gateway_type": fleet.type.pk, "address": factories.WALLET, "latitude": "59.33",
        "longitude": "18.07", "source": "pin", **changed,
    }  # fmt: skip


def test_the_first_page_offers_accounts_keys_and_the_homeowner(
    operator: Client, fleet: Any, connection: Connection
) -> None:
    page = operator.get(reverse(ACCOUNT), {"partner": fleet.partner.pk, "vendor": "solis"}).content.decode()
    assert "Anna&#x27;s account" in page
    assert f"/admin/ingest/connection/add/?partner={fleet.partner.pk}&amp;vendor=solis&amp;onboard=yes" in page
    assert f"/admin/onboarding/invitation/add/?partner={fleet.partner.pk}&amp;vendor=solis" in page


def test_an_account_that_was_connected_on_the_way_leads_on_to_its_homes(
    operator: Client, fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "test_credentials", lambda *_, **__: [])
    page = operator.get(reverse(ACCOUNT), {"partner": fleet.partner.pk, "vendor": "solaredge"}).content.decode()
    connect = re.findall(r'href="(/admin/ingest/connection/add/.*?)"', page)[0].replace("&amp;", "&")
    made: Any = operator.post(connect, {"label": "Fleet", "credential": fleet.credential.pk})
    assert made.url == home_page(Connection.objects.get(label="Fleet"))


def test_where_only_the_owner_can_consent_staff_invite_them(operator: Client, fleet: Any) -> None:
    page = operator.get(reverse(ACCOUNT), {"partner": fleet.partner.pk, "vendor": "enphase"}).content.decode()
    assert "only they can say yes" in page
    assert "/connection/add/" not in page
    invite = operator.get(f"/admin/onboarding/invitation/add/?partner={fleet.partner.pk}&vendor=enphase")
    assert invite.context["form"].initial == {"partner": str(fleet.partner.pk), "vendor": "enphase"}


def test_a_home_gets_gateway_wallet_and_place_in_one_go(
    operator: Client, fleet: Any, connection: Connection, house: System
) -> None:
    page = operator.get(home_page(connection)).content.decode()
    assert "House" in page
    assert "data-map" in page
    made: Any = operator.post(home_page(connection), answers(fleet, house))
    house.refresh_from_db()
    gateway = house.gateway
    assert gateway is not None
    assert made.url == address(gateway, "change", gateway.pk)
    assert gateway.wallet.address == factories.WALLET  # type: ignore[union-attr]
    assert (str(gateway.coordinates), gateway.coordinates.source) == ("59.330000, 18.070000", "pin")  # type: ignore[union-attr]
    assert gateway.owner is None


def test_wallet_and_place_may_come_later(operator: Client, fleet: Any, connection: Connection, house: System) -> None:
    operator.post(home_page(connection), answers(fleet, house, address="", latitude="", longitude="", source=""))
    house.refresh_from_db()
    assert house.gateway is not None
    assert house.gateway.wallet is None
    assert house.gateway.coordinates.source == "vendor"  # type: ignore[union-attr]


@pytest.mark.parametrize("changed", [{"address": "mistyped"}, {"latitude": "91"}, {"longitude": ""}], ids=str)
def test_what_is_wrong_is_said_and_nothing_is_made(
    operator: Client, fleet: Any, connection: Connection, house: System, changed: dict[str, str]
) -> None:
    before = Gateway.objects.count()
    shown = operator.post(home_page(connection), answers(fleet, house, **changed))
    assert shown.context["form"].errors
    assert Gateway.objects.count() == before


def test_homes_of_a_fleet_are_found_by_serial(operator: Client, connection: Connection, house: System) -> None:
    factories.system(of=connection, name="Cabin")
    page = operator.get(home_page(connection), {"q": house.ders.get().sn})
    assert [row.name for row in page.context["systems"]] == ["House"]


def test_the_vendor_is_asked_for_homes_on_demand(
    operator: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "look_around", lambda asked, **_: [f"{asked.label} is busy"])
    response: Any = operator.post(home_page(connection), {"look": "yes"})
    assert response.url == home_page(connection)
    assert "account is busy" in operator.get(response.url).content.decode()


def test_only_who_operates_the_partner_onboards_its_homes(
    support: Client, stranger: Any, fleet: Any, connection: Connection, house: System
) -> None:
    assert support.get(reverse(ACCOUNT)).status_code == 403
    foreigner = staff(stranger.partner, "operator")
    for client in (support, foreigner):
        assert client.get(home_page(connection)).status_code == 404
        assert client.post(home_page(connection), answers(fleet, house)).status_code == 404
    asked = foreigner.get(reverse(ACCOUNT), {"partner": fleet.partner.pk, "vendor": "solis"})
    assert "partner" in asked.context["form"].errors
    assert "Anna" not in asked.content.decode()


def test_no_type_of_another_partner_can_be_chosen(
    operator: Client, stranger: Any, fleet: Any, connection: Connection, house: System
) -> None:
    shown = operator.post(home_page(connection), answers(fleet, house, gateway_type=stranger.type.pk))
    assert "gateway_type" in shown.context["form"].errors
    foreign = factories.system(of=factories.connection(stranger.partner))
    shown = operator.post(home_page(connection), answers(fleet, foreign))
    assert "system" in shown.context["form"].errors


def test_accounts_and_gateways_lead_to_what_was_agreed_to(operator: Client, fleet: Any) -> None:
    connection = fleet.gateway.system.connection
    for row in (connection, fleet.gateway):
        page = operator.get(address(row, "change", row.pk)).content.decode()
        for model in (Consent, Journey):
            assert f"{address(model, 'changelist')}?connection__id__exact={connection.pk}" in page


def test_the_position_of_a_gateway_is_set_with_a_map(operator: Client, fleet: Any) -> None:
    asked = operator.post(
        address(Gateway, "changelist"), {"action": "set_position", "_selected_action": [fleet.gateway.pk], "index": 0}
    )
    assert b"data-map" in asked.content
    act(operator, "set_position", fleet.gateway, latitude="57.7", longitude="11.97", source="pin")
    fleet.gateway.coordinates.refresh_from_db()
    assert (str(fleet.gateway.coordinates), fleet.gateway.coordinates.source) == ("57.700000, 11.970000", "pin")


def test_the_event_list_names_people_by_their_address(operator: Client, fleet: Any) -> None:
    user = User.objects.get(username=f"operator-{fleet.partner.pk}")
    act(operator, "suspend", fleet.gateway)
    event = Event.objects.get(name="gateway.suspended")
    assert event.actor == f"user:{user.pk}"
    assert listed(operator, Event, q=user.email) == [event]
    assert user.email in operator.get(address(Event, "changelist"), {"q": event.subject}).content.decode()
    assert user.email in operator.get(address(event, "change", event.pk)).content.decode()
