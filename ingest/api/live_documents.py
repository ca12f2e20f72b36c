"""The documents of live answers: sites and devices as their vendors tell of them now, and what they measured."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers

from gateways.rest.requests import Document
from ingest.api import windows
from ingest.api.statistics import BalanceDocument
from ingest.readings import Kind, Quality


class DeviceLink(Document):
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(Kind))


class SiteDocument(Document):
    """A site, plant or home as its vendor tells of it now."""

    id = serializers.CharField(help_text="Take it as it is.")
    vendor = serializers.CharField()
    vendor_site_id = serializers.CharField(help_text="The vendor's own id.")
    name = serializers.CharField(allow_blank=True)
    timezone = serializers.CharField(help_text="An IANA name.")
    latitude = serializers.FloatField(allow_null=True, help_text="Never of the partner's own accounts.")
    longitude = serializers.FloatField(allow_null=True)
    devices = DeviceLink(many=True)

    example: ClassVar = {
        "id": "solis:WyIxMzAwMTAwMDAwMDAxIl0", "vendor": "solis", "vendor_site_id": "1300100000001",
        "name": "Amsterdam roof", "timezone": "Europe/Amsterdam", "latitude": None, "longitude": None,
        "devices": [{"id": "solis:WyIxMzAwMTAwMDAwMDAxIiwicHYiLCI2MDMwMCJd", "kind": "pv"}],
    }  # fmt: skip


class DeviceDocument(Document):
    """A device as its vendor tells of it now. What the vendor does not say is empty or null."""

    id = serializers.CharField(help_text="Take it as it is.")
    vendor = serializers.CharField()
    site_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(Kind))
    serial = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    make = serializers.CharField(allow_blank=True)
    model = serializers.CharField(allow_blank=True)
    rated_power_w = serializers.FloatField(allow_null=True)

    example: ClassVar = {
        "id": "solis:WyIxMzAwMTAwMDAwMDAxIiwicHYiLCI2MDMwMCJd", "vendor": "solis",
        "site_id": "solis:WyIxMzAwMTAwMDAwMDAxIl0", "kind": "pv", "serial": "60300", "name": "", "make": "Solis",
        "model": "S6-GR1P5K", "rated_power_w": 5000.0,
    }  # fmt: skip


class IntervalDocument(Document):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    energy_in_wh = serializers.FloatField(allow_null=True, help_text="Imported or charged; null: not known.")
    energy_out_wh = serializers.FloatField(
        allow_null=True, help_text="Generated, exported or discharged; null: not known."
    )
    soc = serializers.FloatField(allow_null=True, help_text="The last state of charge in it, 0 to 1.")
    quality = serializers.ChoiceField(
        choices=list(Quality), allow_null=True, help_text="`derived`: computed here; null: there is no reading."
    )
    complete = serializers.BooleanField(help_text="False: it may still grow.")


class IntervalsDocument(Document):
    """What a device measured, in intervals of its site's own calendar."""

    id = serializers.CharField()
    timezone = serializers.CharField()
    resolution = serializers.ChoiceField(choices=list(windows.STEPS))
    data = IntervalDocument(many=True)  # type: ignore[assignment]  # DRF's serializers have a property of that name

    example: ClassVar = {
        "id": "solis:WyIxMzAwMTAwMDAwMDAxIiwicHYiLCI2MDMwMCJd", "timezone": "Europe/Amsterdam", "resolution": "15m",
        "data": [{
            "start": "2026-06-10T10:00:00Z", "end": "2026-06-10T10:15:00Z", "energy_in_wh": None,
            "energy_out_wh": 412.0, "soc": None, "quality": "measured", "complete": True,
        }],
    }  # fmt: skip


class BalancesDocument(Document):
    """What the devices of a site did together, in intervals of its own calendar."""

    id = serializers.CharField()
    timezone = serializers.CharField()
    resolution = serializers.ChoiceField(choices=list(windows.STEPS))
    data = BalanceDocument(many=True)  # type: ignore[assignment]  # DRF's serializers have a property of that name

    example: ClassVar = {
        "id": "solis:WyIxMzAwMTAwMDAwMDAxIl0", "timezone": "Europe/Amsterdam", "resolution": "15m",
        "data": [BalanceDocument.example],
    }  # fmt: skip
