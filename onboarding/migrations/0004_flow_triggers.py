"""Rules of Join flows that a constraint cannot state, because they compare with the row before or with another table.

SQLite drops the triggers of a table that a later migration rebuilds: create them again there. The tests of the rules,
which run on a migrated database, show when that was forgotten.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# `secret` is not among them: it is sealed anew when the master key changes.
_FIXED = ("uid", "partner_id", "name", "redirect_uri", "purposes", "kinds", "language", "created_at")
_STAYS = " AND ".join(f"OLD.{column} = NEW.{column}" for column in _FIXED)
_STAYS_DELETED = "OLD.deleted_at IS NULL OR (NEW.deleted_at IS NOT NULL AND OLD.deleted_at = NEW.deleted_at)"
_ONLY_DELETED = f"{_STAYS} AND ({_STAYS_DELETED})"
_CREDENTIAL_FITS = """NEW.credential_id IS NULL OR EXISTS (
    SELECT 1 FROM ingest_vendorcredential AS credential JOIN onboarding_joinflow AS flow ON flow.id = NEW.flow_id
    WHERE credential.id = NEW.credential_id AND credential.partner_id = flow.partner_id
    AND credential.vendor = NEW.vendor
)"""
_ENROLLMENT_FITS = """EXISTS (
    SELECT 1 FROM onboarding_joinflow AS flow JOIN ingest_connection AS account ON account.id = NEW.connection_id
    WHERE flow.id = NEW.flow_id AND flow.partner_id = NEW.partner_id AND account.partner_id = NEW.partner_id
)"""

# (name, when, table, what must be true, what is said if it is not)
RULES = [
    ("flow_only_deleted", "UPDATE", "joinflow", _ONLY_DELETED, "A flow never changes: delete it and make another."),
    ("flow_vendor_stays", "UPDATE", "flowvendor", "FALSE", "A flow never changes: delete it and make another."),
    (
        "flow_vendor_fits", "INSERT", "flowvendor", _CREDENTIAL_FITS,
        "A flow uses credentials of its own partner, each for its own vendor.",
    ),
    *(
        (
            f"enrollment_fits_on_{when.lower()}", when, "enrollment", _ENROLLMENT_FITS,
            "An enrollment has the partner of its flow and of its account.",
        )
        for when in ("INSERT", "UPDATE")
    ),
]  # fmt: skip

_SQLITE = """CREATE TRIGGER {name} BEFORE {when} ON onboarding_{table} WHEN NOT ({rule})
BEGIN SELECT RAISE(ABORT, '{message}'); END"""
# The SQLSTATE of a violated check constraint: Django makes an IntegrityError of it, as of SQLite's ABORT.
_POSTGRESQL = """CREATE FUNCTION onboarding_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NOT ({rule}) THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$;
CREATE TRIGGER {name} BEFORE {when} ON onboarding_{table} FOR EACH ROW EXECUTE FUNCTION onboarding_{name}()"""


def create(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    template = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[schema_editor.connection.vendor]
    for name, when, table, rule, message in RULES:
        schema_editor.execute(
            template.format(name=name, when=when, table=table, rule=rule, message=message), params=None
        )


def drop(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for name, *_ in RULES:
        schema_editor.execute(f"DROP FUNCTION onboarding_{name}() CASCADE" if postgresql else f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0003_flow_rules"), ("ingest", "0007_schemes")]

    operations = [migrations.RunPython(create, drop)]
