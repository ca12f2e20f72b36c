"""The admin's pages in a real browser: on a phone and a desk, light and dark, by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from gateways.models import Gateway
from ingest.models import Connection, Der, Message
from tests.admin.conftest import Fleet, make_fleet, staff
from tests.admin.pages import address

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fleet() -> Fleet:
    return make_fleet()


@pytest.fixture
def operator(page: Page, live_server: Any, fleet: Fleet) -> Page:
    """The browser of somebody who operates the fleet; what its console complains about fails the test."""
    return signed_in(page, live_server.url, staff(fleet.partner, "operator"))


def signed_in(page: Page, url: str, client: Client) -> Page:
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": str(client.session.session_key), "url": url}]
    )
    return page


def open_page(page: Page, live_server: Any, path: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(live_server.url + path)
    page.wait_for_load_state("networkidle")
    assert complaints == []


def test_no_page_is_wider_than_a_phone(operator: Page, live_server: Any, fleet: Fleet) -> None:
    operator.set_viewport_size({"width": 390, "height": 844})
    message, der = Message.objects.get(), Der.objects.get()
    pages = [
        "/admin/",
        address(Gateway, "changelist"),
        address(Gateway, "change", fleet.gateway.pk),
        address(Gateway, "history", fleet.gateway.pk),
        address(Gateway, "add"),
        address(Connection, "changelist"),
        f"{address(Connection, 'add')}?partner={fleet.partner.pk}&vendor=solis",
        address(Message, "change", message.pk),
        f"/admin/ingest/der/{der.pk}/readings/",
    ]
    for path in pages:
        open_page(operator, live_server, path)
        assert operator.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_front_page_draws_its_chart_on_a_ground_that_follows_the_system(
    operator: Page, live_server: Any, scheme: Any
) -> None:
    operator.emulate_media(color_scheme=scheme)
    open_page(operator, live_server, "/admin/")
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte)"
    operator.wait_for_function(f"({drawn})(document.querySelector('canvas.chart'))")
    dark = operator.evaluate("document.documentElement.classList.contains('dark')")
    assert dark == (scheme == "dark")
    operator.get_by_text("The same as a table").click()
    expect(operator.get_by_role("table").first).to_be_visible()


def test_a_gateway_is_suspended_and_resumed_on_its_own_page(operator: Page, live_server: Any, fleet: Fleet) -> None:
    open_page(operator, live_server, address(Gateway, "change", fleet.gateway.pk))
    operator.get_by_role("button", name="Suspend").click()
    expect(operator.get_by_text("1 gateway suspended")).to_be_visible()
    expect(operator.get_by_role("button", name="Suspend")).to_have_count(0)
    operator.get_by_role("button", name="Resume").click()
    expect(operator.get_by_text("1 gateway resumed")).to_be_visible()


def test_a_ban_asks_for_its_reason_and_can_be_called_off(operator: Page, live_server: Any, fleet: Fleet) -> None:
    open_page(operator, live_server, address(Gateway, "change", fleet.gateway.pk))
    operator.get_by_role("button", name="Ban key…").click()
    expect(operator.get_by_text("A banned key never signs again.")).to_be_visible()
    operator.get_by_role("link", name="Cancel").click()
    assert fleet.gateway.keys.get().state == "active"
    operator.get_by_role("button", name="Ban key…").click()
    operator.get_by_label("Reason").fill("stolen")
    operator.get_by_role("button", name="Ban key").click()
    expect(operator.get_by_text("1 gateway left without a key")).to_be_visible()
    assert fleet.gateway.keys.get().ban_reason == "stolen"


def test_an_act_is_chosen_for_rows_of_the_list(operator: Page, live_server: Any, fleet: Fleet) -> None:
    open_page(operator, live_server, address(Message, "changelist"))
    operator.locator("input.action-select").first.check()
    operator.locator("select[name=action]").select_option(label="Retry")
    operator.get_by_role("button", name="Run").click()
    expect(operator.get_by_text("1 message put back into their queues.")).to_be_visible()


def test_a_viewer_is_shown_no_button(page: Page, live_server: Any, fleet: Fleet) -> None:
    viewer = signed_in(page, live_server.url, staff(fleet.partner, "viewer"))
    open_page(viewer, live_server, address(Gateway, "change", fleet.gateway.pk))
    expect(viewer.locator(".row-head")).to_be_visible()
    expect(viewer.locator(".row-head button")).to_have_count(0)


def test_signing_in_works_by_keyboard_and_without_scripts(
    browser: Any, live_server: Any, django_user_model: Any
) -> None:
    ann = django_user_model.objects.create_superuser("ann", "ann@sunny.example", "correct horse battery")
    EmailAddress.objects.create(user=ann, email=ann.email, verified=True, primary=True)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 700})
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.get_by_label("Email").focus()
    page.keyboard.type("ann@sunny.example")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server.url}/admin/")
    context.close()
