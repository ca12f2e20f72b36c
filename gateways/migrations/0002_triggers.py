"""Rules of gateways and events that compare with the row before or with another table."""

from __future__ import annotations

from django.db import migrations

from gateways import triggers
from gateways.triggers import Rule

_FITS_ITS_TYPE = """EXISTS (
    SELECT 1 FROM gateways_gatewaytype AS parent WHERE parent.id = NEW.gateway_type_id
    AND parent.partner_id = NEW.partner_id
    AND substr(NEW.serial, 1, length(NEW.serial) - 17) = parent.prefix
) AND (NEW.wallet_id IS NULL OR EXISTS (
    SELECT 1 FROM gateways_wallet AS wallet WHERE wallet.id = NEW.wallet_id AND wallet.partner_id = NEW.partner_id
))"""
_PREFIX_IS_FREE = """OLD.prefix = NEW.prefix
OR NOT EXISTS (SELECT 1 FROM gateways_gateway AS gateway WHERE gateway.gateway_type_id = NEW.id)"""

RULES = [
    Rule("event_append_only", "UPDATE", "event", "FALSE", "Events are append-only."),
    Rule(
        "gateway_fits_on_insert", "INSERT", "gateway", _FITS_ITS_TYPE,
        "A gateway has the partner of its type and wallet, and its id starts with the prefix of its type.",
    ),
    Rule(
        "gateway_fits_on_update", "UPDATE", "gateway", _FITS_ITS_TYPE,
        "A gateway has the partner of its type and wallet, and its id starts with the prefix of its type.",
    ),
    Rule(
        "gateway_type_prefix_stays", "UPDATE", "gatewaytype", _PREFIX_IS_FREE,
        "The prefix stands in the ids of gateways: create another type.",
    ),
    *(
        Rule(f"{table}_keeps_partner", "UPDATE", table, "OLD.partner_id = NEW.partner_id", "No row moves between partners.")
        for table in ("gateway", "gatewaytype", "wallet")
    ),
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("gateways", "0001_initial")]

    operations = [triggers.enforce("gateways", RULES)]
