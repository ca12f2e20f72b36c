from __future__ import annotations

from django.db import models


class Notice(models.Model):
    """A mail that is sent once: `about` names the incident, like one loss of a vendor's consent."""

    kind = models.CharField(max_length=30)
    about = models.CharField(max_length=150)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("kind", "about"), name="notice_once"),)

    def __str__(self) -> str:
        return f"{self.kind}: {self.about}"
