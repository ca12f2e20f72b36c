"""The sandbox's one HTTP server: /sen/…, /<vendor>/<role>/… and /__admin/… for tests and people.

`/__admin/clock`   GET, POST {"now": ISO time, "speed": n} (each optional), DELETE shows the real time again
`/__admin/faults`  GET, POST a fault (see `sandbox.faults`), DELETE forgets the faults that are left
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException, abort
from werkzeug.wrappers import Request, Response

from sandbox.clock import Clock
from sandbox.faults import Faults, misbehave
from sandbox.state import State

CLOUDS = {
    "sen": "sandbox.sen.Sen",
    "enphase": "sandbox.enphase.Enphase",
    "solaredge": "sandbox.solaredge.SolarEdge",
    "solis": "sandbox.solis.Solis",
}


@dataclass
class World:
    """What every cloud is given: the clock, the memory, and options from the command line."""

    clock: Clock
    state: State
    options: dict[str, Any]


Cloud = Callable[[Request], Response]


class Server:
    """The WSGI application. A cloud is a callable from Request (its own path only) to Response."""

    def __init__(self, world: World, clouds: dict[str, Cloud]) -> None:
        self.world, self.clouds, self.faults = world, clouds, Faults()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            response: Any = self._answer(environ)
        except HTTPException as error:
            response = error.get_response(environ)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _answer(self, environ: dict[str, Any]) -> Response:
        slug, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
        if slug == "__admin":
            return self._admin(Request(environ))
        if slug not in self.clouds:
            abort(404, f"No such cloud. There are: {', '.join(f'/{slug}/' for slug in self.clouds)}")
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = f"{environ.get('SCRIPT_NAME', '')}/{slug}", f"/{rest}"
        request = Request(environ)
        ordered = None if request.path.startswith("/__admin") else self.faults.take(slug, request.path)
        if ordered:
            return misbehave(ordered, request, self.clouds[slug])
        return self.clouds[slug](request)

    def _admin(self, request: Request) -> Response:
        match request.path, request.method:
            case "/__admin/faults", "POST":
                self.faults.add(request.get_json())
            case "/__admin/faults", "DELETE":
                self.faults.clear()
            case "/__admin/clock", "POST":
                self._set_clock(request.get_json())
            case "/__admin/clock", "DELETE":
                self.world.clock.set(datetime.now(UTC), 1)
            case path, method if path not in ("/__admin/faults", "/__admin/clock") or method != "GET":
                abort(404, "No such admin call. There are: GET, POST, DELETE /__admin/clock and /__admin/faults.")
        clock = self.world.clock
        body = {"now": clock.now().isoformat(), "speed": clock.speed, "faults": self.faults.waiting()}
        return Response(json.dumps(body), content_type="application/json")

    def _set_clock(self, wanted: dict[str, Any]) -> None:
        clock = self.world.clock
        try:
            wanted = {**wanted}
            start = datetime.fromisoformat(wanted["now"]) if "now" in wanted else clock.now()
            clock.set(start, float(wanted.get("speed", clock.speed)))
        except (TypeError, ValueError):
            abort(400, 'The clock takes {"now": ISO 8601 time, "speed": number}.')


def create(path: Path | str = ":memory:", *, clock: Clock | None = None, **options: Any) -> Server:
    """Build the server with all clouds and its memory in the file `path`."""
    world = World(clock=clock or Clock(), state=State(path), options=options)
    return Server(world, {slug: _load(dotted)(world) for slug, dotted in CLOUDS.items()})


def _load(dotted: str) -> Callable[[World], Cloud]:
    module, _, name = dotted.rpartition(".")
    cloud: Callable[[World], Cloud] = getattr(importlib.import_module(module), name)
    return cloud
