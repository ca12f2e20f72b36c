from __future__ import annotations

from decimal import Decimal

from django.db import models

from ingest.models.system import Der


def _wh() -> models.DecimalField[Decimal | None, Decimal | None]:
    return models.DecimalField(max_digits=16, decimal_places=3, null=True, blank=True)


class Reading(models.Model):
    """One DER at one instant or over one interval that ends at `ts`; see `ingest.readings` for signs and units.

    On PostgreSQL the table is partitioned by month of `ts` (`manage.py partitions`). Rows are written by
    `ingest.store` alone. The foreign key is not checked by the database: readings come by the million, and the store
    holds the system's row while it writes.
    """

    pk = models.CompositePrimaryKey("der_id", "ts")
    der = models.ForeignKey(
        Der, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="readings"
    )
    ts = models.DateTimeField()
    interval_s = models.PositiveIntegerField(default=0)
    power_w = models.FloatField(null=True, blank=True)
    energy_in_wh = _wh()
    energy_out_wh = _wh()
    total_in_wh = _wh()
    total_out_wh = _wh()
    soc = models.FloatField(null=True, blank=True)
    voltage_v = models.FloatField(null=True, blank=True)
    current_a = models.FloatField(null=True, blank=True)
    frequency_hz = models.FloatField(null=True, blank=True)
    temperature_c = models.FloatField(null=True, blank=True)
    quality = models.CharField(max_length=9, default="measured")
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.der_id} {self.ts:%Y-%m-%dT%H:%M:%SZ}"
