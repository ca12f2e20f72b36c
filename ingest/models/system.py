from __future__ import annotations

import uuid
import zoneinfo

from django.db import models

from gateways.models import Gateway
from ingest.models.connection import Connection


class System(models.Model):
    """One vendor site, plant or home under a connection. It becomes one gateway; until then it is not pulled."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="systems")
    gateway = models.OneToOneField(Gateway, on_delete=models.PROTECT, null=True, blank=True, related_name="system")
    external_id = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    pulled_through = models.DateTimeField(
        null=True, blank=True, help_text="The cursor: all windows up to here were read."
    )
    last_reading_at = models.DateTimeField(null=True, blank=True)
    described_at = models.DateTimeField(null=True, blank=True, help_text="When its DERs were last asked for.")
    tried_at = models.DateTimeField(null=True, blank=True, help_text="When it was last read, or could not be.")
    gone_at = models.DateTimeField(null=True, blank=True, help_text="Since when the vendor does not list it any more.")
    sends = models.BooleanField(default=True, help_text="Whether its owner lets its readings go to SEN.")
    shown = models.BooleanField(default=True, help_text="Whether its owner lets the partner's staff see its readings.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "external_id")
        constraints = (
            models.UniqueConstraint(fields=("connection", "external_id"), name="system_once_per_connection"),
        )

    def __str__(self) -> str:
        return self.name or self.external_id

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The home's time zone; UTC where the vendor named none that exists."""
        try:
            return zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return zoneinfo.ZoneInfo("UTC")


class Der(models.Model):
    """One energy resource of a system, with the serial (`sn`) SEN sees."""

    class Kind(models.TextChoices):
        PV = "pv", "PV"
        BATTERY = "battery"
        METER = "meter"

    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="ders")
    kind = models.CharField(max_length=8, choices=Kind)
    sn = models.CharField("serial", max_length=100)
    external_id = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=200, blank=True)
    make = models.CharField(max_length=100, blank=True)
    model = models.CharField(max_length=100, blank=True)
    rated_power_w = models.FloatField(null=True, blank=True)
    last_reading_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True, help_text="Since when the vendor does not list it any more.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("system", "kind", "sn")
        verbose_name = "DER"
        verbose_name_plural = "DERs"
        indexes = (models.Index(fields=("sn",), name="der_serial"),)
        constraints = (
            # Whatever its kind: SEN tells points apart by gateway, serial and time.
            models.UniqueConstraint(fields=("system", "sn"), name="der_serial_once_per_system"),
            models.CheckConstraint(condition=models.Q(kind__in=["pv", "battery", "meter"]), name="der_kind"),
            models.CheckConstraint(condition=~models.Q(sn=""), name="der_has_serial"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.sn}"
