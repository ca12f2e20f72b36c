from __future__ import annotations

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords


class Partner(models.Model):  # type: ignore[django-manager-missing]  # of clients: the OAuth package has no types
    """One isolated data silo of a partner cloud, in exactly one environment. No row ever moves between partners."""

    class Environment(models.TextChoices):
        SANDBOX = "sandbox"
        PRODUCTION = "production"

    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True, help_text="Stands in links; cannot change once links are out.")
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.SANDBOX)
    retention_days = models.PositiveIntegerField(
        default=400, help_text="Readings, delivered messages and pulls older than this are pruned."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(environment__in=["sandbox", "production"]), name="partner_environment"
            ),
            models.CheckConstraint(condition=models.Q(retention_days__gte=7), name="partner_retention_a_week_or_more"),
            models.CheckConstraint(
                condition=~models.Q(slug="flows"),
                name="partner_slug_is_free",
                violation_error_message="/join/flows/ is the address of Join flows: choose another slug.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_sandbox(self) -> bool:
        return self.environment == self.Environment.SANDBOX


class Membership(models.Model):
    """A staff user's role in a partner."""

    class Role(models.TextChoices):
        OWNER = "owner"
        OPERATOR = "operator"
        SUPPORT = "support"
        VIEWER = "viewer"

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    history = HistoricalRecords()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("partner", "user"), name="membership_once_per_partner"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "operator", "support", "viewer"]), name="membership_role"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.role} of {self.partner}"
