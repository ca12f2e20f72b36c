from __future__ import annotations

from django.db import models


class BudgetUse(models.Model):
    """How much of a vendor's quota is used up in one period."""

    key = models.CharField(max_length=120, help_text="Whose quota: vendor, scope and owner.")
    period_s = models.PositiveIntegerField()
    period_start = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("key", "period_s", "period_start"), name="budget_use_once"),)

    def __str__(self) -> str:
        return f"{self.key} {self.used} in {self.period_s} s"
