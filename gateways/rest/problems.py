"""What went wrong, for programs: problem documents (RFC 9457) with a request id and whose fault it is."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from gateways.rest.problem_types import KNOWN, Fault
from gateways.vault import VaultError

log = structlog.get_logger(__name__)


class Problem(Exception):
    """Something that an answer tells as a problem document: its type, by slug, and a `detail` that says what to do.

    `errors` are objects of `field` and `message`. Raises KeyError for a type that is not listed in `problem_types`.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.slug, known = slug, KNOWN[slug]
        self.status, self.title, self.fault = known.status, known.title, known.fault
        self.detail, self.errors, self.headers = detail, errors, dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        found = {
            "type": f"{settings.PUBLIC_URL}/api/problems#{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "fault": str(self.fault),
            "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        }
        return found | ({"errors": list(self.errors)} if self.errors else {})


CONTENT_TYPE = "application/problem+json"


def invalid(detail: str, *, field: str = "", slug: str = "invalid-request") -> Problem:
    """Return the problem of a request that cannot be understood; `field` names what is at fault."""
    return Problem(slug, detail, errors=[{"field": field, "message": detail}] if field else [])


def conflict(detail: str, *, slug: str = "conflict") -> Problem:
    """Return the problem of a request that is understood and cannot be done as things stand."""
    return Problem(slug, detail)


@functools.singledispatch
def problem_of(error: Exception) -> Problem | None:
    """Return the problem that an exception is for the caller; None for a fault of ours. Other apps register theirs."""
    del error
    return None


@problem_of.register
def _(error: Problem) -> Problem:
    return error


@problem_of.register
def _(error: exceptions.ValidationError) -> Problem:
    found = list(_flat(error.detail))
    said = "; ".join(f"{one['field']}: {one['message']}" if one["field"] else one["message"] for one in found)
    return Problem("invalid-request", said, errors=found)


@problem_of.register
def _(error: ModelError) -> Problem:
    """Refuse what an action refused: it was understood, and cannot be done as things stand."""
    if hasattr(error, "error_dict"):
        named = error.message_dict.items()
        found = [{"field": "" if name == "__all__" else name, "message": text} for name, said in named for text in said]
    else:
        found = [{"field": "", "message": text} for text in error.messages]
    return Problem("refused", " ".join(one["message"] for one in found), errors=found)


@problem_of.register
def _(error: exceptions.Throttled) -> Problem:
    wait = max(1, round(getattr(error, "wait", None) or 1))
    detail = f"These are too many requests of this client. Go on in {wait} s."
    return Problem("rate-limited", detail, headers={"Retry-After": str(wait)})


@problem_of.register(Http404)
@problem_of.register(exceptions.NotFound)
def _(error: Exception) -> Problem:
    del error
    return Problem("not-found", "There is nothing here that this client can see.")


@problem_of.register(PermissionDenied)
@problem_of.register(exceptions.PermissionDenied)
def _(error: Exception) -> Problem:
    return Problem("forbidden", str(error) or "This client may not do that.")


@problem_of.register
def _(error: SuspiciousOperation) -> Problem:
    """Tell what Django itself does not read, such as a thousand parameters."""
    del error
    return invalid("This is no request of this API.")


@problem_of.register
def _(error: VaultError) -> Problem:
    del error
    return Problem("vault", "A key or secret could not be opened. We have been told.")


@problem_of.register
def _(error: exceptions.UnsupportedMediaType) -> Problem:
    return Problem("unsupported-media-type", f"{error.detail} Send JSON, with `Content-Type: application/json`.")


@problem_of.register
def _(error: exceptions.NotAcceptable) -> Problem:
    known = ", ".join(renderer.media_type for renderer in error.available_renderers or ())
    return Problem("not-acceptable", f"There is no such form of this here; there are {known}.")


@problem_of.register
def _(error: exceptions.APIException) -> Problem:
    """Tell what the framework itself refuses: 401, 405 and bodies that do not parse."""
    slug = _SLUGS.get(error.status_code, "invalid-request")
    challenge = getattr(error, "auth_header", None)
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return Problem(slug, str(error.detail), headers=headers)


_SLUGS = {401: "unauthorized", 405: "method-not-allowed"}


def handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Turn whatever a view raised into a problem document; what nobody expected is logged and told as our fault."""
    problem = problem_of(error)
    if problem is None:
        log.error("the API failed", view=type(context["view"]).__name__, exc_info=error)
        problem = unexpected()
    elif problem.status >= 500 and problem.fault == Fault.US:  # a vendor's outage is no fault of the code
        log.error("the API failed", view=type(context["view"]).__name__, problem=problem.slug, exc_info=error)
    elif isinstance(error, ModelError):
        said = context["view"].names_of_body()
        problem.errors = [{**one, "field": said.get(one["field"], one["field"])} for one in problem.errors]
    return Response(problem.document(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def unexpected() -> Problem:
    """Return the problem of a fault of ours."""
    return Problem("internal", "This is our fault. Try again later; if it stays, tell us the request_id.")


def plain_response(problem: Problem) -> HttpResponse:
    """Return a problem outside the framework: unknown addresses, and what fails before a view is found."""
    body = orjson.dumps(problem.document())
    return HttpResponse(body, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


@csrf_exempt
def not_found(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Answer for addresses below /api/ that do not exist."""
    slash = " No address ends with a slash." if request.path.endswith("/") else ""
    detail = f"There is no {request.path} here.{slash} The addresses are listed in {settings.PUBLIC_URL}/api/schema."
    return plain_response(Problem("not-found", detail))


def _flat(detail: Any, field: str = "") -> Any:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flat(inner, f"{field}.{name}".strip(".") if name != "non_field_errors" else field)
    elif isinstance(detail, (list, tuple)):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list, tuple))
            yield from _flat(inner, f"{field}.{place}".strip(".") if nested and inner else field)
    else:
        yield {"field": field, "message": str(detail)}
