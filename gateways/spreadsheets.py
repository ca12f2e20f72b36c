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
    """Return a value as a cell, spelled as in JSON: a text that would be taken for a formula gets a ' in front."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (list, tuple, dict)):
        return cell(orjson.dumps(value).decode())
    return value
