"""What the content security policy forbids does not happen on our pages."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User

from gateways.rest import pages
from tests.api.calling import backend

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def complaints(page):
    """Everything the browser complains about, and every request that leaves this machine."""
    found = []

    def listen(message):
        if message.type == "error":
            found.append(message.text)

    def watch(request):
        if urlsplit(request.url).hostname != "localhost":
            found.append(request.url)

    page.on("console", listen)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", watch)
    return found


def test_signing_in_and_the_admin_run_without_a_complaint(page, live_server, complaints):
    ann = User.objects.create_superuser("ann", "ann@sunny.example", "correct horse battery")
    EmailAddress.objects.create(user=ann, email=ann.email, verified=True, primary=True)
    page.goto(f"{live_server.url}/admin/")
    page.fill("input[name=login]", "ann@sunny.example")
    page.fill("input[name=password]", "correct horse battery")
    page.click('form[action="/accounts/login/"] button')
    page.wait_for_url("**/admin/")
    page.goto(f"{live_server.url}/admin/auth/user/")
    page.wait_for_load_state("networkidle")
    assert "ann@sunny.example" in page.content()
    assert complaints == []


def test_the_api_is_tried_with_a_token_without_a_complaint(page, live_server, complaints, settings):
    settings.PUBLIC_URL = live_server.url
    pages._described.cache_clear()
    page.goto(f"{live_server.url}/api/docs")
    page.click(".btn.authorize")
    page.fill("input[aria-label='auth-bearer-value']", backend().token)
    page.click("button[aria-label='Apply credentials'] >> nth=-1")
    page.click(".btn-done")
    page.click("#operations-tag-me button.expand-operation")
    page.click("#operations-me-me_retrieve button.opblock-summary-control")
    page.click("button.try-out__btn")
    page.click("button.execute")
    assert "200" in page.locator(".live-responses-table tbody .response-col_status").inner_text()
    assert complaints == []
    pages._described.cache_clear()
