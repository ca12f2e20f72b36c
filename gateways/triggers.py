"""Triggers: rules that a constraint cannot state, because they compare with the row before or with another table.

SQLite drops the triggers of a table that a later migration rebuilds: create them again there. The tests of the rules,
which run on a migrated database, show when that was forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class Rule(NamedTuple):
    """What must be true of a row that is written: SQL of both databases, with NEW and, on UPDATE, OLD."""

    name: str
    when: str
    table: str
    must_be: str
    message: str


_SQLITE = """CREATE TRIGGER {name} BEFORE {when} ON {app}_{table} WHEN NOT ({must_be})
BEGIN SELECT RAISE(ABORT, '{message}'); END"""
# The SQLSTATE of a violated check constraint: Django makes an IntegrityError of it, as of SQLite's ABORT.
_POSTGRESQL = """CREATE FUNCTION {app}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF NOT ({must_be}) THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$;
CREATE TRIGGER {name} BEFORE {when} ON {app}_{table} FOR EACH ROW EXECUTE FUNCTION {app}_{name}()"""


def enforce(app: str, rules: Sequence[Rule]) -> migrations.RunPython:
    """Return the step of a migration that creates the triggers of an app's tables, and drops them on the way back."""
    return migrations.RunPython(partial(_create, app, rules), partial(_drop, app, rules))


def _create(app: str, rules: Sequence[Rule], _apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    template = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[schema_editor.connection.vendor]
    for rule in rules:
        schema_editor.execute(template.format(app=app, **rule._asdict()), params=None)


def _drop(app: str, rules: Sequence[Rule], _apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for rule in rules:
        schema_editor.execute(
            f"DROP FUNCTION {app}_{rule.name}() CASCADE" if postgresql else f"DROP TRIGGER {rule.name}"
        )
