"""Months of the reading table on PostgreSQL: made when the first reading of a month comes, dropped when it is too old.

On SQLite the table is one piece and nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection as database

_known: set[tuple[str, str]] = set()  # (database name, partition), so that a process looks once


def ensure(times: Iterable[datetime]) -> None:
    """Make the partitions that readings of these times need. Call it outside a transaction that holds readings."""
    if database.vendor != "postgresql":
        return
    for month in sorted({_month(ts) for ts in times}):
        name = f"ingest_reading_{month:%Y_%m}"
        if (str(database.settings_dict["NAME"]), name) not in _known:
            _create(name, month)
            _known.add((str(database.settings_dict["NAME"]), name))


def names() -> list[str]:
    """Return the partitions there are, oldest month first."""
    if database.vendor != "postgresql":
        return []
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ingest_reading'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def drop_before(oldest: datetime) -> list[str]:
    """Drop the partitions whose whole month lies before `oldest`; return their names."""
    limit = f"ingest_reading_{_month(oldest):%Y_%m}"
    dropped = [name for name in names() if name < limit]
    with database.cursor() as cursor:
        for name in dropped:
            cursor.execute(f'DROP TABLE "{name}"')
    _known.clear()
    return dropped


def _create(name: str, month: datetime) -> None:
    following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    with database.cursor() as cursor:
        # Two workers may meet the first reading of a month at once; the lock lets one of them find it made.
        cursor.execute("SELECT pg_advisory_lock(hashtext('ingest_reading_partitions'))")
        try:
            cursor.execute(
                f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF ingest_reading '
                f"FOR VALUES FROM ('{month.isoformat()}') TO ('{following.isoformat()}')"
            )
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('ingest_reading_partitions'))")


def _month(ts: datetime) -> datetime:
    return datetime(ts.year, ts.month, 1, tzinfo=UTC)
