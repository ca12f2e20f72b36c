"""Faults that a test orders: the next requests to a cloud go wrong in the way it says.

POST /__admin/faults takes a JSON object:

`cloud`    which cloud: sen, solaredge, …
`times`    how many requests, 1 unless said otherwise
`path`     only requests whose path inside the cloud starts with it
`delay_s`  wait as long before anything else; on its own, the cloud then answers as ever
`status`, `headers`, `body`   this answer instead of the cloud's; a `body` alone is junk with 200
`reset`    true: the connection is reset and no answer comes
`after`    true: the cloud does its work first, and only its answer is lost to the fault
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from werkzeug.exceptions import abort
from werkzeug.wrappers import Request, Response

_EFFECTS = frozenset({"delay_s", "status", "headers", "body", "reset"})
_FIELDS = _EFFECTS | {"cloud", "times", "path", "after"}


class Faults:
    """The faults that are still to come, the oldest first."""

    def __init__(self) -> None:
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def add(self, fault: Any) -> None:
        """Order a fault. Answers 400 where it could never have an effect: a test would pass for nothing."""
        if not isinstance(fault, dict) or not isinstance(fault.get("cloud"), str):
            abort(400, 'A fault is an object with "cloud" and what shall go wrong.')
        if unknown := fault.keys() - _FIELDS:
            abort(400, f"Unknown in a fault: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(_FIELDS))}.")
        if not fault.keys() & _EFFECTS:
            abort(400, f"The fault does nothing: give one of {', '.join(sorted(_EFFECTS))}.")
        with self._lock:
            self._waiting.append({"times": 1, "path": "/", "after": False, **fault})

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(fault) for fault in self._waiting]

    def take(self, cloud: str, path: str) -> dict[str, Any] | None:
        """Return the fault this request meets, and count it down."""
        with self._lock:
            for fault in self._waiting:
                if fault["cloud"] == cloud and path.startswith(fault["path"]):
                    fault["times"] -= 1
                    if fault["times"] <= 0:
                        self._waiting.remove(fault)
                    return dict(fault)
        return None


def misbehave(fault: dict[str, Any], request: Request, cloud: Callable[[Request], Response]) -> Response:
    """Answer `request` in the way `fault` says."""
    request.get_data()
    proper = cloud(request) if fault["after"] else None
    time.sleep(fault.get("delay_s", 0))
    if fault.get("reset"):
        reset(request)
    if fault.keys() & {"status", "headers", "body"}:
        return Response(fault.get("body", ""), fault.get("status", 200), headers=fault.get("headers"))
    return proper or cloud(request)


def reset(request: Request) -> NoReturn:
    """Reset the client's connection (RST, not an orderly end) and end the request without an answer."""
    connection: socket.socket = request.environ["gunicorn.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Lingering for 0 s makes a reset of closing. gunicorn would say goodbye first, so it is left with a socket that was
    # never connected; the error is one that it takes for the client's.
    with socket.socket() as unconnected:
        os.dup2(unconnected.fileno(), connection.fileno())
    raise ConnectionResetError(errno.ECONNRESET, "ordered by a fault")
