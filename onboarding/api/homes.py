"""/api/v1/systems/{id}/gateway: a vendor's system becomes a home that sends."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.api.gateways import GatewayDocument
from gateways.models import Coordinates, GatewayType
from gateways.oauth import scopes
from gateways.rest.requests import Body, OfPartner
from gateways.rest.views import Resource
from ingest.api import reached
from ingest.models import System
from onboarding import actions


class HomeBody(Body):
    """What you know of a home; the rest can be told to its gateway later."""

    type = OfPartner(GatewayType, "prefix", source="gateway_type", help_text="Prefix of the gateway's type.")
    wallet = serializers.CharField(source="address", default="", max_length=64, help_text="Its owner's Solana address.")
    latitude = serializers.DecimalField(
        max_digits=None, decimal_places=None, default=None, help_text="Degrees; else it stands where the vendor says."
    )
    longitude = serializers.DecimalField(max_digits=None, decimal_places=None, default=None, help_text="Degrees.")

    example: ClassVar = {"type": "acme", "wallet": "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["latitude"] is None) != (attrs["longitude"] is None):
            raise serializers.ValidationError({"longitude": "Latitude and longitude go together."})
        return attrs


class Homes(Resource):
    """Homes that a partner brings in itself: systems of a fleet's account."""

    required_scope = scopes.GATEWAYS_WRITE
    model = System
    partner_path = "connection__partner"
    serializer_class = GatewayDocument
    bodies: ClassVar = {"gateway": HomeBody}
    makes = frozenset({"gateway"})
    lookup_url_kwarg = "system"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reached.systems(self.caller, rows)

    @action(detail=True, methods=["post"])
    def gateway(self, request: Request, system: str) -> Response:  # noqa: ARG002
        """Make the gateway of a system, which is read from then on."""
        made = actions.set_up_home(
            system=self.get_object(), **self.body(), source=Coordinates.Source.TYPED, by=self.by, now=timezone.now()
        )
        return self.created(self.document(made), "gateways-detail", gateway=made.serial)
