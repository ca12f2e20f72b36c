"""Enphase's token endpoint: what is sent there, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from ingest.vendors.base import Tokens
from ingest.vendors.enphase import Enphase
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorConsentDenied,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp

TOKEN = "https://api.enphaseenergy.com/oauth/token"
BACK = "https://portal.example/join/enphase/auth-granted"
APP = {"client_id": "app", "client_secret": "app-secret", "api_key": "app-key"}
GIVEN: dict[str, Any] = {
    "access_token": "SEEN-a", "token_type": "bearer", "refresh_token": "SEEN-r", "expires_in": 86393,
    "scope": "read write", "enl_uid": "217231", "enl_cid": "", "enl_password_last_changed": "1638870641",
    "is_internal_app": False, "app_type": "system", "jti": "1ee68d30-3e79-4347-b7ea-a5851f6f15db",
}  # fmt: skip


def adapter() -> Enphase:
    http = VendorHttp(user_agent="tests")
    return Enphase(secrets=APP, urls=Enphase.base_urls, http=http, clock=lambda: datetime.now(UTC))


def spring(error: str, description: str = "SEEN-r") -> dict[str, Any]:
    return {"error": error, "error_description": f"Invalid: {description}"}


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def test_the_link_names_the_application_and_no_secret():
    link = adapter().authorize_url(state="s/42 &", redirect_uri=BACK)
    address, _, query = link.partition("?")
    assert address == "https://api.enphaseenergy.com/oauth/authorize"
    asked = {"response_type": ["code"], "client_id": ["app"], "redirect_uri": [BACK], "state": ["s/42 &"]}
    assert parse_qs(query) == asked
    assert Enphase.state_of({"state": "s/42 &"}) == "s/42 &"


def test_a_code_becomes_tokens_by_the_applications_name_and_a_query_without_a_body(vendor):
    vendor.post(TOKEN, json=GIVEN)
    given = adapter().exchange({"code": "2TJk7M", "state": "s"}, redirect_uri=BACK)
    assert given == Tokens("SEEN-a", "SEEN-r", timedelta(seconds=86393), account="217231")
    assert "SEEN" not in repr(given)
    request: Any = vendor.calls[0].request
    assert request.headers["Authorization"] == "Basic YXBwOmFwcC1zZWNyZXQ="
    assert request.params == {"grant_type": "authorization_code", "code": "2TJk7M", "redirect_uri": BACK}
    assert not request.body


def test_a_refresh_gives_the_next_pair(vendor):
    vendor.post(TOKEN, json={name: value for name, value in GIVEN.items() if name != "enl_uid"})
    assert adapter().refresh("r1+/=") == Tokens("SEEN-a", "SEEN-r", timedelta(seconds=86393))
    sent = parse_qs(urlsplit(vendor.calls[0].request.url).query)
    assert sent == {"grant_type": ["refresh_token"], "refresh_token": ["r1+/="]}


@pytest.mark.parametrize(
    "callback",
    [{"error": "access_denied", "state": "s"}, {"access_denied": ""}, {"code": ""}, {}, {"error": "x", "code": "2TJ"}],
    ids=repr,
)
def test_who_comes_back_without_a_code_has_not_agreed(callback):
    with pytest.raises(VendorConsentDenied):
        adapter().exchange(callback, redirect_uri=BACK)


@pytest.mark.parametrize(
    "status,body,error",
    [
        (400, spring("invalid_grant"), VendorAuthFailed),
        (401, spring("invalid_grant"), VendorAuthFailed),
        (401, spring("invalid_token"), VendorAuthFailed),
        (400, spring("something_new"), VendorAuthFailed),
        (401, spring("invalid_client", "Bad client credentials"), VendorUnsupported),
        (401, spring("unauthorized", "Bad client credentials"), VendorUnsupported),
        (400, "<html>A proxy</html>", VendorReplyInvalid),
        (401, {}, VendorReplyInvalid),
        (405, spring("method_not_allowed"), VendorReplyInvalid),
        (302, "", VendorReplyInvalid),
        (429, {"message": "Too Many Requests"}, VendorThrottled),
        (503, {"message": "Service Unavailable"}, VendorUnavailable),
    ],
)
def test_only_a_lost_consent_asks_for_a_new_one_and_no_refusal_is_quoted(vendor, status, body, error):
    vendor.post(TOKEN, status=status, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(error) as caught:
        adapter().refresh("SEEN-r")
    assert type(caught.value) is error
    assert "SEEN" not in str(caught.value)
    assert "app-secret" not in str(caught.value)


def test_a_network_that_fails_does_not_give_the_token_away(vendor):
    vendor.post(TOKEN, body=requests.ConnectionError("POST /oauth/token?refresh_token=SEEN-r"))
    with pytest.raises(VendorUnavailable) as caught:
        adapter().refresh("SEEN-r")
    assert "SEEN" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"access_token": "SEEN-a", ',
        "[]",
        {name: value for name, value in GIVEN.items() if name != "refresh_token"},
        {**GIVEN, "access_token": ""},
        {**GIVEN, "access_token": 7},
        {**GIVEN, "expires_in": None},
        {**GIVEN, "expires_in": "SEEN"},
        {**GIVEN, "expires_in": True},
        {**GIVEN, "expires_in": 0},
        {**GIVEN, "expires_in": 10**20},
    ],
    ids=str,
)
def test_a_reply_that_is_no_pair_of_tokens_is_refused_and_not_shown(vendor, body):
    vendor.post(TOKEN, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(VendorReplyInvalid) as caught:
        adapter().refresh("SEEN-r")
    assert "SEEN" not in str(caught.value)


@pytest.mark.parametrize(
    "status,body,error",
    [
        (400, spring("invalid_grant"), None),
        (401, spring("invalid_token"), None),
        (401, spring("invalid_client", "Bad client credentials"), VendorAuthFailed),
        (401, spring("unauthorized", "Bad client credentials"), VendorAuthFailed),
        (401, "<html>", VendorReplyInvalid),
        (400, spring("unsupported_grant_type"), VendorAuthFailed),
        (200, GIVEN, VendorReplyInvalid),
        (500, {}, VendorUnavailable),
    ],
)
def test_an_application_is_known_where_only_the_token_is_refused(vendor, status, body, error):
    vendor.post(TOKEN, status=status, body=body if isinstance(body, str) else json.dumps(body))
    if error is None:
        adapter().test_application()
        return
    with pytest.raises(error) as caught:
        adapter().test_application()
    assert "SEEN" not in str(caught.value)


def test_a_consent_cannot_be_given_back_here():
    with pytest.raises(VendorUnsupported, match="no call"):
        adapter().revoke("r1")
