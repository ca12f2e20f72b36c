"""The consent page of an app in a real browser, on a telephone and by keyboard: the browser ends at the app."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.oauth.world import World, make_app

pytestmark = pytest.mark.django_db(transaction=True)


class App(BaseHTTPRequestHandler):
    """An app that sends whoever comes back on to a page without the code, as it should."""

    def do_GET(self) -> None:
        self.send_response(303 if "code=" in self.path else 200)
        self.send_header("Location", "/welcome")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def app_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), App) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_homeowner_lets_an_app_in_with_the_keyboard_on_a_telephone(
    page: Page, live_server: Any, app_url: str
) -> None:
    world = World()
    world.app, world.secret = make_app(world.partner, redirect_uris=[f"{app_url}/done"])
    key = str(world.browser.session.session_key)
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}])
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for scheme, width in (("light", 1280), ("dark", 360)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(live_server.url + world.url(redirect_uri=f"{app_url}/done"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe.violations(page) == []
    page.get_by_label("Villa").focus()
    page.keyboard.press("Space")
    for _ in ("Cabin", "solar", "battery", "meter", "Allow"):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Allow", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{app_url}/welcome")
    assert complaints == []
