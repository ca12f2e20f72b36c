"""A vendor whose owners consent, and its token endpoint on loopback: refresh tokens work once, as at strict vendors."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from ingest.vendors.base import (
    ApiKey,
    Approval,
    AuthScheme,
    ConsentAdapter,
    Field,
    OAuth2Code,
    Page,
    Tokens,
    VendorSystem,
    Window,
)
from ingest.vendors.errors import VendorAuthFailed, VendorUnsupported
from ingest.vendors.http import excerpt
from tests.ingest.vendor import Fake, hourly

LIFE = timedelta(hours=2)
APP = {"client_id": "app-1", "client_secret": "SECRET-app"}
FIRST = Tokens("SECRET-access-0", "SECRET-refresh-0", LIFE, account="anna")


class Consenting(Fake, ConsentAdapter):
    """Talks to `Cloud`; its homes and readings are those of `Fake`."""

    schemes: ClassVar[Sequence[AuthScheme]] = (
        OAuth2Code(name="app", label="App", fields=(Field("client_id", "Id"), Field("client_secret", "Secret"))),
        ApiKey(name="key", label="Key", fields=(Field("key", "Key"),)),
        ApiKey(name="looked_at", label="Key they look at", fields=(Field("key", "Key"),), approved_by_vendor=True),
    )

    def systems(self) -> list[VendorSystem]:
        self._data("systems")
        return list(self.homes)

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page]:
        self._data("data")
        self.asked.append((system.external_id, window))
        yield Page("page", hourly(system, window))

    def approval(self) -> Approval:
        return Approval(self.http.send("GET", f"{self.urls['api']}/approval").text)

    def authorize_url(self, *, state: str, redirect_uri: str) -> str:
        raise NotImplementedError

    def exchange(self, callback: Mapping[str, str], *, redirect_uri: str) -> Tokens:
        raise NotImplementedError

    def refresh(self, refresh_token: str) -> Tokens:
        said = self._ask("token", refresh_token)
        return Tokens(said["access_token"], said["refresh_token"], LIFE)

    def revoke(self, refresh_token: str) -> None:
        self._ask("revoke", refresh_token)

    def test_application(self) -> None:
        raise NotImplementedError

    def _ask(self, path: str, refresh_token: str) -> Any:
        body = {"refresh_token": refresh_token, **self.secrets}
        reply = self.http.send("POST", f"{self.urls['api']}/{path}", json=body)
        if reply.status_code == 404:
            raise VendorUnsupported(path)
        if reply.status_code != 200:
            raise VendorAuthFailed(excerpt(reply.content))
        return reply.json()

    def _data(self, path: str) -> None:
        reply = self.http.send("GET", f"{self.urls['api']}/{path}", bearer=True)
        if reply.status_code != 200:
            msg = f"HTTP {reply.status_code}"
            raise VendorAuthFailed(msg)


class Cloud:
    """Knows one consent: the pair of tokens that works now. Who brings a used refresh token ends the consent."""

    def __init__(self) -> None:
        self.number = 0
        self.ended = self.revoked = False
        self.status: dict[str, int] = {}
        """answers by path, in place of the right one"""
        self.approval = "pending"
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count(self, path: str) -> int:
        return self.asked.count(path)

    def answer(self, path: str, body: dict[str, str], bearer: str) -> tuple[int, Any]:
        with self._lock:
            self.asked.append(path)
            if path in self.status:
                return self.status[path], {"error": "as told"}
            if path == "approval":
                return 200, self.approval
            if path in ("token", "revoke"):
                return self._consent(path, body)
            good = bearer == f"Bearer SECRET-access-{self.number}" and not self.ended
            return (200, {}) if good else (401, {"error": "expired"})

    def _consent(self, path: str, body: dict[str, str]) -> tuple[int, Any]:
        if self.ended or body["refresh_token"] != f"SECRET-refresh-{self.number}" or body.items() < APP.items():
            self.ended = True
            return 400, {"error": "invalid_grant"}
        if path == "revoke":
            self.ended = self.revoked = True
            return 200, {}
        self.number += 1
        access, refresh = f"SECRET-access-{self.number}", f"SECRET-refresh-{self.number}"
        return 200, {"access_token": access, "refresh_token": refresh}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size) or "{}")
                path = self.path.rpartition("/")[2]
                status, said = cloud.answer(path, body, self.headers.get("Authorization", ""))
                content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815  the base class's name

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        return Handler
