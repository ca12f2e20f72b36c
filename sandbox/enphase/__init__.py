"""Stand-in of Enphase's cloud: /enphase/api/… is https://api.enphaseenergy.com, with consent, tokens and API v4.

Everyone finds the app `sandbox-enphase` (secret `sandbox-enphase-secret`, key `sandbox-enphase-key`), which has no
redirect URI before one is registered. Who logs in with which name gets what, says `sandbox.logins`.

`/enphase/__admin/apps`      GET, POST {"client_id", "redirect_uri", …} registers an app or adds to one (`apps.App`)
`/enphase/__admin/settings`  GET, POST some of `settings.DEFAULTS`, DELETE forgets settings and counts
`/enphase/__admin/grants`    GET, POST {"grant" or "login", one of "expire_access", "expire_refresh", "revoke": true}
`/enphase/__admin/ledger`    GET how often each app called what with which outcome
"""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import abort
from werkzeug.wrappers import Request, Response

from sandbox.enphase.api import Api
from sandbox.enphase.apps import Apps
from sandbox.enphase.consent import Consent
from sandbox.enphase.grants import Grants
from sandbox.enphase.problems import Problem, as_json
from sandbox.enphase.settings import Settings
from sandbox.enphase.tokens import Tokens
from sandbox.server import World

_CONSENT = tuple(f"/api/oauth/{step}" for step in ("authorize", "login", "code", "approve"))


class Enphase:
    """Answers what Enphase's one host does."""

    def __init__(self, world: World) -> None:
        self._clock, self._settings, self._apps = world.clock, Settings(world.state), Apps(world.state)
        self._grants = Grants(world.state, self._settings)
        self._consent = Consent(self._apps, self._grants, world.clock)
        self._tokens = Tokens(self._apps, self._grants, world.clock)
        self._api = Api(world.state, self._apps, self._grants, self._settings, world.clock)

    def __call__(self, request: Request) -> Response:
        try:
            if request.path.startswith("/__admin/"):
                return as_json(self._admin(request))
            return self._host(request)
        except Problem as problem:
            return problem.response()

    def _host(self, request: Request) -> Response:
        if request.path.startswith("/api/api/v4/"):
            return self._api(request)
        if request.path == "/api/oauth/token":
            return self._tokens(request)
        return self._consent(request) if request.path in _CONSENT else abort(404)

    def _admin(self, request: Request) -> Any:
        name, order = request.path.removeprefix("/__admin/"), request.get_json() if request.method == "POST" else None
        match name, request.method:
            case "apps", "POST":
                self._apps.register(order)
            case "settings", "POST":
                self._settings.change(order)
            case "settings", "DELETE":
                self._settings.clear()
                self._apps.forget_calls()
            case "grants", "POST":
                self._grants.order(order, self._clock.now())
            case path, method if path not in ("apps", "settings", "grants", "ledger") or method != "GET":
                raise Problem(404, {"message": "There are apps, settings, grants and ledger; see `sandbox.enphase`."})
        return self._shown(name)

    def _shown(self, name: str) -> Any:
        match name:
            case "apps":
                return [app.public for app in self._apps.all()]
            case "settings":
                return self._settings.all
            case "grants":
                return self._grants.all(self._clock.now())
        return self._apps.ledger()
