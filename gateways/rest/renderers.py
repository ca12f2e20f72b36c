"""What answers look like: JSON, or CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

from gateways.spreadsheets import table


class Json(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8 and has no such parameter (RFC 8259)

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z)


class Csv(BaseRenderer):
    """A page of a list as a table; what is nested has columns with dots. Problems stay problem documents."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, _accepted: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        response = (context or {}).get("response")
        if response is not None and response.status_code >= 400:
            return Json().render(data)
        return as_table(data["data"] if isinstance(data, Mapping) and "data" in data else [data] if data else [])


def as_table(rows: list[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV; columns in the order in which they first appear."""
    flat = [dict(_flat(row)) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    return table(columns, ([row.get(name) for name in columns] for row in flat))


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError
