"""Rules that a constraint cannot state, because they compare with the row before or with another table.

SQLite drops the triggers of a table that a later migration rebuilds: create them again there. The tests of the rules,
which run on a migrated database, show when that was forgotten.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_FITS_ITS_TYPE = """EXISTS (
    SELECT 1 FROM gateways_gatewaytype AS parent WHERE parent.id = NEW.gateway_type_id
    AND parent.partner_id = NEW.partner_id
    AND substr(NEW.serial, 1, length(NEW.serial) - 17) = parent.prefix
) AND (NEW.wallet_id IS NULL OR EXISTS (
    SELECT 1 FROM gateways_wallet AS wallet WHERE wallet.id = NEW.wallet_id AND wallet.partner_id = NEW.partner_id
))"""
_PREFIX_IS_FREE = """OLD.prefix = NEW.prefix
OR NOT EXISTS (SELECT 1 FROM gateways_gateway AS gateway WHERE gateway.gateway_type_id = NEW.id)"""

# (name, when, table, what must be true, what is said if it is not)
RULES = [
    ("event_append_only", "UPDATE", "event", "FALSE", "Events are append-only."),
    (
        "gateway_fits_on_insert", "INSERT", "gateway", _FITS_ITS_TYPE,
        "A gateway has the partner of its type and wallet, and its id starts with the prefix of its type.",
    ),
    (
        "gateway_fits_on_update", "UPDATE", "gateway", _FITS_ITS_TYPE,
        "A gateway has the partner of its type and wallet, and its id starts with the prefix of its type.",
    ),
    (
        "gateway_type_prefix_stays", "UPDATE", "gatewaytype", _PREFIX_IS_FREE,
        "The prefix stands in the ids of gateways: create another type.",
    ),
    *(
        (f"{table}_keeps_partner", "UPDATE", table, "OLD.partner_id = NEW.partner_id", "No row moves between partners.")
        for table in ("gateway", "gatewaytype", "wallet")
    ),
]  # fmt: skip

_SQLITE = """CREATE TRIGGER {name} BEFORE {when} ON gateways_{table} WHEN NOT ({rule})
BEGIN SELECT RAISE(ABORT, '{message}'); END"""
# The SQLSTATE of a violated check constraint: Django makes an IntegrityError of it, as of SQLite's ABORT.
_POSTGRESQL = """CREATE FUNCTION gateways_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NOT ({rule}) THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$;
CREATE TRIGGER {name} BEFORE {when} ON gateways_{table} FOR EACH ROW EXECUTE FUNCTION gateways_{name}()"""


def create(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    template = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[schema_editor.connection.vendor]
    for name, when, table, rule, message in RULES:
        schema_editor.execute(
            template.format(name=name, when=when, table=table, rule=rule, message=message), params=None
        )


def drop(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for name, *_ in RULES:
        schema_editor.execute(f"DROP FUNCTION gateways_{name}() CASCADE" if postgresql else f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("gateways", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
