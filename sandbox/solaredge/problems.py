"""The ways in which SolarEdge says no."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response

_TITLES = {
    400: "Bad Request", 401: "Unauthorized - Authentication Failed", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 410: "Gone", 429: "Too Many Requests",
}  # fmt: skip


class Problem(Exception):
    """Ends a request with `application/problem+json`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail

    def response(self) -> Response:
        body = {
            "type": "https://se-api.stoplight.io/docs/monitoring", "title": _TITLES[self.status],
            "status": self.status, "detail": self.detail, "traceId": "6a8c0000000000000000000000000000",
        }  # fmt: skip
        return as_json(body, self.status, "application/problem+json")


class OAuthProblem(Problem):
    """Ends a request in the words of OAuth, as the gateway does that answers for tokens."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, description)
        self._error = error

    def response(self) -> Response:
        return as_json({"error": self._error, "error_description": self.detail}, self.status)


def as_json(body: Any, status: int = 200, content_type: str = "application/json") -> Response:
    return Response(json.dumps(body), status, content_type=content_type)
