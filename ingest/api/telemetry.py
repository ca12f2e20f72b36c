"""/api/v1/ders/{sn}/telemetry: what a DER measured, as points or in buckets."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import paging
from gateways.rest.requests import Document
from ingest import telemetry
from ingest.api import reached, windows
from ingest.api.ders import OneDerQuery
from ingest.api.signed import Signed
from ingest.api.windows import Moment, WindowQuery
from ingest.models import Der
from ingest.readings import Kind, Quality
from ingest.telemetry import Page

RAW = "raw"


class TelemetryQuery(WindowQuery, OneDerQuery):
    resolution = serializers.ChoiceField(
        choices=[RAW, *windows.STEPS], default=RAW, help_text="`raw`: points as SEN got them; else buckets of time."
    )
    received_after = Moment(
        required=False,
        help_text="Only points that came here or changed later than this: finds late ones. Only for `raw`. Take the"
        " `Date` of your answer before, less five minutes.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "received_after" in attrs and attrs["resolution"] != RAW:
            raise serializers.ValidationError({"received_after": "This goes with resolution=raw alone."})
        return attrs


class PointDocument(Document):
    """A point as SEN models DERs: W, Wh, V, A, Hz, °C, fraction 0 to 1, time in Unix milliseconds.

    Plus flows into the site or load, minus out. What is not known is left out.
    """

    type = serializers.ChoiceField(choices=list(Kind))
    make = serializers.CharField(required=False)
    timestamp = serializers.IntegerField(help_text="Unix milliseconds.")
    W = serializers.IntegerField(required=False, help_text="PV ≤ 0; battery: + charges; meter: + is import.")
    rated_power_W = serializers.IntegerField(required=False)  # noqa: N815  SEN's name
    total_generation_Wh = serializers.IntegerField(required=False)  # noqa: N815
    total_charge_Wh = serializers.IntegerField(required=False)  # noqa: N815
    total_discharge_Wh = serializers.IntegerField(required=False)  # noqa: N815
    total_import_Wh = serializers.IntegerField(required=False)  # noqa: N815
    total_export_Wh = serializers.IntegerField(required=False)  # noqa: N815
    SoC_nom_fract = serializers.FloatField(required=False)
    A = serializers.FloatField(required=False)
    V = serializers.FloatField(required=False)
    Hz = serializers.FloatField(required=False)
    heatsink_C = serializers.FloatField(required=False)  # noqa: N815

    example: ClassVar = {
        "type": "pv", "make": "Solis", "timestamp": 1781524800000, "W": -1500, "total_generation_Wh": 18250000,
        "heatsink_C": 41.5, "rated_power_W": 8200,
    }  # fmt: skip


class Measured(Document):
    """What was measured in a stretch of time. What is not known is null; energies are Wh, ≥ 0."""

    power_w = serializers.FloatField(allow_null=True, help_text="Average; plus flows into the site, minus out.")
    generation_wh = serializers.FloatField(allow_null=True, required=False, help_text="Of PV.")
    charge_wh = serializers.FloatField(allow_null=True, required=False, help_text="Of a battery.")
    discharge_wh = serializers.FloatField(allow_null=True, required=False, help_text="Of a battery.")
    import_wh = serializers.FloatField(allow_null=True, required=False, help_text="Of a meter.")
    export_wh = serializers.FloatField(allow_null=True, required=False, help_text="Of a meter.")
    soc = serializers.FloatField(allow_null=True, required=False, help_text="Of a battery: the last, 0 to 1.")
    points = serializers.IntegerField(help_text="How many readings end in it.")
    quality = serializers.ChoiceField(choices=list(Quality), allow_null=True, help_text="The worst of them.")
    complete = serializers.BooleanField(help_text="False while it may grow: not over, or not read at the vendor yet.")

    example: ClassVar = {
        "power_w": -1500.0, "generation_wh": 375.0, "points": 3, "quality": "measured", "complete": True,
    }  # fmt: skip


class BucketDocument(Measured):
    """A stretch of time in the calendar of the home, and what was measured in it."""

    start = serializers.IntegerField(help_text="Unix milliseconds.")
    end = serializers.IntegerField(help_text="Unix milliseconds.")

    example: ClassVar = {"start": 1781524800000, "end": 1781525700000, **Measured.example}

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {"start": fields["start"], "end": fields["end"]} | fields  # first also in a table


_ROWS = PolymorphicProxySerializer(
    component_name="PointOrBucket", serializers=[PointDocument, BucketDocument], resource_type_field_name=None,
    many=True,
)  # fmt: skip


class TelemetryPages(paging.CursorPages):
    """Pages that say what they are of."""

    more: ClassVar = {
        "gateway": {"type": "string", "examples": ["acme-0123456789abcdef"]},
        "sn": {"type": "string", "examples": ["60300"]},
        "kind": {"type": "string", "enum": [kind.value for kind in Kind], "examples": ["pv"]},
        "resolution": {"type": "string", "enum": [RAW, *windows.STEPS], "examples": [RAW]},
        "timezone": {"type": "string", "examples": ["Europe/Stockholm"]},
    }


class Telemetry(Signed):
    """What a DER measured."""

    required_scope = scopes.TELEMETRY_READ
    serializer_class = PointDocument
    pagination_class = TelemetryPages
    queries: ClassVar = {"list": TelemetryQuery}

    def get_serializer_class(self) -> type[Document]:
        """Return what describes a row of the answer."""
        return PointDocument if self.query["resolution"] == RAW else BucketDocument

    @extend_schema(responses=_ROWS)
    def list(self, request: Request, sn: str) -> Response:
        """Return a page of points or buckets of a window of up to 31 days, oldest first.

        A cursor goes on behind the last row: rows that come meanwhile are in the pages to come, none comes twice.
        What vendors deliver late can land behind it: ask again with `received_after`. `format=jwt` signs the page with
        the gateway's key (`/gateways/{id}/jwks.json`).
        """
        der, home = reached.measured_der(self.caller, sn, self.query["gateway"])
        window = windows.asked(self.query, timezone.now(), longest=windows.MONTH)
        page = self._page(der, window)
        about = {
            "gateway": home.serial, "sn": der.sn, "kind": der.kind,
            "resolution": self.query["resolution"], "timezone": der.system.zone.key,
        }  # fmt: skip
        answer = paging.answer(request, page.data, window.cursor(page.then), **about)
        return self.provable(answer, gateway=home, subject="telemetry", sn=der.sn)

    def _page(self, der: Der, window: windows.Window) -> Page:
        limit, step = self.query["limit"], windows.STEPS.get(self.query["resolution"])
        if step:
            return telemetry.in_buckets(der, window.start, window.end, step, limit=limit)
        after = self.query.get("received_after")
        return telemetry.raw(der, window.start, window.end, limit=limit, received_after=after)
