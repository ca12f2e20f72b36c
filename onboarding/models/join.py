from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from gateways.models import Partner
from gateways.vault.fields import SealedField
from ingest import vendors
from ingest.models import Connection, VendorCredential
from onboarding.models.journey import Journey


class JoinFlow(models.Model):
    """What a partner's own site asks consent for, reusable: it is never changed, only deleted and made anew."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="join_flows")
    name = models.CharField(max_length=100)
    redirect_uri = models.URLField(
        max_length=500, help_text="Where browsers go back to, exactly; https outside sandbox."
    )
    purposes = models.JSONField(help_text="What the readings are for: `rewards`, `service`.")
    kinds = models.JSONField(help_text="Kinds of DERs that are shared.")
    language = models.CharField(max_length=7, blank=True, help_text="Of pages of ours; empty: the browser's.")
    secret = SealedField(editable=False, help_text="Signs what browsers take back to the partner.")
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=(models.Q(redirect_uri__startswith="https://") | models.Q(redirect_uri__startswith="http://"))
                & ~models.Q(redirect_uri__contains="#")
                & ~models.Q(redirect_uri__contains="*"),
                name="flow_redirect_uri_is_exact",
            ),
            models.CheckConstraint(
                condition=~models.Q(purposes=[]) & ~models.Q(kinds=[]), name="flow_asks_for_something"
            ),
            models.CheckConstraint(condition=~models.Q(secret=""), name="flow_has_secret"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def event_subject(self) -> str:
        return f"flow:{self.uid}"


class FlowVendor(models.Model):
    """A vendor that a flow offers, with the partner's application for it; vendors with keys need none."""

    flow = models.ForeignKey(JoinFlow, on_delete=models.CASCADE, related_name="vendors")
    vendor = models.CharField(max_length=30, choices=vendors.choices)
    credential = models.ForeignKey(VendorCredential, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("flow", "vendor"), name="flow_vendor_once"),)

    def __str__(self) -> str:
        return self.vendor


class JoinSession(models.Model):
    """One trip of one browser to a vendor's consent page and back: works once, for a day.

    It belongs to a journey, to a partner's flow, or to an account that is reconnected.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="join_sessions")
    vendor = models.CharField(max_length=30, choices=vendors.choices)
    credential = models.ForeignKey(VendorCredential, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, null=True, blank=True, related_name="sessions")
    flow = models.ForeignKey(JoinFlow, on_delete=models.CASCADE, null=True, blank=True, related_name="sessions")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="sessions")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    state_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the state that the vendor echoes.")
    partner_state = models.CharField(
        max_length=2000,
        blank=True,
        help_text="Echoed to the partner as it stood in the address, percent signs and all.",
    )
    user_reference = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(journey__isnull=False, flow__isnull=True, connection__isnull=True)
                | models.Q(journey__isnull=True, flow__isnull=False, connection__isnull=True)
                | models.Q(journey__isnull=True, flow__isnull=True, connection__isnull=False),
                name="join_session_for_one_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(flow__isnull=False) | models.Q(user__isnull=False), name="join_session_has_user"
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="join_session_lasts"
            ),
        )

    def __str__(self) -> str:
        return f"{self.vendor} · {self.created_at:%Y-%m-%d %H:%M}"


class Enrollment(models.Model):
    """What came of a session of a partner's flow: the partner's own user, and the account that is read for them."""

    class Status(models.TextChoices):
        PENDING_VENDOR = "pending_vendor", "waits for the vendor's approval"
        ACTIVE = "active"
        REJECTED = "rejected", "rejected by the vendor"
        ENDED = "ended"

    LIVING = (Status.PENDING_VENDOR, Status.ACTIVE)

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="enrollments")
    flow = models.ForeignKey(JoinFlow, on_delete=models.PROTECT, related_name="enrollments")
    session = models.OneToOneField(JoinSession, on_delete=models.PROTECT, related_name="enrollment")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="enrollments")
    user_reference = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=15, choices=Status)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["pending_vendor", "active", "rejected", "ended"]),
                name="enrollment_status",
            ),
            models.UniqueConstraint(
                fields=("connection",),
                condition=models.Q(status__in=["pending_vendor", "active"]),
                name="enrollment_one_lives_per_account",
            ),
        )

    def __str__(self) -> str:
        return self.user_reference or str(self.uid)

    @property
    def event_subject(self) -> str:
        return f"enrollment:{self.uid}"

    @property
    def is_living(self) -> bool:
        return self.status in self.LIVING
