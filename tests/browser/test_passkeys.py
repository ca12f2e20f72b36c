"""Signing up and in by a passkey, with an authenticator that Chromium plays."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from tests.browser import axe
from tests.clouds import join_page

__all__ = ["join_page"]

pytestmark = pytest.mark.django_db(transaction=True)

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def test_a_passkey_opens_an_account_and_signs_in_again(page, live_server, join_page):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto(f"{live_server.url}/join/sunny/")
    page.get_by_role("link", name="Start").click()
    page.get_by_role("link", name="Use a passkey instead").click()
    wrong = axe.violations(page)
    page.get_by_label("Email").fill("anna@home.example")
    page.get_by_role("button", name="Sign Up").click()
    code = re.search(r"^[A-Z0-9]{3,}-?[A-Z0-9]{3,}$", str(mail.outbox[-1].body), re.MULTILINE)
    assert code
    page.get_by_label("Code").fill(code[0])
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/webauthn/signup/")  # before the page has loaded, its button does nothing yet
    page.get_by_role("button", name="Create").click()
    page.wait_for_url("**/join/sunny/brand/")

    page.goto(f"{live_server.url}/accounts/logout/")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    wrong += axe.violations(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/join/sunny/brand/")
    assert wrong == []
