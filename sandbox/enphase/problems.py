"""The ways in which Enphase says no: one form for data, another (Spring Security's) for tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from werkzeug.wrappers import Response


class Problem(Exception):
    """Ends a request with a status and a JSON body."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers

    def response(self) -> Response:
        response = as_json(self.body, self.status)
        response.headers.update(self.headers or {})
        return response


def as_json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def not_authorized(details: str = "User is not authorized") -> NoReturn:
    """401: no token or a dead one, a bad key, a key and token of two apps, an endpoint the app may not use."""
    raise Problem(401, {"message": "Not Authorized", "details": details, "code": 401})


def forbidden() -> NoReturn:
    raise Problem(403, {"message": "Forbidden", "details": "Not authorized to access this resource", "code": 403})


def not_found(system_id: str) -> NoReturn:
    details = f'System not found for {{:id=>"{system_id}"}}'
    raise Problem(404, {"message": "Not Found", "details": details, "code": 404})


def unprocessable(reason: str) -> NoReturn:
    details = f"Invalid request because of '{reason}'"
    raise Problem(422, {"message": "Unprocessable Entity", "details": details, "code": 422})


def too_many(plan: str, period: Mapping[str, Any]) -> NoReturn:
    """429; `period` tells of the quota on the endpoints that say more, and is empty on the others."""
    details = f"Usage limit exceeded for plan {plan.title()}"
    raise Problem(429, {"message": "Too Many Requests", "details": details, "code": 429, **period})


def wrong_verb(method: str) -> NoReturn:
    if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        raise Problem(405, {"reason": "405", "message": ["Method not allowed"]})
    raise Problem(501, {"reason": "501", "message": ["Not Implemented"]})


def token_refused(status: int, error: str, description: str) -> NoReturn:
    """Refuse at the token endpoint; a 401 asks for the client's credentials."""
    headers = {"WWW-Authenticate": 'Basic realm="oauth2/client"'} if status == 401 else None
    raise Problem(status, {"error": error, "error_description": description}, headers)


def bad_order(message: str) -> NoReturn:
    """400 of an admin call: what was ordered could have no effect."""
    raise Problem(400, {"message": message})
