"""Wallet and position are changed by who has just shown again who they are, the wallet only until it is final."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from gateways import actions
from gateways.models import Gateway
from onboarding import my_homes
from tests import factories
from tests.factories import NOW, WALLET
from tests.onboarding import homes
from tests.onboarding.homeowner import Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def young(anna):
    """A home that is registered and bound to no wallet yet."""
    at = homes.partner()
    gateway = factories.gateway(at.join_page.gateway_type, owner=anna)
    factories.system(gateway, homes.account(anna, at))
    return actions.register_gateway(gateway=gateway, by="test", now=NOW)


def url(name, gateway):
    return reverse(name, args=[gateway.serial])


@pytest.mark.parametrize("name", ["home_wallet", "home_place"])
def test_wallet_and_position_ask_for_the_password_again(anna, young, name):
    browser = homes.browser(anna)
    asked = browser.get(url(name, young)).headers["Location"]
    assert asked.startswith("/accounts/reauthenticate/?next=")
    assert browser.post(asked, {"password": "wrong"}).status_code == 200
    assert browser.get(url(name, young)).status_code == 302
    answer = browser.post(asked, {"password": "correct horse"})
    assert answer.headers["Location"] == url(name, young)
    assert browser.get(url(name, young)).status_code == 200


def test_without_the_password_nothing_is_changed(anna, young):
    homes.browser(anna).post(url("home_wallet", young), {"address": WALLET})
    homes.browser(anna).post(url("home_place", young), {"latitude": "59.3", "longitude": "18.1"})
    gateway = Gateway.objects.get()
    assert (gateway.wallet, gateway.coordinates) == (None, None)


def test_a_wallet_is_named_then_proven_by_its_signature(anna, young):
    browser, wallet = homes.confirmed(anna), Wallet()
    assert browser.post(url("home_wallet", young), {"address": wallet.address}).headers["Location"] == url(
        "home_wallet", young
    )
    page = browser.get(url("home_wallet", young))
    message = page.context["form"].signing
    assert wallet.address in message
    gateway = my_homes.gateways_of(anna).get()
    assert gateway.wallet is not None
    assert gateway.wallet.proven_at is None
    signed = {"address": wallet.address, "message": message, "signature": wallet.sign(message), "prove": "1"}
    assert browser.post(url("home_wallet", young), signed).headers["Location"] == url("home_one", young)
    gateway = my_homes.gateways_of(anna).get()
    assert gateway.wallet is not None
    assert gateway.wallet.proven_at is not None


def test_a_wallet_in_the_browser_asks_for_its_words_and_proves_at_once(anna, young):
    browser, wallet = homes.confirmed(anna), Wallet()
    message = browser.post(url("home_wallet_challenge", young), {"address": wallet.address}).json()["message"]
    signed = {"address": wallet.address, "message": message, "signature": wallet.sign(message)}
    assert browser.post(url("home_wallet", young), signed).headers["Location"] == url("home_one", young)
    assert Gateway.objects.filter(wallet__address=wallet.address, wallet__proven_at__isnull=False).exists()


def test_a_signature_of_another_wallet_names_nothing(anna, young):
    browser, wallet = homes.confirmed(anna), Wallet()
    message = browser.post(url("home_wallet_challenge", young), {"address": wallet.address}).json()["message"]
    signed = {"address": wallet.address, "message": message, "signature": Wallet().sign(message)}
    assert browser.post(url("home_wallet", young), signed).status_code == 422
    assert Gateway.objects.get().wallet is None


def test_what_is_no_wallet_is_said_beside_the_field(anna, young):
    answer = homes.confirmed(anna).post(url("home_wallet", young), {"address": "0OIl"})
    assert answer.status_code == 422
    assert "This is not a wallet address" in answer.text
    refused = homes.browser(anna).post(url("home_wallet_challenge", young), {"address": "0OIl"})
    assert (refused.status_code, list(refused.json())) == (422, ["error"])


def test_a_wallet_that_the_home_is_bound_to_is_final_and_the_page_says_so(anna):
    gateway = factories.active_gateway(owner=anna)
    browser = homes.confirmed(anna)
    answer = browser.post(url("home_wallet", gateway), {"address": Wallet().address}, follow=True)
    assert "That is for good and cannot be changed." in answer.text
    assert "bound to its wallet for good" in answer.text
    assert Gateway.objects.filter(wallet__address=WALLET).exists()


def test_the_position_can_be_changed_later_too(anna):
    gateway = factories.active_gateway(owner=anna)
    place = {"latitude": "57,7", "longitude": "11.9", "source": "pin"}
    assert homes.confirmed(anna).post(url("home_place", gateway), place).headers["Location"] == url("home_one", gateway)
    changed = my_homes.gateways_of(anna).get().coordinates
    assert changed is not None
    assert (changed.latitude, changed.longitude, changed.source) == (Decimal("57.7"), Decimal("11.9"), "pin")
    assert changed.consented_at is not None
    assert changed.consented_at <= timezone.now()


@pytest.mark.parametrize(
    "latitude, longitude, said",
    [("0", "0", "0, 0 lies in the sea"), ("118", "18", "were the two swapped"), ("here", "18", "Enter degrees")],
)
def test_a_place_that_cannot_be_is_refused_in_words(anna, latitude, longitude, said):
    gateway = factories.active_gateway(owner=anna)
    answer = homes.confirmed(anna).post(url("home_place", gateway), {"latitude": latitude, "longitude": longitude})
    assert answer.status_code == 422
    assert said in answer.text
    assert Gateway.objects.get().coordinates == gateway.coordinates


def test_who_signs_in_by_a_code_in_a_mail_does_so_again_and_comes_back(homeowner):
    homeowner.sign_up()
    browser, page = homeowner.browser, reverse("home_delete")
    asked = browser.get(page)["Location"]
    assert asked == f"/accounts/login/?next={page}"
    assert "Please sign in once more" in browser.get(asked).text
    browser.post("/accounts/login/code/", {"email": homeowner.email, "next": page})
    answer = browser.post("/accounts/login/code/confirm/", {"code": homeowner.code(), "next": page})
    assert answer["Location"] == page
    assert browser.get(page).status_code == 200
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    assert browser.get(page)["Location"] == asked


def test_keys_are_not_tried_without_end(anna):
    account = homes.account(anna, homes.partner())
    cache.set(f"key-tries:user:{anna.pk}", 10)
    page = homes.browser(anna).post(reverse("home_reconnect", args=[account.uid]), {"key_id": "1", "key_secret": "2"})
    assert (page.status_code, "Too many tries" in page.text) == (422, True)
