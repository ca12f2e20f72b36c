"""What answers look like: JSON, or CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer

from gateways.spreadsheets import table


class Json(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8 and has no such parameter (RFC 8259)

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z)


class Csv(BaseRenderer):
    """A page of a list as a table; what is nested has columns with dots."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, _accepted: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        if data is None:
            return b""
        document = context["view"].get_serializer() if context else None
        return as_table(data["data"], _of_rows(document)) if "data" in data else as_table([data], document)


def as_table(rows: Sequence[Mapping[str, Any]], document: Any) -> bytes:
    """Return rows as CSV. The columns are those of the document, on every page the same."""
    columns = list(_columns(document))
    return table([".".join(path) for path in columns], ([_at(row, path) for path in columns] for row in rows))


def _of_rows(document: Any) -> Any:
    """Return what describes a row: the document itself, or that of its `data`."""
    listed = document.fields.get("data")
    return listed.child if isinstance(listed, serializers.ListSerializer) else document


def _columns(document: Any) -> Iterator[tuple[str, ...]]:
    for name, field in document.fields.items():
        if isinstance(field, serializers.Serializer):
            yield from ((name, *inner) for inner in _columns(field))
        else:
            yield (name,)


def _at(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        row = row.get(name) if row else None
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError
