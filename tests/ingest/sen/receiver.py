"""A server on loopback that takes posts as SEN does, answers as a test wants it to, and remembers what came."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """What to answer; `raw` goes out as it is, `reset` ends the connection in the middle."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    raw: bytes | None = None
    reset: bool = False


OK = Reply()


class Receiver(ThreadingHTTPServer):
    """`reply` gets each body and says what to answer; `got` lists (client port, path, headers, body) in order."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply: Callable[[bytes], Reply] = lambda _: OK
        self.got: list[tuple[int, str, dict[str, str], bytes]] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/gw/data/"

    @property
    def bodies(self) -> list[bytes]:
        return [body for *_, body in self.got]

    @property
    def connections(self) -> set[int]:
        return {port for port, *_ in self.got}

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.got.append((self.client_address[1], self.path, dict(self.headers), body))
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.most_under_way, self.server.under_way)
        try:
            self._answer(self.server.reply(body))
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def _answer(self, reply: Reply) -> None:
        time.sleep(reply.delay_s)
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif reply.raw is not None:
            self.wfile.write(reply.raw)
            self.close_connection = True
        else:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        """Be quiet."""


@contextlib.contextmanager
def running(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    with Receiver(context) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
