from __future__ import annotations

from django.db import models

from gateways.models.partner import Partner


class Wallet(models.Model):
    """A Solana public key a homeowner has named, and whether control of it is proven."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="wallets")
    address = models.CharField(max_length=44, help_text="base58 of a 32-byte Ed25519 public key")
    proven_at = models.DateTimeField(null=True, blank=True, help_text="When its holder signed our challenge.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("address",)
        constraints = (
            models.UniqueConstraint(fields=("partner", "address"), name="wallet_once_per_partner"),
            models.CheckConstraint(
                condition=models.Q(address__regex=r"\A[1-9A-HJ-NP-Za-km-z]{32,44}\Z"), name="wallet_address_base58"
            ),
        )

    def __str__(self) -> str:
        return self.address
