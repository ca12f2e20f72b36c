"""What the description of the API says once for all operations: headers, problems, how to get a token."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from gateways.oauth import scopes
from gateways.rest import versions
from gateways.rest.problem_types import Fault, ProblemType, of_status
from gateways.rest.problems import CONTENT_TYPE

_TEXT = {"type": "string"}
EVERYWHERE = {
    "X-Request-ID": "RequestId",
    "Portal-Version": "PortalVersion",
    "RateLimit": "RateLimit",
    "RateLimit-Policy": "RateLimitPolicy",
}
"""headers of every answer, and their names here"""

_HEADERS = {
    "RequestId": ("Name it when you ask us about this answer.", "7f0c3c9e-6b0b-4f0e-9b52-9f1d3c5a7e10"),
    "PortalVersion": ("The version of the API that answered.", versions.LATEST),
    "RateLimit": ("Requests that are left, and seconds until they are as many as at first.", '"client";r=599;t=42'),
    "RateLimitPolicy": ("Requests (q) in a time (w, in seconds).", '"client";q=600;w=60'),
    "RetryAfter": ("Seconds to wait.", "42"),
    "WwwAuthenticate": ("What is wrong with the token (RFC 6750).", 'Bearer realm="api", error="invalid_token"'),
    "Location": ("The address of what was made.", "/api/v1/gateways/acme-0123456789abcdef"),
    "ETag": ("Send it as If-None-Match to hear only of changes.", '"9d5ed678fe57bcca610140957afab571"'),
    "Link": ("The next page (RFC 8288), if there is one.", '</api/v1/gateways?cursor=WzQyXQ>; rel="next"'),
    "IdempotentReplayed": ("`true`: this was answered before, and is not done again.", "true"),
}
_PARAMETERS = {
    "PortalVersion": (
        "Portal-Version", {**_TEXT, "enum": list(versions.VERSIONS)},
        "A version of the API; that of the client if nothing is said.",
    ),
    "IdempotencyKey": (
        "Idempotency-Key", {**_TEXT, "pattern": "^[ -~]{1,255}$"},
        "A text of your own: a request with the same one is answered again within a day, and done once.",
    ),
    "IfNoneMatch": ("If-None-Match", _TEXT, "`ETag` of an answer: 304 if it still holds."),
}  # fmt: skip
_STATUSES = (400, 401, 403, 404, 406, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504)
_OWN_HEADERS = {
    401: {"WWW-Authenticate": "WwwAuthenticate"}, 429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}  # fmt: skip


def ref(kind: str, name: str) -> dict[str, str]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to a description what all operations refer to. A hook of drf-spectacular."""
    components = result["components"]
    components["schemas"] |= {"Problem": _problem(), "HardwareError": _hardware_error()}
    components["headers"] = {
        name: {"description": text, "schema": {**_TEXT, "examples": [example]}}
        for name, (text, example) in _HEADERS.items()
    }
    components["parameters"] = {
        key: {"name": name, "in": "header", "description": text, "schema": schema}
        for key, (name, schema, text) in _PARAMETERS.items()
    }
    answers = {f"Problem{status}": _answer(status) for status in _STATUSES}
    hardware = {f"Hardware{status}": _hardware_answer(status) for status in _STATUSES}
    used = str(result["paths"])
    components["responses"] = {
        "NotModified": {"description": "What you have still holds.", "headers": _headers()},
        **{name: answer for name, answer in (answers | hardware).items() if f"/{name}'" in used},
    }
    result["servers"] = [{"url": settings.PUBLIC_URL}]
    return result


def oauth2() -> dict[str, Any]:
    """Return the security scheme: a token for a backend itself, or for an app that acts for a homeowner."""
    token, said = f"{settings.PUBLIC_URL}/oauth/token/", {name: str(text) for name, text in scopes.ALL.items()}
    return {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": token,
                "scopes": {name: text for name, text in said.items() if name in scopes.BACKENDS},
            },
            "authorizationCode": {
                "authorizationUrl": f"{settings.PUBLIC_URL}/oauth/authorize/",
                "tokenUrl": token,
                "refreshUrl": token,
                "scopes": {name: text for name, text in said.items() if name in scopes.HOMEOWNERS},
            },
        },
    }


def _headers(status: int = 0) -> dict[str, Any]:
    named = EVERYWHERE | _OWN_HEADERS.get(status, {})
    return {name: ref("headers", key) for name, key in named.items()}


def _problem() -> dict[str, Any]:
    properties = {
        "type": {**_TEXT, "format": "uri", "description": "Which problem this is: see /api/problems."},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "What is wrong here, and what to do; for people."},
        "fault": {**_TEXT, "enum": [one.value for one in Fault], "description": "Who has to act."},
        "request_id": {**_TEXT, "description": "Name it when you ask us about this answer."},
    }
    error = {"type": "object", "required": ["field", "message"], "properties": {"field": _TEXT, "message": _TEXT}}
    errors = {"type": "array", "items": error, "description": "What is wrong with each parameter or member."}
    return {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": list(properties),
        "properties": properties | {"errors": errors},
        "examples": [_example(of_status(404)[0])],
    }


def _answer(status: int) -> dict[str, Any]:
    known = of_status(status)
    examples = {one.slug: {"summary": one.title, "value": _example(one)} for one in known}
    return {
        "description": " ".join(dict.fromkeys(f"{one.title}." for one in known)),
        "headers": _headers(status),
        "content": {CONTENT_TYPE: {"schema": ref("schemas", "Problem"), "examples": examples}},
    }


def _example(of: ProblemType) -> dict[str, Any]:
    members = {
        "type": f"{settings.PUBLIC_URL}/api/problems#{of.slug}", "title": of.title, "status": of.status,
        "detail": of.what, "fault": of.fault.value, "request_id": _HEADERS["RequestId"][1],
    }  # fmt: skip
    wrong = {"errors": [{"field": "limit", "message": "A valid integer is required."}]}
    return members | (wrong if of.slug == "invalid-request" else {})


def _hardware_error() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What went wrong, as a hardware gateway says it.",
        "required": ["status", "message"],
        "properties": {"status": {"const": "error"}, "message": _TEXT},
        "examples": [{"status": "error", "message": "Invalid JSON"}],
    }


def _hardware_answer(status: int) -> dict[str, Any]:
    said = of_status(status)[0].title
    content = {"schema": ref("schemas", "HardwareError"), "example": {"status": "error", "message": said}}
    return {"description": f"{said}.", "headers": _headers(status), "content": {"application/json": content}}
