"""Writing readings by the thousand: into a stage, from there into the table, learning which ones are new or changed.

PostgreSQL takes the stage by binary COPY, SQLite by executemany; the statement that moves it is the same for both.
A value that is not known this time never erases one that was: pages of one interval can come apart. For the same
reason a sample without an interval leaves the interval that is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

Row = tuple[int, Reading]


def write(rows: Sequence[Row], *, received_at: datetime) -> set[tuple[int, datetime]]:
    """Write readings as (der id, Reading), no key twice; return the keys of the rows that are new or changed.

    Part of the caller's transaction. The partitions of their months must exist.
    """
    if not rows:
        return set()
    return _write_postgresql(rows, received_at) if database.vendor == "postgresql" else _write_sqlite(rows, received_at)


def _records(rows: Sequence[Row], received_at: datetime) -> Iterator[tuple[Any, ...]]:
    for der_id, r in rows:
        yield (
            der_id, r.ts, r.interval_s, r.power_w, r.energy_in_wh, r.energy_out_wh, r.total_in_wh, r.total_out_wh,
            r.soc, r.voltage_v, r.current_a, r.frequency_hz, r.temperature_c, r.quality.value, received_at,
        )  # fmt: skip


def _write_postgresql(rows: Sequence[Row], received_at: datetime) -> set[tuple[int, datetime]]:
    with database.cursor() as cursor:
        # DELETE finds nothing, unless this transaction wrote before; TRUNCATE would make a new file each time.
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS reading_stage (LIKE ingest_reading) ON COMMIT DELETE ROWS;"
            " DELETE FROM reading_stage"
        )
        with cursor.copy(f"COPY reading_stage ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(_TYPES)
            for record in _records(rows, received_at):
                copy.write_row(record)
        cursor.execute(_MOVE)
        return set(cursor.fetchall())


def _write_sqlite(rows: Sequence[Row], received_at: datetime) -> set[tuple[int, datetime]]:
    adapt = database.ops.adapt_datetimefield_value
    received = adapt(received_at)
    with database.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS reading_stage AS SELECT * FROM ingest_reading WHERE false")
        marks = ", ".join(["%s"] * len(_COLUMNS))
        cursor.executemany(
            f"INSERT INTO reading_stage ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608
            [
                (der_id, adapt(ts), interval, *(None if v is None else float(v) for v in values), quality, received)
                for der_id, ts, interval, *values, quality, _ in _records(rows, received_at)
            ],
        )
        cursor.execute(_MOVE)
        changed = {
            (der_id, ts.replace(tzinfo=UTC)) for der_id, ts in cursor.fetchall()
        }  # SQLite keeps UTC, zone unsaid
        cursor.execute("DELETE FROM reading_stage")
    return changed
