"""/api/v1/systems: the sites at vendors that are read."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from rest_framework import mixins, serializers

from gateways.oauth import reach, scopes
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource
from ingest import vendors
from ingest.api import reached
from ingest.api.ders import DerDocument
from ingest.api.signed import Compressed
from ingest.models import Der, System


class SystemQuery(PageQuery):
    gateway = serializers.CharField(source="gateway__serial", required=False, max_length=64, help_text="Its id.")
    connection = serializers.UUIDField(source="connection__uid", required=False)
    vendor = serializers.ChoiceField(source="connection__vendor", choices=vendors.choices(), required=False)


class SystemDocument(Document):
    """A site at a vendor, and the energy resources there that its owner shares."""

    id = serializers.UUIDField(source="uid")
    gateway = serializers.CharField(
        source="gateway.serial", allow_null=True, help_text="Id of its gateway; null until the home is chosen."
    )
    connection = serializers.UUIDField(source="connection.uid", help_text="The account at the vendor.")
    vendor = serializers.CharField(source="connection.vendor")
    external_id = serializers.CharField(help_text="Its id at the vendor.")
    name = serializers.SerializerMethodField(
        help_text="What it is called at the vendor; null for who validates rewards."
    )
    timezone = serializers.CharField(source="zone.key", help_text="Of the home, as in the IANA database.")
    sends = serializers.BooleanField(help_text="Whether its owner lets its readings go to SEN.")
    shown = serializers.BooleanField(help_text="Whether its owner lets the partner see its readings.")
    last_reading_at = serializers.DateTimeField(allow_null=True)
    read_through = serializers.DateTimeField(
        source="pulled_through", allow_null=True, help_text="Up to when everything was read at the vendor."
    )
    gone_at = serializers.DateTimeField(allow_null=True, help_text="Since when the vendor does not list it any more.")
    created_at = serializers.DateTimeField()
    ders = DerDocument(many=True)

    example: ClassVar = {
        "id": "6f1c2f3e-5a0b-4c1d-9e2f-3a4b5c6d7e8f", "gateway": "acme-0123456789abcdef",
        "connection": "0c1d2e3f-4a5b-4c6d-8e9f-a0b1c2d3e4f5", "vendor": "solis", "external_id": "1298491919448631809",
        "name": "Home", "timezone": "Europe/Stockholm", "sends": True, "shown": True,
        "last_reading_at": "2026-06-15T11:55:00Z", "read_through": "2026-06-15T12:00:00Z", "gone_at": None,
        "created_at": "2026-06-01T08:00:00Z", "ders": [DerDocument.example],
    }  # fmt: skip

    def get_name(self, row: System) -> str | None:
        caller = self.context["view"].caller
        return row.name if caller.user or reach.is_partners_own(caller) else None


class Systems(mixins.ListModelMixin, mixins.RetrieveModelMixin, Compressed, Resource):
    """Sites at vendors: each is read for one gateway."""

    required_scope = scopes.GATEWAYS_READ
    model = System
    partner_path = "connection__partner"
    serializer_class = SystemDocument
    queries: ClassVar = {"list": SystemQuery}
    lookup_url_kwarg = "system"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        ders = reached.shared(self.caller, Der.objects.order_by("kind", "sn"))
        known = reached.systems(self.caller, rows).select_related("gateway", "connection")
        return known.prefetch_related(Prefetch("ders", ders))
