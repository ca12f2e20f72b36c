from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """Counters for /metrics. They live in the database because any web process must be able to report them all."""

    class Kind(models.TextChoices):
        PULL = "pull"
        PUSH = "push"

    kind = models.CharField(max_length=4, choices=Kind)
    vendor = models.CharField(max_length=30)
    outcome = models.CharField(max_length=20)
    count = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0, help_text="Sum of their durations.")

    class Meta:
        verbose_name_plural = "tallies"
        constraints = (models.UniqueConstraint(fields=("kind", "vendor", "outcome"), name="tally_once"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.vendor} {self.outcome}: {self.count}"
