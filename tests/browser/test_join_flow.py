"""A homeowner who comes from a partner's own site, on a small phone, and goes back there."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from onboarding.models import Enrollment
from tests.browser import axe
from tests.onboarding.flows.conftest import vendor
from tests.onboarding.flows.walk import STATE, Site

__all__ = ["vendor"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(vendor, httpserver):
    httpserver.expect_request("/done").respond_with_data("<h1>Thank you</h1>", content_type="text/html")
    return Site(redirect_uri=httpserver.url_for("/done"))


def test_keys_are_filled_in_and_the_form_ends_at_the_partner(page, live_server, site):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{live_server.url}{site.link(vendor='solis')}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your keys from Fake")
    assert axe.violations(page) == []
    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="I agree, go on").click()
    expect(page.get_by_role("alert")).to_contain_text("does not accept these keys")
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_label("Key").fill("right")
    page.get_by_role("button", name="I agree, go on").click()
    # The form's redirect leaves for another origin, which the policy has to allow.
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    told = parse_qs(urlsplit(page.url).query)
    assert (told["state"], told["enrollmentID"]) == ([STATE], [str(Enrollment.objects.get().uid)])
