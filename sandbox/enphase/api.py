"""The gate of API v4: who asks, how often, whether the app and its owner may; then the listings, or what a system says.

Not stood in for: events, alarms, EV chargers, heat pumps, the live stream, and what changes a system.
"""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import abort
from werkzeug.wrappers import Request, Response

from sandbox import logins
from sandbox.clock import Clock
from sandbox.enphase import homes, problems, resources
from sandbox.enphase.apps import App, Apps
from sandbox.enphase.calls import Call
from sandbox.enphase.grants import Grant, Grants
from sandbox.enphase.homes import System
from sandbox.enphase.meters import History, Reports
from sandbox.enphase.problems import Problem, as_json
from sandbox.enphase.resources import DETAILS, RESOURCES
from sandbox.enphase.settings import Settings
from sandbox.state import State


class Api:
    """Answers /api/v4/…, where key and token have to be of the same app."""

    def __init__(self, state: State, apps: Apps, grants: Grants, settings: Settings, clock: Clock) -> None:
        self._apps, self._grants, self._settings, self._clock = apps, grants, settings, clock
        self._history = History(state)
        self._listings = {
            "systems": self._systems,
            "systems/search": self._search,
            "systems/retrieve_system_id": self._find,
        }

    def __call__(self, request: Request) -> Response:
        path = request.path.removeprefix("/api/api/v4/")
        system_id, name, serial = ("", path, "") if path in self._listings else _routed(path)
        app = self._apps.by_key(request.args.get("key") or request.headers.get("key", ""))
        try:
            response = as_json(self._answer(request, app, system_id, name, serial))
        except Problem as problem:
            response = problem.response()
        self._apps.note(app.client_id if app else "", name or "systems/{id}", response.status_code)
        return response

    def _answer(self, request: Request, app: App | None, system_id: str, name: str, serial: str) -> Any:
        if request.method != ("POST" if name == "systems/search" else "GET"):
            problems.wrong_verb(request.method)
        app, grant = self._identified(request, app)
        group, answer = RESOURCES.get(name, (DETAILS, None))
        self._admit(app, name, group)
        if answer is None:
            return self._listings[name](request, homes.of(grant.login))
        reports = self._reports(self._chosen(grant, system_id))
        answered = answer(Call(name, request.args, reports, self._settings.all, serial))
        if logins.kind_of(grant.login) == "badlogin_after" and group != DETAILS:
            self._grants.revoke(grant)
        return answered

    def _identified(self, request: Request, app: App | None) -> tuple[App, Grant]:
        sent = request.authorization
        token = sent.token if sent and sent.type == "bearer" else None
        grant = self._grants.bearer(token, self._clock.now()) if token else None
        if app is None or grant is None:
            problems.not_authorized()
        if grant.client_id != app.client_id:
            problems.not_authorized("API Key -Client mismatch")
        return app, grant

    def _admit(self, app: App, name: str, group: str) -> None:
        """Count the call, and look whether the app ticked, and its plan has, the group of the endpoint."""
        if self._settings["limits"] and (used_up := self._apps.take(app, self._clock.now())):
            problems.too_many(app.plan, used_up if name == "summary" or "telemetry" in name else {})
        if group not in app.allowed:
            problems.not_authorized()

    def _chosen(self, grant: Grant, system_id: str) -> System:
        found = _named(system_id, homes.of(grant.login))
        if found is None and any(_named(system_id, homes.of(login)) for login in self._grants.logins()):
            problems.forbidden()
        return found or problems.not_found(system_id)

    def _reports(self, system: System) -> Reports:
        return self._history.reports(system, self._clock.now(), self._settings.all)

    # --- the listings ------------------------------------------------------------------------------------------------

    def _systems(self, request: Request, systems: tuple[System, ...]) -> dict[str, Any]:
        return self._page(request, list(systems), request.args.get("sort_by", "id"), most=100)

    def _search(self, request: Request, systems: tuple[System, ...]) -> dict[str, Any]:
        wanted = request.get_json(silent=True)
        if not isinstance(wanted, dict) or not isinstance(wanted.get("system"), dict):
            problems.unprocessable("system is missing")
        ask = {name: value for name, value in wanted["system"].items() if value}
        found = [system for system in systems if all(_matches(system, name, ask[name]) for name in ask)]
        return self._page(request, found, wanted.get("sort_by", "id"), most=1000)

    def _find(self, request: Request, systems: tuple[System, ...]) -> dict[str, Any]:
        serial = request.args.get("serial_num", "")
        found = (one for one in systems if any(serial in one.serials(kind) for kind in homes.KINDS))
        system = next(found, None) or problems.unprocessable(f"Invalid serial number: {serial}")
        return {"system_id": system.system_id}

    def _page(self, request: Request, systems: list[System], sort_by: str, *, most: int) -> dict[str, Any]:
        page, size = (_whole(request, name, default) for name, default in (("page", 1), ("size", 10)))
        if sort_by not in ("id", "-id") or not page or not 1 <= size <= most:
            problems.unprocessable(f"page counts from 1, size goes to {most}, sort_by is id or -id")
        ordered = systems if sort_by == "id" else systems[::-1]
        shown = ordered[(page - 1) * size : page * size]
        return {
            "total": len(systems), "current_page": page, "size": size, "count": len(shown), "items": "systems",
            "systems": [resources.entry(self._reports(system)) for system in shown],
        }  # fmt: skip


def _routed(path: str) -> tuple[str, str, str]:
    """Return system id, name of the resource and serial of a path."""
    match path.split("/"):
        case ["systems", system_id, "devices", kind, serial, "telemetry"]:
            name = f"devices/{kind}/{{serial}}/telemetry"
        case ["systems", system_id, *rest]:
            name, serial = "/".join(rest), ""
        case _:
            abort(404)
    return (system_id, name, serial) if name in RESOURCES else abort(404)


def _matches(system: System, name: str, wanted: Any) -> bool:
    """Tell whether a system has what a search wants, one value or any of several."""
    number = str(system.system_id)
    has = {
        "ids": number, "name": system.name, "reference": number, "other_reference": number, "statuses": "normal",
    }  # fmt: skip
    if name not in has:
        problems.unprocessable(f"Unknown: {name}")
    return has[name] in [str(one) for one in (wanted if isinstance(wanted, list) else [wanted])]


def _named(system_id: str, systems: tuple[System, ...]) -> System | None:
    return next((system for system in systems if str(system.system_id) == system_id), None)


def _whole(request: Request, name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
