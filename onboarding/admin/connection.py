"""What onboarding adds to accounts and gateways: what was agreed to, how they came, the way from one to the other."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse

from gateways.access import Duty
from gateways.admin import columns
from gateways.models import Gateway
from ingest.admin.connection import ConnectionAdmin as IngestConnectionAdmin
from ingest.admin.gateway import GatewayAdmin as IngestGatewayAdmin
from ingest.models import Connection
from onboarding.admin.home_pages import AccountView, HomeView
from onboarding.models import Consent, Journey


class ConnectionAdmin(IngestConnectionAdmin):
    partner_paths = IngestConnectionAdmin.partner_paths
    list_before_template = "admin/list_head.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("onboard/", view(AccountView.as_view(model_admin=self)), name="onboard_account"),
            path("<int:pk>/onboard/", view(HomeView.as_view(model_admin=self)), name="onboard_home"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        links = [("Onboard a home", reverse("admin:onboard_account"))] if self.may(request, Duty.OPERATE) else []
        response: HttpResponse = super().changelist_view(request, {"list_links": links, **(extra_context or {})})
        return response

    def next_page(self, request: HttpRequest, row: Any) -> str:
        return reverse("admin:onboard_home", args=[row.pk]) if "onboard" in request.GET else columns.page(row)

    def links(self, row: Connection) -> list[tuple[str, str]]:
        return [
            ("Onboard a home", reverse("admin:onboard_home", args=[row.pk])),
            ("Journeys", columns.found(Journey, connection__id__exact=row.pk)),
            ("Consents", columns.found(Consent, connection__id__exact=row.pk)),
            *super().links(row),
        ]


class GatewayAdmin(IngestGatewayAdmin):
    partner_paths = IngestGatewayAdmin.partner_paths

    def links(self, row: Gateway) -> list[tuple[str, str]]:
        system = getattr(row, "system", None)
        if system is None:
            return super().links(row)
        return [
            *super().links(row),
            ("Connection", columns.page(system.connection)),
            ("Consents", columns.found(Consent, connection__id__exact=system.connection_id)),
            ("Journeys", columns.found(Journey, connection__id__exact=system.connection_id)),
        ]


for _model, _admin in ((Connection, ConnectionAdmin), (Gateway, GatewayAdmin)):
    admin.site.unregister(_model)
    admin.site.register(_model, _admin)
