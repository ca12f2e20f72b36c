from __future__ import annotations

from django.db import models

from gateways.models.gateway import Gateway, GatewayType
from gateways.vault.fields import SealedField


class GatewayKey(models.Model):
    """One ES256 key pair. The private half is behind the vault's door; here stands only where to find it."""

    class State(models.TextChoices):
        PENDING = "pending", "pending: SEN does not know it yet, signs nothing"
        ACTIVE = "active", "active: signs"
        RETIRED = "retired", "retired: signs nothing new, what it signed stays valid"
        BANNED = "banned", "banned: signs nothing, SEN refuses it"

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, null=True, blank=True, related_name="keys")
    gateway_type = models.ForeignKey(GatewayType, on_delete=models.PROTECT, null=True, blank=True, related_name="keys")
    public_key = models.CharField(max_length=128, unique=True, help_text="x‖y, 128 hex digits")
    uri = SealedField(identity="public_key", editable=False, help_text="Where the vault finds the private key.")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    registered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ban_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(gateway__isnull=True, gateway_type__isnull=False)
                | models.Q(gateway__isnull=False, gateway_type__isnull=True),
                name="key_exactly_one_owner",
            ),
            models.UniqueConstraint(
                fields=("gateway",), condition=models.Q(state="active"), name="key_one_active_per_gateway"
            ),
            models.UniqueConstraint(
                fields=("gateway_type",), condition=models.Q(state="active"), name="key_one_active_per_type"
            ),
            models.UniqueConstraint(
                fields=("gateway",), condition=models.Q(state="pending"), name="key_one_pending_per_gateway"
            ),
            models.UniqueConstraint(
                fields=("gateway_type",), condition=models.Q(state="pending"), name="key_one_pending_per_type"
            ),
            models.CheckConstraint(condition=models.Q(public_key__regex=r"\A[0-9a-f]{128}\Z"), name="key_public_hex"),
            models.CheckConstraint(
                condition=~models.Q(state="active") | models.Q(registered_at__isnull=False),
                name="key_active_is_registered",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "active"], ended_at__isnull=True)
                | models.Q(state__in=["retired", "banned"], ended_at__isnull=False),
                name="key_ended_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state="banned") & ~models.Q(ban_reason="")
                | ~models.Q(state="banned") & models.Q(ban_reason=""),
                name="key_banned_has_reason",
                violation_error_message="Say why the key is banned: the queues it signed for wait with that reason.",
            ),
            models.CheckConstraint(condition=~models.Q(uri=""), name="key_has_uri"),
        )

    def __str__(self) -> str:
        return f"{self.public_key[:16]}… {self.state}"

    @property
    def owner(self) -> Gateway | GatewayType:
        """The gateway or, for a global key, the type it signs for."""
        owner = self.gateway or self.gateway_type
        assert owner is not None  # noqa: S101  the database says so: key_exactly_one_owner
        return owner


class MasterKey(models.Model):
    """The id of a master key this installation has sealed with, and a sealed probe that shows a mistyped key."""

    key_id = models.CharField(max_length=32, primary_key=True)
    probe = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key_id
