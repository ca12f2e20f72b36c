from __future__ import annotations

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from gateways.models.coordinates import Coordinates
from gateways.models.partner import Partner
from gateways.models.wallet import Wallet

# No leading dash: a spreadsheet takes it for a formula in the registration CSV. \Z because Python's $, which SQLite
# gets here, lets a line end through.
PREFIX_PATTERN = r"\A[A-Za-z0-9_][A-Za-z0-9_-]{0,46}\Z"
SERIAL_PATTERN = r"\A[A-Za-z0-9_][A-Za-z0-9_-]{0,46}-[0-9a-f]{16}\Z"


class GatewayType(models.Model):
    """The type that Sourceful defines for a partner; its prefix starts the id of every gateway of the type."""

    class KeyStrategy(models.TextChoices):
        PER_DEVICE = "per_device", "one key per gateway"
        GLOBAL = "global", "one key for all gateways of the type"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="gateway_types")
    name = models.CharField(max_length=100)
    prefix = models.CharField(
        max_length=47, unique=True, help_text="As assigned by Sourceful: letters, digits, _ and -."
    )
    key_strategy = models.CharField(max_length=10, choices=KeyStrategy, default=KeyStrategy.PER_DEVICE)
    global_key = models.OneToOneField(
        "gateways.GatewayKey",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="global_for",
    )
    model = models.CharField(
        max_length=40, default="partner_cloud", help_text="`model` in the JWT header, agreed with Sourceful."
    )
    dtype = models.CharField(
        max_length=40, default="json", help_text="`dtype` in the JWT header, agreed with Sourceful."
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=models.Q(prefix__regex=PREFIX_PATTERN), name="gateway_type_prefix"),
            models.CheckConstraint(
                condition=models.Q(key_strategy__in=["per_device", "global"]), name="gateway_type_strategy"
            ),
            models.CheckConstraint(
                condition=~models.Q(key_strategy="global") | models.Q(global_key__isnull=False),
                name="gateway_type_global_has_key",
                violation_error_message="A type with a global key must have its key: use the action “Make key global”.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def event_subject(self) -> str:
        return f"gateway_type:{self.prefix}"


class Gateway(models.Model):
    """The logical gateway SEN knows: one per home energy system."""

    class Status(models.TextChoices):
        CREATED = "created", "created: SEN does not know it yet"
        REGISTERED = "registered", "registered: has no wallet yet"
        OWNED = "owned", "owned: has no position yet"
        LOCATED = "located", "located: not activated yet"
        ACTIVE = "active", "active"
        SUSPENDED = "suspended", "suspended by staff"
        RELEASED = "released", "released for good"

    # While SEN knows the gateway and we have not let it go, its key may sign.
    SIGNING = (Status.REGISTERED, Status.OWNED, Status.LOCATED, Status.ACTIVE, Status.SUSPENDED)

    gateway_type = models.ForeignKey(GatewayType, on_delete=models.PROTECT, related_name="gateways")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="gateways")
    serial = models.CharField("gateway id", max_length=64, unique=True)
    name = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.CREATED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="gateways"
    )
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, null=True, blank=True, related_name="gateways")
    coordinates = models.OneToOneField(
        Coordinates, on_delete=models.PROTECT, null=True, blank=True, related_name="gateway"
    )
    registered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ("serial",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(serial__regex=SERIAL_PATTERN),
                name="gateway_serial",
                violation_error_message="A gateway id is the type's prefix, a dash and 16 hex digits.",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["created", "registered", "owned", "located", "active", "suspended", "released"]
                ),
                name="gateway_status",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["registered", "owned", "located", "active", "suspended"])
                | models.Q(registered_at__isnull=False),
                name="gateway_registered_has_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["owned", "located", "active", "suspended"])
                | models.Q(wallet__isnull=False),
                name="gateway_owned_has_wallet",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["located", "active", "suspended"])
                | models.Q(coordinates__isnull=False),
                name="gateway_located_has_coordinates",
            ),
        )

    def __str__(self) -> str:
        return self.serial

    @property
    def event_subject(self) -> str:
        return f"gateway:{self.serial}"
