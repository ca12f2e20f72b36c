"""Unix milliseconds, in which SEN counts time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Func

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Milliseconds(Func):
    """Unix milliseconds of a time, computed by the database: Django reads a time from PostgreSQL in Python."""

    output_field = BigIntegerField()

    def get_db_converters(self, connection: Any) -> list[Any]:  # noqa: ARG002
        """Say that what the database gives is a number already: else each row is gone through once more."""
        return []

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="round(date_part('epoch', %(expressions)s) * 1000)::bigint", **more
        )

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(
            compiler, connection, **more,
            template="CAST(round((julianday(%(expressions)s) - 2440587.5) * 86400000) AS INTEGER)",
        )  # fmt: skip


def milliseconds(at: datetime) -> int:
    """Return a time in Unix milliseconds."""
    return (at - _EPOCH) // _MILLISECOND


def time_of(unix_ms: int) -> datetime:
    """Return the time (UTC) of Unix milliseconds."""
    return _EPOCH + unix_ms * _MILLISECOND
