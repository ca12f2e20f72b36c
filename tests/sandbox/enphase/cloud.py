"""A browser, an app and its backend in front of Enphase's stand-in, without a network."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from werkzeug.test import Client, TestResponse

from sandbox.clock import Clock
from sandbox.enphase import Enphase
from sandbox.server import Server, World
from sandbox.state import State

NOW = datetime(2026, 6, 10, 12, 7, 31, tzinfo=UTC)
BACK = "https://portal.example/join/enphase/auth-granted"
BASIC = ("sandbox-enphase", "sandbox-enphase-secret")
KEY = "sandbox-enphase-key"


class Cloud:
    """The stand-in with the default app, whose redirect URI is `back`."""

    def __init__(self, state: State, at: datetime = NOW, back: str = BACK) -> None:
        self.clock = Clock(at, speed=0)
        world = World(self.clock, state, {})
        self.http = Client(Server(world, {"enphase": Enphase(world)}))
        if back:
            self.admin("apps", client_id="sandbox-enphase", redirect_uri=back)

    def admin(self, path: str, /, **order: Any) -> TestResponse:
        return self.http.post(f"/enphase/__admin/{path}", json=order)

    def shown(self, name: str) -> Any:
        return self.http.get(f"/enphase/__admin/{name}").get_json()

    def authorize(self, query: str | None = None, **changed: str) -> TestResponse:
        asked = {"response_type": "code", "client_id": BASIC[0], "redirect_uri": BACK, "state": "s1", **changed}
        return self.http.get("/enphase/api/oauth/authorize", query_string=asked if query is None else query)

    def submit(self, page: TestResponse, **fields: str) -> TestResponse:
        """Fill in the form of a page and send it, as a browser does."""
        action = re.search(r'<form method="post" action="(\w+)">', page.text)
        number = re.search(r'name="transaction" value="([^"]+)"', page.text)
        assert action, page.text
        assert number, page.text
        return self.http.post(f"/enphase/api/oauth/{action[1]}", data={"transaction": number[1], **fields})

    def log_in(self, login: str, **changed: str) -> TestResponse:
        return self.submit(self.authorize(**changed), username=login, password="any")

    def code(self, login: str = "ok", **changed: str) -> str:
        """Log in, approve, and return the code that the app gets."""
        return answer(self.submit(self.log_in(login, **changed), decision="approve"))["code"]

    def token(self, *, method: str = "POST", auth: Any = BASIC, form: bool = False, **given: str) -> TestResponse:
        sent: dict[str, Any] = {"data" if form else "query_string": given}
        return self.http.open("/enphase/api/oauth/token", method=method, auth=auth, **sent)

    def exchange(self, code: str, **changed: Any) -> TestResponse:
        return self.token(**{"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **changed})

    def refresh(self, token: str, **changed: Any) -> TestResponse:
        return self.token(grant_type="refresh_token", refresh_token=token, **changed)

    def tokens(self, login: str = "ok") -> dict[str, Any]:
        reply = self.exchange(self.code(login))
        assert reply.status_code == 200, reply.text
        tokens: dict[str, Any] = reply.get_json()
        return tokens

    def get(self, path: str, access: str, *, key: str = KEY, method: str = "GET", **query: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {access}"}
        asked = {"key": key, **query}
        return self.http.open(f"/enphase/api/api/v4/{path}", method=method, headers=headers, query_string=asked)


class Home:
    """One system of a login, and the app that may read it."""

    def __init__(self, cloud: Cloud, login: str = "ok", number: int = 0) -> None:
        self.cloud, self.access = cloud, cloud.tokens(login)["access_token"]
        self.entry = self.systems()[number] if self.systems() else {}
        self.path = f"systems/{self.entry['system_id']}" if self.entry else "systems"

    def systems(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.cloud.get("systems", self.access).get_json()["systems"]
        return listed

    def ask(self, name: str, **query: Any) -> Any:
        reply = self.cloud.get(f"{self.path}/{name}".rstrip("/"), self.access, **query)
        assert reply.status_code == 200, reply.text
        return reply.get_json()

    def status(self, name: str, **query: Any) -> int:
        return self.cloud.get(f"{self.path}/{name}", self.access, **query).status_code

    def rows(self, name: str, **query: Any) -> list[dict[str, Any]]:
        rows: list[Any] = self.ask(name, **query)["intervals"]
        return rows[0] if rows and isinstance(rows[0], list) else rows


def answer(reply: TestResponse) -> dict[str, str]:
    """Return what the browser carries back to the app."""
    assert reply.status_code == 302, reply.text
    assert reply.headers["Location"].startswith(BACK)
    query = parse_qs(urlsplit(reply.headers["Location"]).query, keep_blank_values=True)
    return {name: value for name, [value] in query.items()}
