from __future__ import annotations

import uuid

from django.db import models
from simple_history.models import HistoricalRecords

from gateways.models import Partner
from gateways.vault.fields import SealedField
from ingest import vendors


class VendorCredential(models.Model):
    """What the partner itself has from a vendor, shared by its connections: a fleet key, a client id and secret."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="credentials")
    vendor = models.CharField(max_length=30, choices=vendors.credential_choices)
    scheme = models.CharField(max_length=30, help_text="Which of the vendor's ways in it opens.")
    name = models.CharField(max_length=100)
    secrets = SealedField(blank=True, editable=False, help_text="JSON of the fields the vendor asks for, sealed.")
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(excluded_fields=["secrets"])

    class Meta:
        ordering = ("vendor", "name")
        constraints = (models.UniqueConstraint(fields=("partner", "vendor", "name"), name="credential_name"),)

    def __str__(self) -> str:
        return f"{self.vendor}: {self.name}"

    @property
    def event_subject(self) -> str:
        return f"credential:{self.uid}"
