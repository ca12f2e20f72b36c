"""Clients of the API as tests use them: a token in the header, JSON in and out."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import AccessToken, set_token_value

from gateways.models import Client, Partner
from gateways.oauth import clients, scopes
from tests import factories
from tests.factories import NOW


class Api:
    """Calls the API with one access token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.browser = Browser(headers={"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, query: dict[str, Any] | None = None, headers: Any = None) -> Any:
        return self.browser.get(_whole(path), query, headers=headers)

    def post(self, path: str, body: Any = None, headers: Any = None) -> Any:
        return self.browser.post(_whole(path), orjson.dumps(body or {}), "application/json", headers=headers)

    def put(self, path: str, body: Any, headers: Any = None) -> Any:
        return self.browser.put(_whole(path), orjson.dumps(body), "application/json", headers=headers)

    def patch(self, path: str, body: Any, headers: Any = None) -> Any:
        return self.browser.patch(_whole(path), orjson.dumps(body), "application/merge-patch+json", headers=headers)

    def delete(self, path: str, headers: Any = None) -> Any:
        return self.browser.delete(_whole(path), headers=headers)


def token_of(client: Client, user: User | None = None, *only: str, lifetime: timedelta = timedelta(hours=1)) -> str:
    """Issue an access token; with all of the client's scopes if none are named."""
    token = secrets.token_urlsafe(24)
    row = AccessToken(
        application=client, user=user, expires=timezone.now() + lifetime,
        scope=" ".join(only or scopes.allowed(client)),
    )  # fmt: skip
    set_token_value(row, token)
    row.save()
    return token


def backend(of: Partner | None = None, *only: str, **fields: Any) -> Api:
    """A partner's backend that may do everything a backend of its purpose may, or only these scopes."""
    allowed = only or (scopes.VALIDATORS if fields.get("purpose") == Client.Purpose.REWARDS else scopes.BACKENDS)
    made, _secret = clients.create_backend(
        partner=of or factories.partner(), name="Backend", allowed_scopes=allowed, by="test", now=NOW, **fields
    )
    return Api(token_of(made))


def problem(answer: Any) -> tuple[int, str]:
    """The status of a problem document, and its type's name."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["type"].rpartition("#")[2]


def fields(answer: Any) -> list[str]:
    """The parameters or members that a problem document names."""
    return [error["field"] for error in answer.json().get("errors", ())]


def _whole(path: str) -> str:
    return path if path.startswith("/") else f"/api/v1/{path}"
