from __future__ import annotations

from django.db import models


class Heartbeat(models.Model):
    """When a periodic task last ran; /readyz looks at the age of the newest one."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
