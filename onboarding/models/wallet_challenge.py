from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from gateways.models import Partner


class WalletChallenge(models.Model):
    """Words that the holder of a wallet signs to prove it; they work once and for a short time."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=44)
    message = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="wallet_challenge_lasts"
            ),
        )

    def __str__(self) -> str:
        return f"{self.address} · {self.created_at:%Y-%m-%d %H:%M}"
