"""Migrations take seven seconds: of several workers one runs them, and all get a copy of what comes of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from pathlib import Path

from django.db import connection

_SQLITE = connection.vendor == "sqlite"


def share() -> None:
    """Have Django make this worker's test database as a copy of the run's, which the first to come here makes."""
    folder = Path(os.environ["TEST_RUN_DIR"])  # the controller's: made before its workers, gone after them
    template = str(folder / "schema.sqlite3") if _SQLITE else "test_portal_schema"
    with (folder / "schema.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (migrated := folder / "schema.made").exists():
            _make(template)
            migrated.touch()
    if _SQLITE:
        shutil.copy(template, connection.settings_dict["TEST"]["NAME"])
    else:
        connection.settings_dict["TEST"]["TEMPLATE"] = template


def copy_into(folder: Path) -> None:
    """Have a process on SQLite whose VAR_DIR is `folder` find its migrations done, if tests run on SQLite, too."""
    if _SQLITE:
        folder.mkdir(exist_ok=True)
        new = sqlite3.connect(folder / "portal.sqlite3")
        with contextlib.closing(new), contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as migrated:
            migrated.backup(new)


def _make(name: str) -> None:
    kept, own = connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()  # a template may have no connections, and SQLite's log goes into the file
    connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"] = kept, own
