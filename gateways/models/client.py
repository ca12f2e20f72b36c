from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from oauth2_provider.models import AbstractApplication
from simple_history.models import HistoricalRecords

from gateways.models.gateway import Gateway
from gateways.models.partner import Partner


class Client(AbstractApplication):
    """An OAuth client. It belongs to one partner and can never reach another one's rows.

    It is either a backend that acts for itself (client credentials) or an app that acts for homeowners, each of whom
    says for which homes (authorization code).
    """

    class Purpose(models.TextChoices):
        REWARDS = "rewards", "SEN, or who validates for it: homes whose readings go to SEN"
        SERVICE = "service", "the partner's own backend: all its homes, readings where their owners show them"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="clients")
    purpose = models.CharField(
        max_length=10, choices=Purpose, default=Purpose.SERVICE, help_text="What a backend reads the readings for."
    )
    allowed_scopes = models.JSONField(default=list, help_text="What it may ask for at most.")
    api_version = models.CharField(max_length=10, help_text="The API's version it gets unless it asks for another.")
    requests_per_minute = models.PositiveIntegerField(default=600)
    disabled_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords(excluded_fields=["client_secret"])

    objects: ClassVar[models.Manager[Client]] = models.Manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=models.Q(purpose__in=["rewards", "service"]), name="client_purpose"),
            models.CheckConstraint(
                condition=models.Q(authorization_grant_type__in=["client-credentials", "authorization-code"]),
                name="client_grant_type",
            ),
            models.CheckConstraint(
                condition=models.Q(client_type="confidential")
                | models.Q(authorization_grant_type="authorization-code"),
                name="client_backend_has_secret",
            ),
            models.CheckConstraint(condition=models.Q(skip_authorization=False), name="client_always_asks"),
            models.CheckConstraint(condition=models.Q(hash_client_secret=True), name="client_secret_hashed"),
            models.CheckConstraint(condition=models.Q(requests_per_minute__gte=1), name="client_may_ask"),
        )

    @property
    def event_subject(self) -> str:
        return f"client:{self.client_id}"

    @property
    def acts_for_homeowners(self) -> bool:
        return bool(self.authorization_grant_type == self.GRANT_AUTHORIZATION_CODE)

    def is_usable(self, _request: Any) -> bool:
        """Tell the OAuth server whether the client may do anything at all."""
        return self.disabled_at is None

    def get_allowed_schemes(self) -> list[str]:
        """Return the schemes of its redirect URIs: https, and http for partners in the sandbox."""
        return ["https", "http"] if self.partner.is_sandbox else ["https"]

    def get_absolute_url(self) -> str:
        """Say that it has no page of its own: the package's pages are not mounted."""
        return ""


KINDS = ("pv", "battery", "meter")


def all_kinds() -> list[str]:
    """Return what a homeowner agrees to who unticks nothing."""
    return list(KINDS)


class GatewayGrant(models.Model):
    """A homeowner lets a client act for one home. A row is never changed but to end it or note its use."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="grants")
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="gateway_grants")
    scopes = models.JSONField()
    kinds = models.JSONField(default=all_kinds, help_text="Kinds of devices it sees, of those that are shared at all.")
    given_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-given_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("client", "gateway", "user"), condition=models.Q(ended_at=None), name="gateway_grant_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.client}: {self.gateway}"
