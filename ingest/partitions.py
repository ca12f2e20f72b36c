"""Months of the reading table on PostgreSQL: made before readings of a month come, dropped when it is too old.

On SQLite the table is one piece and nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection as database
from django.db import transaction

_PREFIX = "ingest_reading_"


def exist() -> bool:
    """Say whether this database keeps readings in partitions."""
    return database.vendor == "postgresql"


def ensure(times: Iterable[datetime]) -> list[str]:
    """Make the partitions that readings of these times (UTC) need; return the names of those made.

    Outside the transaction that writes the readings, or every other writer would wait for its end.
    """
    if not exist():
        return []
    wanted = {_name(year, month): (year, month) for year, month in {(ts.year, ts.month) for ts in times}}
    # Asked each time, not remembered: another process may have dropped a month, and one question costs next to nothing.
    missing = sorted(wanted.keys() - names())
    for name in missing:
        _create(name, *wanted[name])
    return missing


def names() -> set[str]:
    """Return the partitions there are, each named ingest_reading_YYYY_MM."""
    if not exist():
        return set()
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'ingest_reading'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def before(oldest: datetime) -> list[str]:
    """Return the partitions whose whole month lies before `oldest`, oldest month first."""
    return sorted(name for name in names() if name < _name(oldest.year, oldest.month))


def drop_before(oldest: datetime) -> list[str]:
    """Drop the partitions whose whole month lies before `oldest`; return their names."""
    dropped = before(oldest)
    with database.cursor() as cursor:
        for name in dropped:
            cursor.execute(f'DROP TABLE IF EXISTS "{name}"')
    return dropped


def months(now: datetime, ahead: int) -> list[datetime]:
    """Return the beginnings of the month of `now` and of the `ahead` months that follow it."""
    return [_month(now.year, now.month + number) for number in range(ahead + 1)]


@transaction.atomic
def _create(name: str, year: int, month: int) -> None:
    """Make one partition. Attaching an empty table, unlike creating one in place, stops no reader and no writer."""
    start, end = _month(year, month).isoformat(), _month(year, month + 1).isoformat()
    with database.cursor() as cursor:
        # Two workers may meet the first reading of a month at once: the second finds it made.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ingest_reading_partitions'))")
        if name not in names():
            cursor.execute(f'CREATE TABLE "{name}" (LIKE ingest_reading INCLUDING ALL)')
            cursor.execute(
                f"ALTER TABLE ingest_reading ATTACH PARTITION \"{name}\" FOR VALUES FROM ('{start}') TO ('{end}')"
            )


def _name(year: int, month: int) -> str:
    return f"{_PREFIX}{year:04}_{month:02}"


def _month(year: int, month: int) -> datetime:
    """Return the beginning of a month; month 13 is January of the next year."""
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
