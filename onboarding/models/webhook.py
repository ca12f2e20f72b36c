from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from gateways.models import Partner
from gateways.vault.fields import SealedField


class WebhookEndpoint(models.Model):
    """Where a partner wants its events delivered. What it has had is a place in the event log, the cursor.

    One worker at a time sends to it, under a lease, so its events arrive in the order they happened.
    """

    class State(models.TextChoices):
        PENDING = "pending", "has not answered our challenge yet"
        ACTIVE = "active"
        PAUSED = "paused"

    class Reason(models.TextChoices):
        BY_HAND = "by_hand", "paused by hand"
        FAILING = "failing", "failed for 24 hours"
        GONE = "gone", "answered 410 Gone"
        UNPROVEN = "unproven", "did not answer our challenge for 24 hours"

    ALL = "*"
    """in place of names of events"""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=100, blank=True)
    url = models.URLField(max_length=500, help_text="https and a public address, outside sandbox.")
    names = models.JSONField(help_text='Names of events, or ["*"] for all.')
    secret = SealedField(editable=False, help_text="Signs what we send.")
    previous_secret = SealedField(blank=True, default="", editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, help_text="So long the secret before signs, too.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    verified_at = models.DateTimeField(null=True, blank=True, help_text="When it answered our challenge.")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=10, choices=Reason, blank=True)
    cursor = models.PositiveBigIntegerField(help_text="Sequence of the last event it has had.")
    due_at = models.DateTimeField(help_text="When it is tried next, if something waits.")
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_try_at = models.DateTimeField()
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=["pending", "active", "paused"]), name="webhook_state"),
            models.CheckConstraint(
                condition=Q(paused_reason__in=["", "by_hand", "failing", "gone", "unproven"]), name="webhook_reason"
            ),
            models.CheckConstraint(
                condition=Q(state="paused", paused_at__isnull=False) & ~Q(paused_reason="")
                | ~Q(state="paused") & Q(paused_at=None, paused_reason=""),
                name="webhook_paused_for_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(verified_at__isnull=False), name="webhook_active_is_verified"
            ),
            models.CheckConstraint(
                condition=~Q(state="pending") | Q(verified_at=None), name="webhook_pending_is_not_verified"
            ),
            models.CheckConstraint(condition=~Q(names=[]), name="webhook_wants_something"),
            models.CheckConstraint(condition=~Q(secret=""), name="webhook_has_secret"),
            models.CheckConstraint(
                condition=Q(previous_secret="", previous_until=None)
                | ~Q(previous_secret="") & Q(previous_until__isnull=False),
                name="webhook_previous_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(url__startswith="https://") | Q(url__startswith="http://"), name="webhook_url_is_http"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.host

    @property
    def event_subject(self) -> str:
        return f"webhook:{self.uid}"

    @property
    def host(self) -> str:
        """The site's name: the whole address may hold a secret of the partner's."""
        return urlsplit(self.url).hostname or ""


class WebhookDelivery(models.Model):
    """Events that are sent to an endpoint at once. Its id stays the same however often it is tried."""

    STATUSES = ("under_way", "delivered", "withdrawn")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    first = models.PositiveBigIntegerField(help_text="Sequence of the first event in it.")
    last = models.PositiveBigIntegerField(help_text="The cursor, once it is delivered.")
    count = models.PositiveSmallIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the last answer.")
    answer = models.CharField(max_length=300, blank=True, help_text="Beginning of the last answer.")
    error = models.CharField(max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    last_try_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="When the endpoint was changed or set back, so that its events go out anew."
    )

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "webhook deliveries"
        indexes = (models.Index(fields=("created_at",)),)
        constraints = (
            models.UniqueConstraint(
                fields=("endpoint",), condition=Q(delivered_at=None, withdrawn_at=None), name="webhook_one_in_flight"
            ),
            models.CheckConstraint(
                condition=Q(delivered_at=None) | Q(withdrawn_at=None), name="webhook_delivery_ends_once"
            ),
            models.CheckConstraint(
                condition=Q(last__gte=models.F("first"), count__gte=1, count__lte=100), name="webhook_delivery_size"
            ),
        )

    def __str__(self) -> str:
        return str(self.uid)

    @property
    def status(self) -> str:
        if self.delivered_at:
            return "delivered"
        return "withdrawn" if self.withdrawn_at else "under_way"
