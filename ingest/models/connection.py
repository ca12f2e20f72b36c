from __future__ import annotations

import uuid

from django.db import models
from simple_history.models import HistoricalRecords

from gateways.models import Partner
from gateways.vault.fields import SealedField
from ingest import vendors
from ingest.models.credential import VendorCredential


class Connection(models.Model):
    """One homeowner's (or fleet's) account at a vendor."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        NEEDS_RECONNECT = "needs_reconnect", "needs reconnect"
        PAUSED = "paused", "paused by staff"
        DISCONNECTED = "disconnected"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="connections")
    vendor = models.CharField(max_length=30, choices=vendors.choices)
    label = models.CharField(max_length=100)
    credential = models.ForeignKey(
        VendorCredential, on_delete=models.PROTECT, null=True, blank=True, related_name="connections",
        help_text="Only for accounts that are read with a key of the partner.",
    )  # fmt: skip
    secrets = SealedField(blank=True, editable=False, help_text="JSON of the account's own keys or tokens, sealed.")
    status = models.CharField(max_length=15, choices=Status, default=Status.ACTIVE)
    next_pull_at = models.DateTimeField(null=True, blank=True, db_index=True)
    discovered_at = models.DateTimeField(null=True, blank=True, help_text="When systems and DERs were last listed.")
    round_began_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when its systems are gone through, between slices."
    )
    lease = models.UUIDField(null=True, blank=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Failed pulls since the last good one.")
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(
        excluded_fields=[
            "secrets", "next_pull_at", "discovered_at", "round_began_at", "lease", "leased_until",
            "last_success_at", "last_error_at", "last_error", "failures",
        ]
    )  # fmt: skip

    class Meta:
        ordering = ("vendor", "label")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "needs_reconnect", "paused", "disconnected"]),
                name="connection_status",
            ),
            models.CheckConstraint(
                condition=models.Q(lease__isnull=True, leased_until__isnull=True)
                | models.Q(lease__isnull=False, leased_until__isnull=False),
                name="connection_lease_whole",
            ),
        )

    def __str__(self) -> str:
        return f"{self.vendor}: {self.label}"
