"""SolarEdge's token endpoint: JSON in, secrets in the body, errors as RFC 6749 writes them (Kong's words for them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox import logins
from sandbox.solaredge.apps import Apps
from sandbox.solaredge.grants import Grants
from sandbox.solaredge.problems import OAuthProblem, Problem, as_json


class Tokens:
    """Answers /v2/oauth2/token and /v2/oauth2/revoke-token."""

    def __init__(self, apps: Apps, grants: Grants) -> None:
        self._apps, self._grants = apps, grants

    def __call__(self, request: Request) -> Response:
        if request.method != "POST":
            raise Problem(405, f"{request.method} is not allowed")
        body = _body(request)
        match request.path.removeprefix("/api/v2/oauth2/"):
            case "token":
                return self._token(body)
            case "revoke-token":
                self._grants.revoke(_text(body, "token"))
                return as_json({})
        raise Problem(404, "Unknown endpoint")

    def _token(self, body: Mapping[str, Any]) -> Response:
        grant_type, client_id = _text(body, "grant_type"), _text(body, "client_id")
        if grant_type not in ("authorization_code", "refresh_token"):
            raise OAuthProblem(400, "unsupported_grant_type", "Invalid grant_type")
        self._apps.authenticate(client_id, _text(body, "client_secret"))
        if grant_type == "refresh_token":
            return as_json(self._grants.refresh(client_id, _text(body, "refresh_token")))
        return self._first_pair(client_id, body)

    def _first_pair(self, client_id: str, body: Mapping[str, Any]) -> Response:
        # One live client says to leave redirect_uri out and that an unexpected one is refused; others send it.
        if body.get("redirect_uri", self._apps.redirect_uri(client_id)) != self._apps.redirect_uri(client_id):
            said = "Invalid redirect_uri that does not match with any redirect_uri created with the application"
            raise OAuthProblem(400, "invalid_request", said)
        code = _text(body, "code")
        if logins.kind_of(self._grants.login_of(client_id, code)) == "vendor_down":
            return as_json({"message": "The upstream server is currently unavailable"}, 503)
        return as_json(self._grants.exchange(client_id, code))


def _body(request: Request) -> Mapping[str, Any]:
    body = request.get_json(silent=True) if request.is_json else None
    if not isinstance(body, dict):
        raise OAuthProblem(400, "invalid_request", "The request body must be a JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    """Return a field's text; "" is good for nothing, and so is what is no text."""
    value = body.get(name)
    return value if isinstance(value, str) else ""
