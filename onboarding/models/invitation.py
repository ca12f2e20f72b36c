from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from gateways.models import Partner
from ingest import vendors


class Invitation(models.Model):
    """A partner's staff ask a homeowner in, by mail or by a link; a link on a poster is for many."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(blank=True)
    name = models.CharField(max_length=100, blank=True, help_text="How the mail greets them.")
    language = models.CharField(max_length=7, blank=True)
    vendor = models.CharField(max_length=30, blank=True, choices=vendors.choices, help_text="If you know their brand.")
    user_reference = models.CharField(max_length=100, blank=True, help_text="What you call this homeowner.")
    for_many = models.BooleanField(default=False, help_text="A poster or a newsletter: it can be used by many.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    send_due_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When its mail is sent, or tried again; empty: nothing waits."
    )
    send_failures = models.PositiveSmallIntegerField(default=0, help_text="Tries since the last mail that left.")
    send_error = models.CharField(max_length=300, blank=True, help_text="Why the mail did not leave.")
    sent_at = models.DateTimeField(null=True, blank=True)
    sends = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="invitations"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("created_at")), name="invitation_lasts"),
            models.CheckConstraint(
                condition=models.Q(for_many=False) | models.Q(email="", accepted_at__isnull=True),
                name="invitation_for_many_has_no_name",
            ),
            models.CheckConstraint(
                condition=models.Q(send_due_at__isnull=True) | ~models.Q(email=""), name="invitation_mailed_to_somebody"
            ),
        )

    def __str__(self) -> str:
        return self.email or self.name or ("for many" if self.for_many else str(self.uid)[:8])

    @property
    def event_subject(self) -> str:
        return f"invitation:{self.uid}"
