from __future__ import annotations

from django.db import models

from gateways.models import Partner


class Minute(models.Model):
    """How many messages of a partner were delivered in one minute: the front page draws these, it counts nothing."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, db_index=False, related_name="minutes")
    at = models.DateTimeField(help_text="When the minute began.")
    delivered = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("partner", "at"), name="minute_once"),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}: {self.delivered}"
