"""POST /oauth/token: codes, refresh tokens and, of partner apps, passwords against tokens."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

from werkzeug.wrappers import Request, Response

from sandbox import logins
from sandbox.clock import Clock
from sandbox.enphase import problems
from sandbox.enphase.apps import App, Apps
from sandbox.enphase.grants import Grants
from sandbox.enphase.problems import Problem

_GRANT_TYPES = {
    "developer": ("authorization_code", "refresh_token"),
    "partner": ("password", "refresh_token"),
}


class Tokens:
    """The token endpoint, which takes its parameters from the query, as the vendor's samples do, or from a form."""

    def __init__(self, apps: Apps, grants: Grants, clock: Clock) -> None:
        self._apps, self._grants, self._clock = apps, grants, clock

    def __call__(self, request: Request) -> Response:
        client_id = request.authorization.username if request.authorization else None
        try:
            response = problems.as_json(self._answer(request))
        except Problem as problem:
            response = problem.response()
        response.headers["Cache-Control"] = "no-store"
        self._apps.note(client_id or "", "oauth/token", response.status_code)
        return response

    def _answer(self, request: Request) -> dict[str, Any]:
        if request.method != "POST":
            said = f"Request method '{request.method}' not supported"
            problems.token_refused(405, "method_not_allowed", said)
        app, given = self._client(request), request.values
        grant_type = given.get("grant_type") or _missing("Missing grant type")
        if not any(grant_type in known for known in _GRANT_TYPES.values()):
            problems.token_refused(400, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")
        if grant_type not in _GRANT_TYPES[app.kind]:
            problems.token_refused(401, "invalid_client", f"Unauthorized grant type: {grant_type}")
        now = self._clock.now()
        if grant_type == "refresh_token":
            return self._grants.refresh(app, given.get("refresh_token") or _missing("Missing refresh token"), now)
        if grant_type == "password":
            return self._by_password(app, given.get("username", ""), given.get("password", ""))
        code = given.get("code") or _missing("An authorization code must be supplied.")
        _answer_if_up(self._grants.login_of(code) or "")
        return self._grants.redeem(app, code, given.get("redirect_uri"), now)

    def _client(self, request: Request) -> App:
        sent = request.authorization
        if sent is None or sent.type != "basic":
            said = "Full authentication is required to access this resource"
            problems.token_refused(401, "unauthorized", said)
        app = self._apps.by_client(sent.username or "")
        if app is None or not hmac.compare_digest(app.client_secret.encode(), (sent.password or "").encode()):
            problems.token_refused(401, "invalid_client", "Bad client credentials")
        return app

    def _by_password(self, app: App, username: str, password: str) -> dict[str, Any]:
        login = logins.tidy(username)
        if logins.kind_of(login) in (None, "badlogin", "denied", "mfa") or not password:
            problems.token_refused(400, "invalid_grant", "Bad credentials")
        _answer_if_up(login)
        return self._grants.grant(app, login, self._clock.now())


def _answer_if_up(login: str) -> None:
    """Raise what the cloud says while it is down, which it is for `vendor_down`. The code stays good meanwhile."""
    if logins.kind_of(login) == "vendor_down":
        details = "The service is temporarily unavailable"
        raise Problem(503, {"message": "Service Unavailable", "details": details, "code": 503})


def _missing(said: str) -> NoReturn:
    problems.token_refused(400, "invalid_request", said)
