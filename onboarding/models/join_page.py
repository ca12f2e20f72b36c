from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from gateways.models import GatewayType, Partner


class JoinPage(models.Model):
    """How a partner's homeowners are received at /join/<partner>/: its look, its words, and what their homes become."""

    partner = models.OneToOneField(Partner, on_delete=models.CASCADE, related_name="join_page")
    gateway_type = models.ForeignKey(
        GatewayType, on_delete=models.PROTECT, related_name="+", help_text="The type of the gateways that homes get."
    )
    open = models.BooleanField(default=True, help_text="Whether anybody may join, or only who is invited.")
    legal_name = models.CharField(
        max_length=200, blank=True, help_text="Who asks for the consent, as in the commercial register."
    )
    welcome = models.TextField(
        max_length=2000,
        blank=True,
        help_text="A few words of your own on the first page, in your homeowners' language.",
    )
    color = models.CharField(
        max_length=7, blank=True, validators=[RegexValidator(r"\A#[0-9a-f]{6}\Z", "Like #7a0bd0, in small letters.")],
        help_text="Of buttons and links, like #7a0bd0.",
    )  # fmt: skip
    logo = models.BinaryField(null=True, blank=True, editable=False)
    logo_type = models.CharField(max_length=20, blank=True, editable=False)
    support_email = models.EmailField(blank=True, help_text="Where homeowners find help.")
    privacy_url = models.URLField(blank=True, help_text="Your privacy notice.")
    consent_months = models.PositiveSmallIntegerField(
        default=24, help_text="How long a homeowner's consent lasts; they are asked again before it ends."
    )
    history = HistoricalRecords(excluded_fields=["logo"])

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(consent_months__range=(1, 60)), name="join_page_consent_months"),
            models.CheckConstraint(
                condition=models.Q(logo__isnull=True, logo_type="")
                | models.Q(logo__isnull=False, logo_type__in=["image/png", "image/jpeg", "image/webp"]),
                name="join_page_logo_whole",
            ),
        )

    def __str__(self) -> str:
        return f"/join/{self.partner.slug}/"
