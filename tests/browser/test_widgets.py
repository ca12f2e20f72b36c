"""The scripts of homeowners' pages in a real browser, under the policy of the real pages."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from qrcode.image.svg import SvgPathFillImage
from qrcode.main import QRCode

from tests.browser import axe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.browser.widget_pages")]

ADDRESS = "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"

# Both sign with the first 64 bytes of what they are asked to sign.
STANDARD_WALLET = """
const account = {address: "%s", chains: ["solana:mainnet"]};
const features = {"standard:connect": {connect: async () => ({accounts: [account]})},
  "solana:signMessage": {signMessage: async ({message}) => [{signature: message.slice(0, 64)}]}};
const icon = "data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg'/%%3E";
const wallet = {name: "Test Wallet", icon, chains: account.chains, features};
const announce = ({register}) => register(wallet);
window.addEventListener("wallet-standard:app-ready", ({detail}) => announce(detail));
"""
LATE_WALLET = (
    STANDARD_WALLET
    + """
window.addEventListener("load", () => window.dispatchEvent(
  new CustomEvent("wallet-standard:register-wallet", {detail: announce})));
"""
)
INJECTED_WALLET = """
window.solana = {connect: async () => ({publicKey: "%s"}), signMessage: async m => ({signature: m.slice(0, 64)})};
"""
SHY_WALLET = """
window.solana = {connect: async () => { throw new Error("User rejected: %s"); }, signMessage() {}};
"""
# A camera that always sees this picture.
CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  const picture = Object.assign(new Image(), {src: "data:image/svg+xml;base64,%s"});
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: 480, height: 480});
  setInterval(() => canvas.getContext("2d").drawImage(picture, 60, 60, 360, 360), 50);
  return canvas.captureStream(20);
};
"""
DRAWN = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte)"


@pytest.fixture
def visit(page: Page, live_server: Any) -> Iterator[Callable[[str], Page]]:
    """Open a page; the test fails on what its console complains about, and on a request that leaves the machine."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    own = {"localhost", "127.0.0.1", None}
    page.on("request", lambda it: complaints.append(it.url) if urlsplit(it.url).hostname not in own else None)
    page.set_viewport_size({"width": 360, "height": 800})

    def go(name: str) -> Page:
        page.goto(f"{live_server.url}/widgets/{name}/")
        return page

    yield go
    assert complaints == []


def position(page: Page) -> list[str]:
    return [page.locator(selector).input_value() for selector in ("#id_lat", "#id_lng", "#id_source")]


def test_the_pin_and_the_typed_fields_follow_each_other(visit: Any) -> None:
    page = visit("map")
    ground, pin, ground_of_cottage = page.locator("#edited .map"), page.locator("#edited .pin"), page.locator("#shown")
    expect(ground_of_cottage.get_by_role("img", name="The cottage")).to_be_visible()
    expect(ground.locator("path.land").nth(200)).to_be_attached()
    expect(pin).to_have_count(0)
    assert position(page) == ["", "", "vendor"]

    page.fill("#id_lat", "57,7")
    page.fill("#id_lng", "11.97")
    page.keyboard.press("Tab")
    expect(pin).to_be_visible()
    assert position(page) == ["57,7", "11.97", "typed"]

    ground.click(position={"x": 200, "y": 200})
    latitude, longitude, source = position(page)
    assert 56 < float(latitude) < 57.7
    assert 11.97 < float(longitude) < 13
    assert source == "pin"
    expect(page.locator("#edited [role=status]")).to_have_text(f"The pin is at {latitude}, {longitude}.")
    assert axe.violations(page) == []


def test_the_map_is_moved_and_the_pin_is_put_by_keyboard(visit: Any) -> None:
    page = visit("map")
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("application", name="Map", exact=True).focus()
    page.keyboard.press("Enter")
    assert position(page) == ["50.00000", "10.00000", "pin"]
    page.get_by_role("button", name="Put the pin in the middle of the map").press("Enter")
    assert position(page) == ["50.00000", "10.00000", "pin"]
    page.fill("#id_lat", "north")
    page.keyboard.press("Tab")
    expect(page.locator("#edited .pin")).to_have_count(0)


def test_the_browser_tells_its_position_or_says_that_it_may_not(visit: Any) -> None:
    page = visit("map")
    button, status = page.get_by_role("button", name="Use my position"), page.locator("#edited [role=status]")
    page.context.clear_permissions()
    button.click()
    expect(status).to_have_text("Your browser may not tell us.")
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 59.334591, "longitude": 18.063240})
    button.click()
    expect(status).to_have_text("Found. Is the pin on your roof?")
    assert position(page) == ["59.33459", "18.06324", "browser"]
    expect(page.locator("#edited .pin")).to_be_visible()


@pytest.mark.parametrize(
    "wallet, name",
    [(STANDARD_WALLET, "Test Wallet"), (LATE_WALLET, "Test Wallet"), (INJECTED_WALLET, "Solana")],
    ids=["standard", "late", "injected"],
)
def test_a_wallet_signs_the_challenge_and_the_form_is_sent(visit: Any, page: Page, wallet: str, name: str) -> None:
    page.add_init_script(wallet % ADDRESS)
    visit("wallet").get_by_role("button", name=f"Connect {name}").click()
    sent = json.loads(page.locator("pre").inner_text())
    message = f"Sign åt {ADDRESS}"
    assert (sent["address"], sent["message"], sent["prove"]) == (ADDRESS, message, "1")
    assert b64decode(sent["signature"]) == message.encode()[:64]


def test_what_a_wallet_or_we_refuse_is_said(page: Page, live_server: Any) -> None:
    status = page.locator("[data-wallet-status]")
    page.add_init_script(SHY_WALLET % "code 4001")
    page.goto(f"{live_server.url}/widgets/wallet/")
    page.get_by_role("button", name="Connect").click()
    expect(status).to_have_text("Your wallet said no.")
    page.evaluate("window.solana.connect = async () => ({publicKey: 'known'})")
    page.get_by_role("button", name="Connect").click()
    expect(status).to_have_text("This wallet belongs to another home.")
    page.route("**/challenge/", lambda route: route.abort())
    page.get_by_role("button", name="Connect").click()
    expect(status).to_have_text("Please try again.")


def test_without_a_wallet_only_the_fields_are_shown(visit: Any) -> None:
    page = visit("wallet")
    expect(page.get_by_role("button", name="Scan a code")).to_be_visible()
    expect(page.get_by_role("button", name="Connect")).to_have_count(0)
    assert axe.violations(page) == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "https://portal.example/join/sunny/"


def test_a_code_before_the_camera_fills_in_the_address(visit: Any, page: Page) -> None:
    code = QRCode(image_factory=SvgPathFillImage)
    code.add_data(f"solana:{ADDRESS}?label=Me")
    page.add_init_script(CAMERA % b64encode(code.make_image().to_string()).decode())
    visit("wallet").get_by_role("button", name="Scan a code").click()
    expect(page.locator("#id_address")).to_have_value(ADDRESS)
    expect(page.locator("#id_address")).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_where_there_is_no_camera_the_dialog_says_so_and_closes(visit: Any, page: Page) -> None:
    visit("wallet").get_by_role("button", name="Scan a code").click()
    expect(page.get_by_role("dialog", name="Scan the code of your wallet")).to_contain_text(
        "The camera may not be used."
    )
    assert axe.violations(page) == []
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Scan a code")).to_be_focused()


def test_charts_are_drawn_and_the_table_stays(visit: Any) -> None:
    page = visit("charts")
    for name in ("Lines", "Bars"):
        assert page.get_by_role("img", name=name).locator("canvas").evaluate(DRAWN)
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("table").first).to_be_visible()
    page.emulate_media(color_scheme="dark")
    assert page.get_by_role("img", name="Lines").locator("canvas").evaluate(DRAWN)
    assert axe.violations(page) == []


def test_figures_that_do_not_come_leave_the_table_open(page: Page, live_server: Any) -> None:
    page.route("**/bars.json", lambda route: route.abort())
    page.goto(f"{live_server.url}/widgets/charts/")
    expect(page.locator("figure", has_text="Bars").get_by_role("table")).to_be_visible()
    expect(page.get_by_role("img", name="Bars")).to_have_count(0)


def test_progress_follows_the_server_until_it_is_done(visit: Any, page: Page) -> None:
    page.clock.install()
    state = visit("progress").locator("#state")
    asked: list[str] = []
    page.on("request", lambda it: asked.append(it.url) if it.resource_type == "fetch" else None)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.clock.run_for(7_000)
    expect(state).to_contain_text("Looked 1 times")
    assert asked == []
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    for looks in (2, 3):
        page.clock.run_for(3_100)
        expect(state).to_contain_text(f"Looked {looks} times")
    expect(state).to_have_attribute("data-done", "")
    page.clock.run_for(9_000)
    assert len(asked) == 2


def test_a_form_is_sent_once_until_somebody_comes_back_to_it(visit: Any, page: Page) -> None:
    visit("classes")
    send = "() => document.forms[0].dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}))"
    assert [page.evaluate(send), page.evaluate(send)] == [True, False]
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow'))")
    assert page.evaluate(send)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_parts_of_the_stylesheet_are_readable_on_the_smallest_phone(visit: Any, page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    visit("classes")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert axe.violations(page) == []
