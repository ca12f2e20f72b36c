"""The longest words on the smallest phone: no page is wider than the screen in any language."""

from __future__ import annotations

import pytest
from django.conf import settings

from onboarding import steps
from tests.clouds import clouds, join_page, running_clouds
from tests.onboarding.homeowner import Homeowner

__all__ = ["clouds", "join_page", "running_clouds"]

pytestmark = pytest.mark.django_db(transaction=True)

LONG = ("de", "fr")
ACCOUNT = ["/accounts/signup/", "/accounts/login/", "/accounts/login/code/"]


@pytest.fixture
def visit(page, live_server):
    """Open a page on a phone of 360 pixels; return its language and its width."""
    page.set_viewport_size({"width": 360, "height": 740})

    def visited(address, language):
        cookie = {"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}
        page.context.add_cookies([cookie])
        page.goto(live_server.url + address)
        return page.evaluate("[document.documentElement.lang, document.documentElement.scrollWidth]")

    return visited


@pytest.fixture
def homeowner(join_page, clouds):
    homeowner = Homeowner(join_page.partner.slug)
    homeowner.see()
    return homeowner


def sign_in(page, live_server, homeowner):
    """Go on in the browser with the session of `homeowner`."""
    cookie = homeowner.browser.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])


def test_no_step_of_the_journey_is_wider_than_a_phone(page, live_server, visit, homeowner):
    homeowner.go_to("review")
    sign_in(page, live_server, homeowner)
    for address in [homeowner.url(), *map(homeowner.url, steps.BY_SLUG), homeowner.url("stop")]:
        for language in LONG:
            assert visit(address, language) == [language, 360], address
            assert page.url == live_server.url + address


def test_no_page_of_an_account_is_wider_than_a_phone(page, live_server, visit, homeowner):
    sign_in(page, live_server, homeowner)  # a browser that came by the link, and is nobody yet
    for address in ACCOUNT:
        for language in LONG:
            assert visit(address, language) == [language, 360], address
