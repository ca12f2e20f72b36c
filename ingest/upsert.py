"""Writing readings by the thousand, past the ORM: PostgreSQL takes them by binary COPY, SQLite by executemany.

What is certainly new goes straight into the table. The rest goes into a stage, and from there into the table by a
statement that tells which readings are new or changed. A value that is not known this time never erases one that was:
pages of one interval can come apart. For the same reason a sample without an interval leaves the one that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection as database

from ingest.readings import VALUES, Reading

_COLUMNS = ("der_id", "ts", "interval_s", *VALUES, "quality", "received_at")
_TYPES = (
    "int8", "timestamptz", "int4", "float8", "numeric", "numeric", "numeric", "numeric",
    "float8", "float8", "float8", "float8", "float8", "varchar", "timestamptz",
)  # fmt: skip
_MERGED = {
    "interval_s": "COALESCE(NULLIF(excluded.interval_s, 0), r.interval_s)",
    **{name: f"COALESCE(excluded.{name}, r.{name})" for name in VALUES},
    "quality": "excluded.quality",
}
_MOVE = f"""
    INSERT INTO ingest_reading AS r ({", ".join(_COLUMNS)}) SELECT {", ".join(_COLUMNS)} FROM reading_stage WHERE true
    ON CONFLICT (der_id, ts) DO UPDATE SET received_at = excluded.received_at,
        {", ".join(f"{name} = {merged}" for name, merged in _MERGED.items())}
    WHERE ({", ".join(_MERGED.values())}) IS DISTINCT FROM ({", ".join(f"r.{name}" for name in _MERGED)})
    RETURNING der_id, ts"""  # noqa: S608  column names of our own
_STAGE = {
    "postgresql": "CREATE TEMP TABLE IF NOT EXISTS reading_stage (LIKE ingest_reading) ON COMMIT DELETE ROWS",
    "sqlite": "CREATE TEMP TABLE IF NOT EXISTS reading_stage AS SELECT * FROM ingest_reading WHERE false",
}

Row = tuple[int, Reading]


def insert(rows: Sequence[Row], *, received_at: datetime) -> None:
    """Write readings as (der id, Reading) that are not in the table yet.

    Part of the caller's transaction. The partitions of their months must exist.
    """
    if rows:
        with database.cursor() as cursor:
            _fill(cursor, "ingest_reading", rows, received_at)


def write(rows: Sequence[Row], *, received_at: datetime) -> set[tuple[int, datetime]]:
    """Write readings as (der id, Reading), no key twice; return the keys of the rows that are new or changed.

    Part of the caller's transaction. The partitions of their months must exist.
    """
    if not rows:
        return set()
    with database.cursor() as cursor:
        # DELETE finds nothing, unless this transaction wrote before; TRUNCATE would make a new file each time.
        cursor.execute(_STAGE[database.vendor])
        cursor.execute("DELETE FROM reading_stage")
        _fill(cursor, "reading_stage", rows, received_at)
        cursor.execute(_MOVE)
        return {(der_id, ts.replace(tzinfo=UTC)) for der_id, ts in cursor.fetchall()}  # SQLite leaves the zone unsaid


def _fill(cursor: Any, table: str, rows: Sequence[Row], received_at: datetime) -> None:
    if database.vendor != "postgresql":
        marks = ", ".join(["%s"] * len(_COLUMNS))
        insert = f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608  names of our own
        cursor.executemany(insert, list(_adapted(_records(rows, received_at))))
        return
    with cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(_TYPES)
        for record in _records(rows, received_at):
            copy.write_row(record)


def _records(rows: Sequence[Row], received_at: datetime) -> Iterator[tuple[Any, ...]]:
    for der_id, r in rows:
        yield (
            der_id, r.ts, r.interval_s, r.power_w, r.energy_in_wh, r.energy_out_wh, r.total_in_wh, r.total_out_wh,
            r.soc, r.voltage_v, r.current_a, r.frequency_hz, r.temperature_c, str(r.quality), received_at,
        )  # fmt: skip


def _adapted(records: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Make of records what SQLite keeps: times as text, numbers as floats."""
    adapt = database.ops.adapt_datetimefield_value
    for der_id, ts, interval_s, *values, quality, received_at in records:
        numbers = (None if value is None else float(value) for value in values)
        yield der_id, adapt(ts), interval_s, *numbers, quality, adapt(received_at)
