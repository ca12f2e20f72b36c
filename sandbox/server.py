"""The sandbox's one HTTP server: /sen/…, /<vendor>/<role>/… and /__admin/… for tests and people.

`/__admin/clock`   GET, POST {"now": ISO time, "speed": n}
`/__admin/faults`  POST {"cloud": slug, "times": n, "path": prefix?, and one of
                   "status": code (with "headers"?, "body"?), "delay_s": seconds, "reset": true, "body": text with 200}
                   DELETE forgets the faults that are left
"""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from sandbox.clock import Clock
from sandbox.state import State

CLOUDS = {"sen": "sandbox.sen.Sen", "solaredge": "sandbox.solaredge.SolarEdge", "solis": "sandbox.solis.Solis"}


@dataclass
class World:
    """What every cloud is given: the clock, the memory, and options from the command line."""

    clock: Clock
    state: State
    options: dict[str, Any]


class Server:
    """The WSGI application. A cloud is a callable from Request (its own path only) to Response."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clouds: dict[str, Callable[[Request], Response]] = {}
        for slug, dotted in CLOUDS.items():
            module, _, name = dotted.rpartition(".")
            self.clouds[slug] = getattr(importlib.import_module(module), name)(world)
        self._faults: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = error.get_response(environ)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        slug = request.path.split("/")[1]
        if slug == "__admin":
            return self._admin(request)
        if slug not in self.clouds:
            return Response("no such cloud\n", 404)
        request.environ["SCRIPT_NAME"] += f"/{slug}"
        request.environ["PATH_INFO"] = request.path[len(slug) + 1 :] or "/"
        inner = Request(request.environ)
        fault = None if inner.path.startswith("/__admin") else self._take_fault(slug, inner.path)
        if fault:
            return self._misbehave(fault, inner) or self.clouds[slug](inner)
        return self.clouds[slug](inner)

    def _admin(self, request: Request) -> Response:
        if request.path == "/__admin/faults" and request.method == "POST":
            with self._lock:
                self._faults.append(request.get_json())
        elif request.path == "/__admin/faults" and request.method == "DELETE":
            with self._lock:
                self._faults.clear()
        elif request.path == "/__admin/clock" and request.method == "POST":
            wanted = request.get_json()
            start = datetime.fromisoformat(wanted["now"]) if "now" in wanted else self.world.clock.now()
            self.world.clock.set(start.astimezone(UTC), float(wanted.get("speed", 1)))
        elif request.path not in ("/__admin/clock", "/__admin/faults"):
            return Response("no such admin call\n", 404)
        body = {"now": self.world.clock.now().isoformat(), "faults": self._faults}
        return Response(json.dumps(body), content_type="application/json")

    def _take_fault(self, slug: str, path: str) -> dict[str, Any] | None:
        with self._lock:
            for fault in self._faults:
                if fault["cloud"] == slug and path.startswith(fault.get("path", "/")):
                    fault["times"] = fault.get("times", 1) - 1
                    if fault["times"] <= 0:
                        self._faults.remove(fault)
                    return dict(fault)
        return None

    def _misbehave(self, fault: dict[str, Any], request: Request) -> Response | None:
        """Do what the fault says; None means: answer properly after all (late)."""
        request.get_data()
        if "delay_s" in fault:
            time.sleep(fault["delay_s"])
            return None
        if fault.get("reset"):
            with contextlib.suppress(OSError):
                request.environ["gunicorn.socket"].shutdown(socket.SHUT_RDWR)
            return Response("")
        return Response(fault.get("body", ""), fault.get("status", 200), headers=fault.get("headers"))


def create(path: Path | str = ":memory:", *, clock: Clock | None = None, **options: Any) -> Server:
    """Build the server with its memory in the file `path`."""
    return Server(World(clock=clock or Clock(), state=State(path), options=options))
