"""A partner's receiver on this machine, written from docs/webhooks.md alone, and names that lead where a test says."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

TEXT = (settings.BASE_DIR / "docs" / "webhooks.md").read_text()
SECRET = "a-secret-both-sides-know-0123"
DOCUMENTED: dict[str, Any] = {}
for _block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
    exec(_block, DOCUMENTED)  # noqa: S102  what partners are told to copy is tested by using it


class Receiver:
    """Keeps what it gets. Answers challenges, and 200 unless `status` says otherwise."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.forget()

    def forget(self) -> None:
        self.secret, self.status, self.body = SECRET, 200, b"ok"
        self.headers: dict[str, str] = {}
        self.seen: list[tuple[Any, bytes]] = []
        self.write: Callable[[Any], None] | None = None
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.seen]

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        return [body for body in self.bodies if "events" in body]

    @property
    def names(self) -> list[str]:
        return [event["name"] for body in self.deliveries for event in body["events"]]

    @property
    def sequences(self) -> list[int]:
        return [event["sequence"] for body in self.deliveries for event in body["events"]]

    def answer(self, to: Any) -> None:
        body = to.rfile.read(int(to.headers.get("Content-Length", 0)))
        self.seen.append((to.headers, body))
        if self.write:
            self.write(to)
            return
        said = json.loads(body)
        shown = self.body
        if "challenge" in said and self.status == 200:
            shown = json.dumps(DOCUMENTED["answer"](said["challenge"], self.secret)).encode()
        to.send_response(self.status)
        for name, value in {"Content-Length": str(len(shown)), **self.headers}.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(shown)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: who hangs up is what some tests are about."""


@contextmanager
def running(wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.answer(self)

        do_CONNECT = do_POST  # noqa: N815  the library's

        def log_message(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = wrap(server.socket)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Names:
    """Stands in for the name servers: what each name leads to, and how often it was asked."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        found = self.of.get(host)
        if found is None:
            if not re.fullmatch(r"[0-9.]+|[0-9a-f:]+", host):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            found = [host]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]
