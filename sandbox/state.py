"""What the sandbox remembers between restarts: one SQLite file, each cloud with tables of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self


class State:
    """A lock around one SQLite connection; fast enough for a stand-in and simple to read."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        # What is committed survives the process; only a crash of the whole machine may cost the last seconds.
        self._db.execute("PRAGMA synchronous=OFF")

    def __enter__(self) -> Self:
        """Begin a transaction that no other thread can see half of. It does not nest."""
        self._lock.acquire()
        try:
            self._db.execute("BEGIN")
        except sqlite3.Error:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._db.execute("ROLLBACK" if kind else "COMMIT")
        finally:
            self._lock.release()

    def script(self, sql: str) -> None:
        with self._lock:
            self._db.executescript(sql)

    def run(self, sql: str, values: Iterable[Any] = ()) -> int:
        """Execute one statement and return the number of rows it changed."""
        with self._lock:
            return self._db.execute(sql, tuple(values)).rowcount

    def many(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        """Execute one statement for each of `rows`."""
        with self._lock:
            self._db.executemany(sql, (tuple(row) for row in rows))

    def rows(self, sql: str, values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, tuple(values)).fetchall()

    def row(self, sql: str, values: Iterable[Any] = ()) -> sqlite3.Row | None:
        found = self.rows(sql, values)
        return found[0] if found else None

    def close(self) -> None:
        with self._lock:
            self._db.close()
