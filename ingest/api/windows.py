"""Which time a request asks for, and in what steps: checked once, the same for all that is served of readings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gateways.rest import paging
from gateways.rest.problems import invalid
from gateways.rest.requests import Query
from ingest import unix_time
from ingest.readings import EARLIEST
from ingest.statistics import Step

STEPS = {"15m": Step.QUARTER, "1h": Step.HOUR, "1d": Step.DAY, "1mo": Step.MONTH}
MONTH, YEAR = timedelta(days=31), timedelta(days=366)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_DEFAULT = timedelta(days=1)
_FIRST, _LAST = unix_time.milliseconds(EARLIEST), unix_time.milliseconds(LATEST)


@extend_schema_field(
    {
        "type": "string",
        "pattern": r"^([0-9]{13}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2}))$",
        "examples": ["2026-06-15T00:00:00Z"],
    }
)
class Moment(serializers.Field[datetime, str, Any, Any]):
    """A time in ISO 8601 with its offset, or Unix milliseconds in 13 digits."""

    default_error_messages = {
        "form": "Give a time as ISO 8601 with Z or an offset (+ is written %2B in an address), or 13 digits of ms.",
        "range": "Give a time of this century.",
    }

    def to_internal_value(self, data: str) -> datetime:
        at = self._read(data)
        if not EARLIEST <= at < LATEST:
            self.fail("range")
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()

    def _read(self, text: str) -> datetime:
        if re.fullmatch(r"[0-9]{13}", text):
            return unix_time.time_of(int(text))
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                self.fail("form")
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("form")


class SpanQuery(Query):
    """Which time."""

    vars()["from"] = Moment(
        required=False,
        help_text="Begin, included: ISO 8601 with offset, or 13 digits of Unix ms. Default: a day before `to`.",
    )
    to = Moment(required=False, help_text="End, not included, in the same forms. Default: now.")


class WindowQuery(SpanQuery):
    """Parameters of all that is served of readings, page by page."""

    limit = serializers.IntegerField(
        min_value=1, max_value=5000, default=5000, help_text="Rows of a page at most; points can be fewer."
    )
    cursor = serializers.CharField(
        default="", allow_blank=True, max_length=500, trim_whitespace=False,
        help_text="`next_cursor` of the page before; it goes on to the same end, whatever `from` and `to` say.",
    )  # fmt: skip


@dataclass(frozen=True)
class Window:
    """The time from `start` up to `end`, which is not part of it (UTC)."""

    start: datetime
    end: datetime

    def cursor(self, then: datetime | None) -> str | None:
        """Return the cursor of the page that goes on at `then`, up to the same end."""
        return paging.encode([unix_time.milliseconds(at) for at in (then, self.end)]) if then else None


def asked(query: dict[str, Any], now: datetime, *, longest: timedelta) -> Window:
    """Return the window that a `SpanQuery` or `WindowQuery` asks for. Raises Problem for an empty or too long one."""
    if query.get("cursor"):
        return _of_cursor(query["cursor"], longest)
    end = query.get("to") or now
    start = query.get("from") or end - _DEFAULT
    if start >= end:
        msg = "The window is empty: `from` has to lie before `to`, which is now if it is not given."
        raise invalid(msg, field="from")
    if end - start > longest:
        msg = f"At most {longest.days} days can be asked for at once: ask for one window after the other."
        raise invalid(msg, field="from", slug="window-too-long")
    return Window(start, end)


def _of_cursor(cursor: str, longest: timedelta) -> Window:
    match paging.decode(cursor, list):
        case [int(start), int(end)] if all(_FIRST <= ms < _LAST for ms in (start, end)):
            window = Window(unix_time.time_of(start), unix_time.time_of(end))
            if timedelta(0) < window.end - window.start <= longest:
                return window
    raise paging.unknown()
