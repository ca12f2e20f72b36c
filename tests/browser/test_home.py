"""The homeowner's pages in a real browser: charts and map are drawn, nothing is wider than a telephone, axe agrees."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from ingest.models import GatewayQueue
from tests.browser import axe
from tests.factories import NOW
from tests.onboarding import homes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anna(page: Page, live_server: Any) -> Any:
    """A homeowner in front of her browser, with a home that sends; what the console complains about fails the test."""
    owner = homes.user()
    # Where it is noon, so that today has readings whenever the test runs.
    system = homes.home(owner, timezone=f"Etc/GMT{timezone.now().hour - 12:+d}")
    homes.read(system, 12)
    GatewayQueue.objects.update(delivered=36, last_delivered_at=NOW)
    key = homes.confirmed(owner).session.session_key
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": str(key), "url": live_server.url}])
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield system
    assert complaints == []


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 360)])
def test_every_page_of_a_home_can_be_used_by_everybody(
    page: Page, live_server: Any, anna: Any, scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    serial, uid = homes.gateway_of(anna).serial, anna.connection.uid
    addresses = [
        *(reverse(name) for name in ("home", "home_consents", "home_data", "home_delete")),
        *(reverse(name, args=[uid]) for name in ("home_sharing", "home_disconnect", "home_reconnect")),
        reverse("home_place", args=[serial]),
    ]
    for address in addresses:
        page.goto(live_server.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert axe.violations(page) == [], address


def test_the_charts_and_the_map_are_drawn_and_a_table_says_the_same(page: Page, live_server: Any, anna: Any) -> None:
    page.goto(live_server.url + reverse("home"))
    expect(page.locator(".chart canvas")).to_have_count(6)
    assert axe.violations(page) == []
    expect(page.get_by_role("application", name="Map")).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.locator("details table").first).to_contain_text("so far")


def test_the_home_is_all_there_without_scripts(browser: Any, live_server: Any, page: Page, anna: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())
    plain = context.new_page()
    plain.goto(live_server.url + reverse("home"))
    expect(plain.get_by_text("producing", exact=False).first).to_be_visible()
    plain.get_by_text("As a table").first.click()
    expect(plain.get_by_role("table").first).to_be_visible()
    plain.get_by_role("link", name="The day before").click()
    expect(plain.get_by_role("link", name="The day after")).to_be_visible()
    context.close()
