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


def as_json(body: Any, status: int = 200, content_type: str = "application/json") -> Response:
    return Response(json.dumps(body), status, content_type=content_type)
