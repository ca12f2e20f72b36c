"""Homes and their devices, as the vendor lists them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse

from gateways.admin import columns, filters
from gateways.admin.base import PartnerAdmin
from ingest.admin.base import REFUSALS, vendor
from ingest.admin.reading import ReadingsView
from ingest.models import Der, PullRun, System


@admin.register(System)
class SystemAdmin(PartnerAdmin):
    partner_paths = ("connection__partner",)
    refusals = REFUSALS
    list_display: tuple[str, ...] = (
        "__str__",
        "external_id",
        "account",
        "sends_as",
        "last_reading",
        "pulled",
        "gone",
        "timezone",
    )
    list_filter = (
        vendor("connection__vendor"),
        filters.yes_no("has a gateway", "has_gateway", Q(gateway__isnull=False)),
        filters.yes_no("gone at the vendor", "gone", Q(gone_at__isnull=False)),
        filters.silent("last_reading_at"),
        ("connection__partner", filters.Related),
    )
    search_fields = ("name", "external_id", "gateway__serial", "ders__sn", "connection__label")
    search_help_text = "Name, vendor's id, gateway id or serial of a device"

    account = columns.link("connection", "connection")
    sends_as = columns.link("gateway", "gateway")
    last_reading = columns.ago("last_reading_at", "last reading")
    pulled = columns.ago("pulled_through", "read up to")
    gone = columns.ago("gone_at", "gone", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[System]:
        return super().get_queryset(request).select_related("connection__partner", "gateway")

    def links(self, row: System) -> list[tuple[str, str]]:
        return [
            ("DERs", columns.found(Der, system__id__exact=row.pk)),
            ("Pulls", columns.found(PullRun, system__id__exact=row.pk)),
        ]


@admin.register(Der)
class DerAdmin(PartnerAdmin):
    partner_paths = ("system__connection__partner",)
    list_display = ("sn", "kind", "name", "home", "make", "model", "rated_power_w", "last_reading")
    list_filter = (
        ("kind", filters.Choice),
        vendor("system__connection__vendor"),
        filters.silent("last_reading_at"),
        ("system__connection__partner", filters.Related),
    )
    search_fields = ("sn", "external_id", "name", "system__name", "system__gateway__serial")
    search_help_text = "Serial, name, system or gateway id"

    home = columns.link("system", "system")
    last_reading = columns.ago("last_reading_at", "last reading")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Der]:
        return super().get_queryset(request).select_related("system__connection__partner")

    def get_urls(self) -> list[URLPattern]:
        readings = self.admin_site.admin_view(ReadingsView.as_view(model_admin=self))
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:der_id>/readings/", readings, name="ingest_der_readings"), *urls]

    def links(self, row: Any) -> list[tuple[str, str]]:
        return [
            ("Readings", reverse("admin:ingest_der_readings", args=(row.pk,))),
            ("System", columns.page(row.system)),
        ]
