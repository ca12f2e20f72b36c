"""/api/v1/gateways: those that a client reaches, and everything that is done to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import mixins, serializers

from gateways.models import Gateway
from gateways.oauth import reach, scopes
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource


class GatewayQuery(PageQuery):
    status = serializers.ChoiceField(choices=Gateway.Status.choices, required=False)


class GatewayDocument(Document):
    """A gateway. Where it is and whom it belongs to have addresses of their own, for those who may know."""

    id = serializers.CharField(source="serial", help_text="The gateway's id, which SEN calls its serial.")
    name = serializers.CharField()
    type = serializers.CharField(source="gateway_type.prefix")
    model = serializers.CharField(source="gateway_type.model", help_text="`model` in the header of its JWTs.")
    status = serializers.ChoiceField(choices=Gateway.Status.choices)
    has_wallet = serializers.SerializerMethodField()
    has_position = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    example: ClassVar = {
        "id": "acme-0123456789abcdef", "name": "Home", "type": "acme", "model": "partner_cloud", "status": "active",
        "has_wallet": True, "has_position": True, "created_at": "2026-06-15T12:00:00Z",
    }  # fmt: skip

    def get_has_wallet(self, row: Gateway) -> bool:
        return row.wallet_id is not None

    def get_has_position(self, row: Gateway) -> bool:
        return row.coordinates_id is not None


class Gateways(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Gateways: one for each home."""

    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = Gateway
    partner_path = "partner"
    serializer_class = GatewayDocument
    queries: ClassVar = {"list": GatewayQuery}
    lookup_field = "serial"
    lookup_url_kwarg = "gateway"
    lookup_value_regex = "[A-Za-z0-9_-]{1,64}"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reach.gateways(self.caller, rows.select_related("gateway_type"))
