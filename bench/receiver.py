"""A stand-in for SEN that answers 200 to every POST, as fast as it can, and counts what it got.

It keeps connections open, reads each body to its end, and tells a message from a repeat by what was signed.
`GET` returns what it got, `DELETE` does so too and then forgets it.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


@dataclass
class Counts:
    """What came in: requests, distinct messages among them, seconds from the first to the last."""

    received: int = 0
    distinct: int = 0
    seconds: float = 0.0


@dataclass
class _Log:
    seen: set[int] = field(default_factory=set)
    received: int = 0
    first: float = 0.0
    last: float = 0.0

    def add(self, body: bytes) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.received += 1
        # The signature is left out: signed twice, a message may have two.
        self.seen.add(hash(body[: body.rfind(b".")]))

    def counts(self) -> Counts:
        return Counts(self.received, len(self.seen), self.last - self.first)


class _Server:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._poll = select.epoll()
        self._poll.register(self.listener, select.EPOLLIN)
        self._sockets: dict[int, socket.socket] = {}
        self._unread: dict[int, bytes] = {}
        self._log = _Log()

    def run(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                if number == self.listener.fileno():
                    self._accept()
                else:
                    self._read(number)

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(client, select.EPOLLIN)
        self._sockets[client.fileno()] = client

    def _read(self, number: int) -> None:
        client = self._sockets[number]
        try:
            data = client.recv(1 << 17)
        except ConnectionResetError:
            data = b""
        if not data:
            self._unread.pop(number, None)
            self._sockets.pop(number).close()
            return
        replies, rest = self._take(self._unread.pop(number, b"") + data)
        if rest:
            self._unread[number] = rest
        if replies:
            client.sendall(replies)

    def _take(self, data: bytes) -> tuple[bytes, bytes]:
        """Take whole requests from what was read; return the replies and what is left."""
        replies = b""
        while (end := data.find(_END)) >= 0:
            match = _LENGTH.search(data, 0, end)
            start = end + len(_END)
            stop = start + (int(match[1]) if match else 0)
            if len(data) < stop:
                break
            replies += self._reply(data[:4], data[start:stop])
            data = data[stop:]
        return replies, data

    def _reply(self, method: bytes, body: bytes) -> bytes:
        if method == b"POST":
            self._log.add(body)
            return _OK
        report = json.dumps(asdict(self._log.counts())).encode()
        if method == b"DELE":
            self._log = _Log()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(report), report)


@dataclass(frozen=True)
class Receiver:
    """The stand-in, seen from outside."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def counts(self) -> Counts:
        """Return what came in."""
        return self._ask("GET")

    def forget(self) -> Counts:
        """Return what came in, and start anew."""
        return self._ask("DELETE")

    def _ask(self, method: str) -> Counts:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, "/")
        counts = Counts(**json.loads(connection.getresponse().read()))
        connection.close()
        return counts


@contextlib.contextmanager
def running() -> Iterator[Receiver]:
    """Run the stand-in in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "bench.receiver"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101  it is a pipe
    try:
        yield Receiver(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    server = _Server()
    print(server.listener.getsockname()[1], flush=True)
    server.run()
