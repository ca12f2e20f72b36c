"""A homeowner, an app and a backend of one partner, and what each of them does by hand."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.contrib.auth.models import User
from django.test import Client as Browser

from gateways.models import Client, Gateway, Partner
from gateways.oauth import clients, scopes
from tests import factories
from tests.api.calling import Api
from tests.factories import NOW
from tests.onboarding import homes

BACK = "https://app.example/done"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class World:
    def __init__(self) -> None:
        self.anna = homes.user()
        kind = factories.gateway_type()
        self.partner: Partner = kind.partner
        self.villa = factories.gateway(kind, owner=self.anna, name="Villa")
        self.cabin = factories.gateway(kind, owner=self.anna, name="Cabin")
        self.app, self.secret = make_app(self.partner)
        self.browser = homes.browser(self.anna)

    def bos_home(self) -> Gateway:
        """A home of another homeowner with the same partner."""
        bo = homes.user("bo@example.com")
        return factories.gateway(self.villa.gateway_type, owner=bo, name="Bo's")

    def backend(self, *allowed: str, of: Partner | None = None, **fields: Any) -> tuple[Client, str]:
        return clients.create_backend(
            partner=of or self.partner, name="Backend", allowed_scopes=allowed or (scopes.GATEWAYS_READ,), by="test",
            now=NOW, **fields,
        )  # fmt: skip

    # --- In front of the consent page ---------------------------------------------------------------------------------

    def url(self, **changed: str | None) -> str:
        """The address that the app sends browsers to; None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "response_type": "code", "client_id": self.app.client_id, "redirect_uri": BACK, "state": "s t&",
            "scope": scopes.GATEWAYS_READ, "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changed,
        }  # fmt: skip
        return "/oauth/authorize/?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def see(self, **changed: str | None) -> Any:
        return self.browser.get(self.url(**changed))

    def choose(
        self, *chosen: Gateway, by: User | None = None, kinds: Sequence[str] = ("pv", "battery"), **changed: Any
    ) -> Any:
        browser = homes.browser(by) if by else self.browser
        ticked = {"homes": [home.serial for home in chosen or (self.villa,)], "kinds": kinds}
        return browser.post(self.url(**changed), ticked)

    def code(self, *chosen: Gateway, **changed: Any) -> str:
        return answer(self.choose(*chosen, **changed))["code"]

    # --- Behind it ----------------------------------------------------------------------------------------------------

    def token(self, grant_type: str, auth: tuple[str, str] | None = None, **body: str) -> Any:
        return post("token", {"grant_type": grant_type, **body}, auth or (self.app.client_id, self.secret))

    def exchange(self, code: str, **changed: Any) -> Any:
        body: dict[str, Any] = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **changed}
        return self.token("authorization_code", **body)

    def tokens(self, *chosen: Gateway, **changed: str | None) -> dict[str, Any]:
        """Tokens of the app for these homes, the whole way through."""
        given: dict[str, Any] = self.exchange(self.code(*chosen, **changed)).json()
        return given

    def refresh(self, token: str, **changed: Any) -> Any:
        return self.token("refresh_token", refresh_token=token, **changed)


def make_app(partner: Partner, **fields: Any) -> tuple[Client, str]:
    values = {"redirect_uris": [BACK], "allowed_scopes": list(scopes.HOMEOWNERS), "name": "Sun App", **fields}
    return clients.create_app(partner=partner, by="test", now=NOW, **values)


def post(page: str, body: dict[str, Any], auth: tuple[str, str] | None = None) -> Any:
    headers = {}
    if auth:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
    return Browser(enforce_csrf_checks=True).post(f"/oauth/{page}/", body, headers=headers)


def answer(response: Any) -> dict[str, str]:
    """What the browser takes back to the app."""
    assert response.status_code == 303, response.content.decode()
    assert response["Location"].startswith(f"{BACK}?"), response["Location"]
    found = parse_qs(urlsplit(response["Location"]).query)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


def seen(token: str) -> Any:
    """The gateways that a token reaches, or the status of the refusal."""
    reply = Api(token).get("gateways")
    return {row["id"] for row in reply.json()["data"]} if reply.status_code == 200 else reply.status_code
