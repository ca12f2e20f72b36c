from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from gateways.models import Partner
from gateways.vault.fields import SealedField
from ingest import vendors
from ingest.models.credential import VendorCredential


class Connection(models.Model):
    """One homeowner's (or fleet's) account at a vendor."""

    class Status(models.TextChoices):
        PENDING = "pending", "waits for the vendor's approval"
        ACTIVE = "active"
        NEEDS_RECONNECT = "needs_reconnect", "needs reconnect"
        PAUSED = "paused", "paused by staff"
        DISCONNECTED = "disconnected"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="connections")
    vendor = models.CharField(max_length=30, choices=vendors.choices)
    scheme = models.CharField(max_length=30, help_text="Which of the vendor's ways in it uses.")
    account = models.CharField(
        max_length=100, blank=True, editable=False,
        help_text="What tells this account from others at the vendor: its id there, or a hash of its key.",
    )  # fmt: skip
    label = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="connections",
        help_text="The homeowner it belongs to.",
    )  # fmt: skip
    credential = models.ForeignKey(
        VendorCredential, on_delete=models.PROTECT, null=True, blank=True, related_name="connections",
        help_text="The partner's key or application that the account is read with.",
    )  # fmt: skip
    secrets = SealedField(blank=True, editable=False, help_text="JSON of the account's own keys or tokens, sealed.")
    tokens_received_at = models.DateTimeField(null=True, blank=True, editable=False)
    tokens_refresh_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Half of their life.")
    tokens_expire_at = models.DateTimeField(null=True, blank=True, help_text="When the access token ends by itself.")
    refresh_lease = models.UUIDField(null=True, blank=True, editable=False)
    refresh_leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.CharField(max_length=15, choices=Status, default=Status.ACTIVE)
    needs_reconnect_at = models.DateTimeField(null=True, blank=True, editable=False)
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoke_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When the consent of a disconnected account is given back at the vendor."
    )
    withheld_kinds = models.JSONField(
        default=list, blank=True, help_text="Kinds of DERs that its owner does not share; they are not asked for."
    )
    refused_parts = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What the vendor refuses while the rest goes on."
    )
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
            "secrets", "account", "tokens_received_at", "tokens_refresh_at", "tokens_expire_at", "refresh_lease",
            "refresh_leased_until", "needs_reconnect_at", "disconnected_at", "revoke_due_at", "refused_parts",
            "next_pull_at", "discovered_at", "round_began_at", "lease", "leased_until", "last_success_at",
            "last_error_at", "last_error", "failures",
        ]
    )  # fmt: skip

    class Meta:
        ordering = ("vendor", "label")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "active", "needs_reconnect", "paused", "disconnected"]),
                name="connection_status",
            ),
            models.CheckConstraint(
                condition=models.Q(lease__isnull=True, leased_until__isnull=True)
                | models.Q(lease__isnull=False, leased_until__isnull=False),
                name="connection_lease_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(refresh_lease__isnull=True, refresh_leased_until__isnull=True)
                | models.Q(refresh_lease__isnull=False, refresh_leased_until__isnull=False),
                name="connection_refresh_lease_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    tokens_received_at__isnull=True, tokens_refresh_at__isnull=True, tokens_expire_at__isnull=True
                )
                | models.Q(
                    tokens_received_at__lte=models.F("tokens_refresh_at"),
                    tokens_refresh_at__lte=models.F("tokens_expire_at"),
                ),
                name="connection_tokens_whole",
            ),
            models.UniqueConstraint(
                fields=("partner", "vendor", "account"),
                condition=~models.Q(account="") & ~models.Q(status="disconnected"),
                name="connection_account_once",
                violation_error_message="This account is connected already: reconnect it instead.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.vendor}: {self.label}"

    @property
    def event_subject(self) -> str:
        return f"connection:{self.uid}"
