from __future__ import annotations

from django.db import models

from gateways.models import Gateway
from ingest.models.system import Der


class GatewayQueue(models.Model):
    """A gateway's queue in the outbox: who works on it, when it is due, why it is held.

    One worker at a time holds the lease of a queue, so messages of a gateway leave oldest first and a failing head
    message makes its own gateway wait and no other. `waiting` counts the waiting messages, exactly: it changes in the
    same transactions as they do.
    """

    gateway = models.OneToOneField(Gateway, on_delete=models.PROTECT, primary_key=True, related_name="queue")
    waiting = models.PositiveBigIntegerField(default=0)
    delivered = models.PositiveBigIntegerField(default=0, help_text="Messages delivered since the beginning.")
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True, blank=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Failed tries since the last delivery.")
    last_delivered_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    held_reason = models.CharField(max_length=500, blank=True)
    held_by_push = models.BooleanField(
        default=False, db_default=False, help_text="Held because of the key: goes on with the next key."
    )

    class Meta:
        indexes = (
            models.Index(fields=("due_at",), condition=models.Q(waiting__gt=0, held_at__isnull=True), name="queue_due"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(held_at__isnull=True, held_reason="")
                | (models.Q(held_at__isnull=False) & ~models.Q(held_reason="")),
                name="queue_held_with_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(held_by_push=False) | models.Q(held_at__isnull=False),
                name="queue_held_by_push_is_held",
            ),
            models.CheckConstraint(
                condition=models.Q(lease__isnull=True, leased_until__isnull=True)
                | models.Q(lease__isnull=False, leased_until__isnull=False),
                name="queue_lease_whole",
            ),
        )

    def __str__(self) -> str:
        return f"queue of {self.gateway_id}"


class Message(models.Model):
    """One outbox entry for SEN: one DER, one or more timestamps. It is signed when it is sent."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        HELD = "held"

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, db_index=False, related_name="messages")
    der = models.ForeignKey(Der, on_delete=models.PROTECT, db_index=False, related_name="messages")
    payload = models.TextField(help_text="The JWT's payload: {Unix ms: DER object, …}")
    points = models.PositiveSmallIntegerField()
    first_ts = models.DateTimeField()
    last_ts = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    held_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True, help_text="When it was delivered or held.")

    class Meta:
        indexes = (
            models.Index(fields=("gateway", "id"), condition=models.Q(state="waiting"), name="message_waiting"),
            models.Index(fields=("gateway", "id"), condition=models.Q(state="held"), name="message_held"),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(points__range=(1, 60)), name="message_points"),
            models.CheckConstraint(
                condition=models.Q(state="waiting", held_reason="", done_at__isnull=True)
                | models.Q(state="delivered", held_reason="", done_at__isnull=False)
                | (models.Q(state="held", done_at__isnull=False) & ~models.Q(held_reason="")),
                name="message_state_whole",
            ),
        )

    def __str__(self) -> str:
        return f"message {self.pk}"


class Attempt(models.Model):
    """One try to deliver a message that did not end with 200, with what SEN said: nobody outside knows its bodies."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="HTTP status; none when no reply came.")
    body = models.CharField(max_length=500, blank=True)
    duration_ms = models.PositiveIntegerField()

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.outcome} {self.status or ''}".strip()
