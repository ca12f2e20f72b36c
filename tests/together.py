"""Two at once: calls that begin at the same moment, each in a thread and on a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections


def at_once(*calls: Callable[[], object]) -> list[Any]:
    """Run the calls in threads that start together; return what each returned, or the exception that it raised."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait(timeout=60)
        try:
            return call()
        except Exception as error:  # noqa: BLE001  it is handed to the test
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def needs_several_writers() -> None:
    """Skip the test on SQLite, which has one writer at a time."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: set DATABASE_URL to a PostgreSQL to see several")
