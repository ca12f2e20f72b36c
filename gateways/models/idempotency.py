from __future__ import annotations

import uuid

from django.db import models

from gateways.models.client import Client
from gateways.vault.fields import SealedField


class IdempotentRequest(models.Model):
    """A request with an Idempotency-Key, and its answer: asked again, it is answered again and not done again."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    created_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="None while it is done.")
    location = models.CharField(max_length=500, blank=True)
    answer = SealedField(blank=True, help_text="The answer's JSON, sealed: it may hold what is shown once.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "key"), name="idempotent_request_once"),)

    def __str__(self) -> str:
        return self.key
