from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from gateways.models import Partner
from ingest import vendors
from ingest.models import Connection


class Consent(models.Model):
    """What somebody agreed to, word for word, and when that ended. A row is never changed but to end it.

    `subject` is the partner's own reference of a homeowner who has no account with us (a Join flow).
    """

    class Purpose(models.TextChoices):
        REWARDS = "rewards", "readings go to the Sourceful Energy Network and earn rewards"
        SERVICE = "service", "the partner sees the readings, to help and for its own services"

    class Ending(models.TextChoices):
        STOPPED = "stopped", "stopped by its giver"
        REPLACED = "replaced", "replaced by a newer one"
        EXPIRED = "expired"
        DELETED = "deleted", "everything was deleted"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="consents")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="consents"
    )
    subject = models.CharField(max_length=100, blank=True)
    vendor = models.CharField(max_length=30, choices=vendors.choices)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="consents",
        help_text="Empty until the account is connected.",
    )  # fmt: skip
    purpose = models.CharField(max_length=10, choices=Purpose)
    kinds = models.JSONField(help_text="Kinds of DERs that are shared.")
    text_version = models.CharField(max_length=30)
    text = models.TextField(help_text="As it was shown.")
    language = models.CharField(max_length=7)
    given_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=10, choices=Ending, blank=True)

    class Meta:
        ordering = ("-given_at", "purpose")
        constraints = (
            models.UniqueConstraint(
                fields=("connection", "purpose"),
                condition=models.Q(ended_at__isnull=True, connection__isnull=False),
                name="consent_one_per_purpose",
            ),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("given_at")), name="consent_lasts"),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, ending="")
                | models.Q(ended_at__isnull=False, ending__in=["stopped", "replaced", "expired", "deleted"]),
                name="consent_ended_whole",
            ),
            models.CheckConstraint(condition=models.Q(purpose__in=["rewards", "service"]), name="consent_purpose"),
        )

    def __str__(self) -> str:
        return f"{self.purpose} · {self.vendor}"

    @property
    def event_subject(self) -> str:
        return f"consent:{self.uid}"
