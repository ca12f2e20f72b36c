"""Pages by cursor: the next one begins behind the last row of this one, whatever came or went meanwhile."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import orjson
from django.db.models import Model, QuerySet
from django.utils.encoding import iri_to_uri
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from gateways import jwks
from gateways.rest.problems import Problem, invalid

ModelT = TypeVar("ModelT", bound=Model)
DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True)
class Page:
    """Rows, and where the next page begins; no cursor: this was the last one."""

    rows: Sequence[Any]
    next_cursor: str | None


def of_rows(rows: QuerySet[ModelT], *, cursor: str, limit: int, newest_first: bool = False, by: str = "pk") -> Page:
    """Return a page of rows in the order of their making, or of another unique number (`by`).

    Raises Problem for a cursor that is none of ours.
    """
    rows = rows.order_by(f"-{by}" if newest_first else by)
    if cursor:
        rows = rows.filter(**{f"{by}__{'lt' if newest_first else 'gt'}": decode(cursor, int)})
    return cut(rows[: limit + 1], limit=limit, position=operator.attrgetter(by))


def cut(found: Iterable[Any], *, limit: int, position: Callable[[Any], Any]) -> Page:
    """Return a page of what was found in order, one more than `limit` if there is more; `position` is a row's own."""
    rows = list(found)
    return Page(rows[:limit], encode(position(rows[limit - 1])) if len(rows) > limit else None)


def encode(position: Any) -> str:
    """Return the cursor behind a position: whatever JSON holds."""
    return jwks.base64url(orjson.dumps(position)).decode()


def decode(cursor: str, kind: type) -> Any:
    """Return the position of a cursor. Raises Problem where it does not hold one of this type."""
    try:
        position = orjson.loads(jwks.of_base64url(cursor))
    except ValueError:
        position = None
    if type(position) is not kind or not _fits(position):
        raise unknown()
    return position


def unknown() -> Problem:
    """Return the problem of a cursor that is none of ours."""
    return invalid("This cursor is none of ours: send `next_cursor` of the page before, unchanged.", field="cursor")


def _fits(position: Any) -> bool:
    """Tell whether a database can compare with a position."""
    if isinstance(position, int):
        return 0 <= position < 2**63
    return not isinstance(position, str) or "\0" not in position


class CursorPages(BasePagination):
    """Pages of a list: `limit` and `cursor` are read and checked with the view's other parameters."""

    page: Page
    more: ClassVar[Mapping[str, dict[str, Any]]] = {}
    """schemas of what a page says beside its rows, for the documentation"""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.page = of_rows(
            queryset, cursor=view.query["cursor"], limit=view.query["limit"], newest_first=view.newest_first
        )
        return list(self.page.rows)

    def get_paginated_response(self, data: Any) -> Response:
        return answer(self.request, data, self.page.next_cursor)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return envelope(schema, **self.more)


def answer(request: Request, data: Any, next_cursor: str | None, **more: Any) -> Response:
    """Return a page: `data`, and where the next one begins, also as a Link (RFC 8288) for what has no room for it."""
    link = {}
    if next_cursor:
        url = replace_query_param(request.build_absolute_uri(), "cursor", next_cursor)
        link = {"Link": f'<{iri_to_uri(url)}>; rel="next"'}
    return Response({**more, "data": data, "next_cursor": next_cursor}, headers=link)


def envelope(rows: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a page; `rows` is that of the list in it."""
    cursor = {"type": ["string", "null"], "description": "Send it as `cursor` for the next page; null: this is all."}
    properties = {**more, "data": rows, "next_cursor": cursor}
    return {"type": "object", "required": list(properties), "properties": properties}
