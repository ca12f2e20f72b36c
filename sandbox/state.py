"""What the sandbox remembers between restarts: one SQLite file, each cloud with tables of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class State:
    """A lock around one SQLite connection; fast enough for a stand-in and simple to read."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")

    def __enter__(self) -> State:
        """Begin a transaction that no other thread can see half of."""
        self._lock.acquire()
        self._db.execute("BEGIN")
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

    def rows(self, sql: str, values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, tuple(values)).fetchall()

    def row(self, sql: str, values: Iterable[Any] = ()) -> sqlite3.Row | None:
        found = self.rows(sql, values)
        return found[0] if found else None
