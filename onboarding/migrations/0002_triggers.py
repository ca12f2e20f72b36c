"""Rules of Join flows that compare with the row before or with another table."""

from __future__ import annotations

from django.db import migrations

from gateways import triggers
from gateways.triggers import Rule

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

RULES = [
    Rule("flow_only_deleted", "UPDATE", "joinflow", _ONLY_DELETED, "A flow never changes: delete it and make another."),
    Rule("flow_vendor_stays", "UPDATE", "flowvendor", "FALSE", "A flow never changes: delete it and make another."),
    Rule(
        "flow_vendor_fits", "INSERT", "flowvendor", _CREDENTIAL_FITS,
        "A flow uses credentials of its own partner, each for its own vendor.",
    ),
    *(
        Rule(
            f"enrollment_fits_on_{when.lower()}", when, "enrollment", _ENROLLMENT_FITS,
            "An enrollment has the partner of its flow and of its account.",
        )
        for when in ("INSERT", "UPDATE")
    ),
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0001_initial"), ("ingest", "0008_credentials_kept_early")]

    operations = [triggers.enforce("onboarding", RULES)]
