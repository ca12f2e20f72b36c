"""/api/v1/ders and /api/v1/gateways/{id}/ders: the energy resources of homes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import mixins, serializers

from gateways.oauth import scopes
from gateways.rest.requests import Document, PageQuery, Query
from gateways.rest.views import Resource
from ingest.api import reached
from ingest.api.signed import Compressed
from ingest.models import Der
from ingest.readings import Kind

SN = r"[^\x00-\x1f\x7f]{1,100}"  # a vendor's serial holds whatever prints, also slashes


class KindQuery(PageQuery):
    kind = serializers.ChoiceField(choices=list(Kind), required=False)


class DerQuery(KindQuery):
    gateway = serializers.CharField(
        source="system__gateway__serial", required=False, max_length=64, help_text="Id of a gateway."
    )


class OneDerQuery(Query):
    gateway = serializers.CharField(
        default="", max_length=64, help_text="Id of its gateway, where several homes have a device with this serial."
    )


class DerDocument(Document):
    """An energy resource. Its serial tells it apart in its home, not beyond."""

    sn = serializers.CharField(help_text="Its serial, `sn` in the header of its gateway's JWTs.")
    kind = serializers.ChoiceField(choices=list(Kind))
    gateway = serializers.CharField(
        source="system.gateway.serial", allow_null=True, help_text="Id of the home's gateway; null before it has one."
    )
    system = serializers.UUIDField(source="system.uid")
    name = serializers.CharField()
    make = serializers.CharField()
    model = serializers.CharField()
    rated_power_w = serializers.FloatField(allow_null=True)
    last_reading_at = serializers.DateTimeField(allow_null=True)
    gone_at = serializers.DateTimeField(allow_null=True, help_text="Since when the vendor does not list it any more.")
    created_at = serializers.DateTimeField()

    example: ClassVar = {
        "sn": "1106032231190012", "kind": "pv", "gateway": "acme-0123456789abcdef",
        "system": "6f1c2f3e-5a0b-4c1d-9e2f-3a4b5c6d7e8f", "name": "Inverter", "make": "Solis", "model": "S6-EH1P",
        "rated_power_w": 8200.0, "last_reading_at": "2026-06-15T11:55:00Z", "gone_at": None,
        "created_at": "2026-06-01T08:00:00Z",
    }  # fmt: skip


class Ders(mixins.ListModelMixin, mixins.RetrieveModelMixin, Compressed, Resource):
    """Energy resources (DERs): PV, batteries and meters."""

    required_scope = scopes.GATEWAYS_READ
    model = Der
    partner_path = "system__connection__partner"
    serializer_class = DerDocument
    queries: ClassVar = {"list": DerQuery, "retrieve": OneDerQuery}
    may_fail: ClassVar = {"retrieve": (409,)}
    lookup_field = "sn"
    lookup_value_regex = SN

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reached.ders(self.caller, rows).select_related("system__gateway")

    def get_object(self) -> Der:
        return reached.one_der(reached.ders(self.caller, Der.objects.all()), self.kwargs["sn"], self.query["gateway"])


class GatewayDers(mixins.ListModelMixin, Compressed, Resource):
    """Energy resources of one home."""

    required_scope = scopes.GATEWAYS_READ
    model = Der
    partner_path = "system__connection__partner"
    serializer_class = DerDocument
    queries: ClassVar = {"list": KindQuery}

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        gateway = reached.gateway(self.caller, self.kwargs["gateway"])
        return reached.ders(self.caller, rows.filter(system__gateway=gateway)).select_related("system__gateway")
