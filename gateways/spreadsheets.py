"""CSV that spreadsheets open as it is meant: UTF-8 with its mark, and no text of anybody's taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

MARK = b"\xef\xbb\xbf"  # spreadsheets look for it
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a whole table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return MARK + text.getvalue().encode()


def cell(value: Any) -> Any:
    """Return a value as a cell: a text that would be taken for a formula is told to be a text by a '."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple, dict)):
        return cell(orjson.dumps(value).decode())
    return value
