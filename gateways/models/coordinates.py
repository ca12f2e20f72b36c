from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class Coordinates(models.Model):
    """Where the physical resource stands, WGS84 decimal degrees. Personal data."""

    class Source(models.TextChoices):
        VENDOR = "vendor", "the vendor's record of the site"
        PIN = "pin", "a pin on the map"
        BROWSER = "browser", "the browser's location"
        TYPED = "typed", "typed in"

    latitude = models.DecimalField(max_digits=9, decimal_places=6)
    longitude = models.DecimalField(max_digits=9, decimal_places=6)
    source = models.CharField(max_length=8, choices=Source, default=Source.TYPED)
    consented_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(cascade_delete_history=True)  # who deletes the place deletes where it was before

    class Meta:
        verbose_name_plural = "coordinates"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(latitude__range=(-90, 90)),
                name="coordinates_latitude",
                violation_error_message="Latitude lies between -90 and 90 degrees: was it swapped with the longitude?",
            ),
            models.CheckConstraint(
                condition=models.Q(longitude__range=(-180, 180)),
                name="coordinates_longitude",
                violation_error_message="Longitude lies between -180 and 180 degrees.",
            ),
            models.CheckConstraint(
                condition=~models.Q(latitude=0, longitude=0),
                name="coordinates_not_null_island",
                violation_error_message=_("0, 0 lies in the sea: enter the place of the installation."),
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=["vendor", "pin", "browser", "typed"]), name="coordinates_source"
            ),
        )

    def __str__(self) -> str:
        return f"{self.latitude}, {self.longitude}"
