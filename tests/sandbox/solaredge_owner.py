"""An owner's browser at SolarEdge's stand-in, and the application that sends it there; neither knows the adapter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import Client, TestResponse

from sandbox.clock import Clock
from sandbox.server import Server, World
from sandbox.solaredge import SolarEdge
from sandbox.state import State

NOW = datetime(2026, 6, 10, 12, 7, 31, tzinfo=UTC)
APP = {"client_id": "sandbox-solaredge", "client_secret": "sandbox-solaredge-secret"}
REDIRECT_URI = "http://portal.test/join/solaredge/auth-granted?from=solaredge"


class Vendor:
    """The stand-in without a network, and its consent pages as an owner sees them: one page at a time."""

    def __init__(self, state: State | None = None, *, registered: bool = True) -> None:
        self.clock, self.state = Clock(NOW, speed=0), state or State()
        world = World(self.clock, self.state, {})
        self.server = Server(world, {"solaredge": SolarEdge(world)})
        self._client = Client(self.server)
        if registered:
            assert self.admin("apps", {**APP, "redirect_uri": REDIRECT_URI}).status_code == 200

    def admin(self, path: str, body: Any = None) -> TestResponse:
        path = f"/solaredge/__admin/{path}"
        return self._client.get(path) if body is None else self._client.post(path, json=body)

    # --- the owner's browser

    def authorize(self, **query: str) -> TestResponse:
        """Open the application's link."""
        query = {"client_id": APP["client_id"], "external_id": "x-1", "state": "s-1", **query}
        return self._client.get("/solaredge/connect/authorize", query_string=query)

    def submit(self, page: TestResponse, **fields: str) -> TestResponse:
        """Fill in the form of a page and send it, with what is hidden in it."""
        (action,) = re.findall(r'<form method="post" action="([a-z]+)">', page.text)
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
        form = {**{name: unescape(value) for name, value in hidden}, **fields}
        return self._client.post(f"/solaredge/connect/{action}", data=form)

    def sign_in(self, login: str, **query: str) -> TestResponse:
        return self.submit(self.authorize(**query), login=login, password="any")

    def share(self, login: str = "ok", *, site: str | None = None, **query: str) -> dict[str, str]:
        """Walk through all pages with a yes at the end; return what the application is sent."""
        chosen = {"site": site} if site else {}
        return landed(self.submit(self.sign_in(login, **query), decision="share", **chosen))

    # --- the application

    def token(self, **body: Any) -> TestResponse:
        body = {name: value for name, value in {**APP, **body}.items() if value is not None}
        return self._client.post("/solaredge/api/v2/oauth2/token", json=body)

    def exchange(self, code: str, **body: Any) -> TestResponse:
        return self.token(grant_type="authorization_code", code=code, **body)

    def refresh(self, refresh_token: str, **body: Any) -> TestResponse:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **body)

    def tokens(self, login: str = "ok", **query: str) -> dict[str, Any]:
        """Return the first pair of tokens of an owner, and the site they are for."""
        callback = self.share(login, **query)
        pair: dict[str, Any] = self.exchange(callback["code"]).get_json()
        return {**pair, "site": callback["site_id"]}

    def get(self, path: str, tokens: dict[str, Any], **query: Any) -> TestResponse:
        """Make a data call; {site} in the path is the site of the tokens."""
        path = f"/solaredge/api/v2{path.format_map(tokens)}"
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return self._client.get(path, query_string=query, headers=headers)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self._client.post(f"/solaredge{path}", **options)


def sites(page: TestResponse) -> list[str]:
    """Return the ids of the sites that a page lets the owner choose from."""
    return re.findall(r'name="site" value="(\d+)"', page.text)


def landed(reply: TestResponse) -> dict[str, str]:
    """Return the query that the browser is sent back with, to the registered address and nowhere else."""
    assert reply.status_code == 302, reply.text
    location = reply.headers["Location"]
    assert location.startswith(REDIRECT_URI)
    query = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))
    assert query.pop("from") == "solaredge"
    return query
