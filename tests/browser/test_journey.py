"""A homeowner's whole way in a real browser: from the link to readings at SEN, signed by the key of that home."""

from __future__ import annotations

import dataclasses
import re
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from django.core import mail
from django.utils import timezone
from playwright.sync_api import expect

from gateways.models import Gateway
from ingest import pull, push
from ingest.models import Connection
from ingest.vendors.enphase import Enphase
from ingest.vendors.solaredge import SolarEdge
from ingest.vendors.solis import Solis
from onboarding import advancing
from onboarding.vendor_oauth import redirect_uri
from tests.browser import axe
from tests.clouds import APPLICATIONS, clouds, join_page, running_clouds
from tests.onboarding.homeowner import Wallet

__all__ = ["clouds", "join_page", "running_clouds"]

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "anna@home.example"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# A wallet as a browser extension brings it (Wallet Standard); Python signs.
WALLET = """
const bytes = text => Uint8Array.from(atob(text), it => it.charCodeAt(0));
const account = {address: "%s", chains: ["solana:mainnet"]};
const features = {"standard:connect": {connect: async () => ({accounts: [account]})},
  "solana:signMessage": {signMessage: async ({message}) =>
    [{signature: bytes(await signWithPython(new TextDecoder().decode(message)))}]}};
const wallet = {name: "Test Wallet", chains: account.chains, features};
window.addEventListener("wallet-standard:app-ready", ({detail}) => detail.register(wallet));
"""


class Walk:
    """Somebody in front of the browser. Every page is checked by axe and fits the screen; nothing breaks the policy."""

    def __init__(self, page, url, *, scripts=True):
        self.page, self.url, self.scripts = page, url, scripts
        self.wrong: list[str] = []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._hear)
        page.on("request", self._watch)

    def _hear(self, message):
        if message.type == "error" and "422" not in message.text:
            self.wrong.append(message.text)

    def _watch(self, request):
        if urlsplit(request.url).hostname not in {"localhost", "127.0.0.1", None}:
            self.wrong.append(request.url)

    def go_on(self, button, heading):
        """Press a button and arrive at a page of ours."""
        self.page.get_by_role("button", name=button, exact=True).click()
        self.arrive(heading)

    def arrive(self, heading):
        expect(self.page.get_by_role("heading", level=1)).to_have_text(re.compile(heading))
        if self.scripts:
            self.wrong += [f"{heading}: {one}" for one in axe.violations(self.page)]
        width = self.page.evaluate("document.documentElement.scrollWidth")
        if width > self.page.viewport_size["width"]:
            self.wrong.append(f"{heading}: {width} pixels wide")

    def sign_up(self):
        self.page.goto(f"{self.url}/join/sunny/")
        self.arrive("Sunny Homes invites you")
        self.page.get_by_role("link", name="Start").click()
        self.arrive("Your account")
        self.page.get_by_label("Email").fill(EMAIL)
        self.go_on("Send me the code", "Enter the code")
        code = re.search(r"^[A-Z0-9]{3,}-?[A-Z0-9]{3,}$", str(mail.outbox[-1].body), re.MULTILINE)
        assert code
        self.page.get_by_label("Code").fill(code[0])
        self.go_on("Go on", "Which brand")

    def choose(self, brand):
        self.page.get_by_role("radio", name=re.compile(brand)).check()
        self.go_on("Go on", "What you share")

    def try_keys(self, key_id, key_secret, heading):
        self.page.get_by_label("Key ID").fill(key_id)
        self.page.get_by_label("Key secret").fill(key_secret)
        self.go_on("Check the keys and go on", heading)

    def finish_by_hand(self, wallet):
        """Go on from the keys with nothing but fields and buttons."""
        self.try_keys("summer-time-key", "summer-time-secret", "What we found")
        self.go_on("Go on", "Where shall the rewards go")
        self.page.get_by_label("Address of your wallet").fill(wallet.address)
        self.go_on("Go on", "Where shall the rewards go")
        message = self.page.get_by_label("Message to sign").input_value()
        self.page.get_by_label("Signature").fill(wallet.sign(message))
        self.go_on("Prove it and go on", "Where is your home")
        self.page.get_by_label("Latitude").fill("59.3293")
        self.page.get_by_label("Longitude").fill("18.0686")
        self.page.get_by_label("Yes, this is the right place.").check()
        self.go_on("Go on", "Is everything right")
        self.go_on("Finish", "Berlin home")


@pytest.fixture
def walk(page, live_server, clouds, join_page, settings, monkeypatch):
    settings.PUBLIC_URL = live_server.url
    for vendor, (_, secrets) in APPLICATIONS.items():
        app = {**secrets, "redirect_uri": redirect_uri(vendor)}
        requests.post(f"{clouds}/{vendor}/__admin/apps", json=app, timeout=60).raise_for_status()
    for adapter in (Solis, SolarEdge, Enphase):
        short = dataclasses.replace(adapter.policy, quotas=(), first_lookback=timedelta(hours=2))
        monkeypatch.setattr(adapter, "policy", short)
    walk = Walk(page, live_server.url)
    yield walk
    assert walk.wrong == []


def assert_readings_at_sen(clouds, gateway, wallet):
    """Do what the workers do, and ask SEN, which takes only what the key it knows of this gateway has signed."""
    advancing.advance_homes(clock=timezone.now, until=time.monotonic() + 20)
    account = Connection.objects.get(systems__gateway=gateway)
    Connection.objects.filter(pk=account.pk).update(next_pull_at=timezone.now())
    pull.pull_connection(connection_id=account.pk, clock=timezone.now, until=time.monotonic() + 20)
    push.push_due(clock=timezone.now, until=time.monotonic() + 20)
    known = requests.get(f"{clouds}/sen/__admin/gateways/{gateway.serial}", timeout=60).json()
    assert known["wallet"] == wallet.address
    assert [key["public_key"] for key in known["keys"]] == [gateway.keys.get().public_key]
    points = requests.get(f"{clouds}/sen/__admin/points?device={gateway.serial}", timeout=60).json()["points"]
    sent = {point["sn"] for point in points}
    # At night a solar inverter says nothing, and the newest hours are read first.
    assert sent
    assert sent <= set(gateway.system.ders.values_list("sn", flat=True))


@pytest.mark.parametrize(
    "brand, home, screen", [("SolarEdge", "Home of ok", PHONE), ("Enphase", "Home in Amsterdam", DESKTOP)]
)
def test_with_a_consent_at_the_vendor_and_a_wallet_in_the_browser(brand, home, screen, walk, clouds):
    page, wallet = walk.page, Wallet()
    page.set_viewport_size(screen)
    page.expose_function("signWithPython", wallet.sign)
    page.add_init_script(WALLET % wallet.address)
    walk.sign_up()
    walk.choose(brand)
    walk.go_on("I agree, go on", f"Sign in at {brand}")
    page.get_by_role("button", name=f"Go to {brand}").click()
    page.locator("input[name=login], input[name=username]").fill("ok")
    page.locator("input[name=password]").fill("any")
    page.locator("button.primary").click()
    page.locator("button[name=decision].primary").click()
    walk.arrive("What we found")
    walk.go_on("Go on", "Where shall the rewards go")
    walk.go_on("Connect Test Wallet", "Where is your home")
    page.locator(".map").click(position={"x": 150, "y": 150})
    page.get_by_label("Yes, this is the right place.").check()
    walk.go_on("Go on", "Is everything right")
    walk.go_on("Finish", home)
    gateway = Gateway.objects.get(owner__email=EMAIL, coordinates__source="pin")
    assert_readings_at_sen(clouds, gateway, wallet)


def test_with_keys_and_a_signature_by_hand(walk, clouds):
    page, wallet = walk.page, Wallet()
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="dark")
    walk.sign_up()
    walk.choose("Solis")
    walk.go_on("I agree, go on", "Your keys from Solis")
    walk.try_keys("wrong", "wrong", "Your keys from Solis")
    expect(page.get_by_role("alert")).to_be_focused()
    walk.finish_by_hand(wallet)
    assert_readings_at_sen(clouds, Gateway.objects.get(owner__email=EMAIL), wallet)


def test_without_scripts_on_the_smallest_phone(browser, live_server, clouds, join_page):
    wallet = Wallet()
    with browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}) as context:
        walk = Walk(context.new_page(), live_server.url, scripts=False)
        walk.sign_up()
        walk.choose("Solis")
        walk.go_on("I agree, go on", "Your keys from Solis")
        walk.finish_by_hand(wallet)
        assert walk.wrong == []
    assert Gateway.objects.filter(owner__email=EMAIL, wallet__address=wallet.address).exists()
