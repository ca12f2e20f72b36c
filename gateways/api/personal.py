"""What is a homeowner's own of a gateway: the wallet its rewards go to, and where it stands.

For those only who may write: a client that reads data has no need to know either.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import actions
from gateways.api.gateways import GATEWAY_ID
from gateways.models import Coordinates, Gateway
from gateways.oauth import reach, scopes
from gateways.rest.problems import Problem
from gateways.rest.requests import Body, Document, Time
from gateways.rest.views import Resource


class WalletBody(Body):
    address = serializers.CharField(max_length=64, help_text="Solana address: base58 of a 32-byte Ed25519 public key.")

    example: ClassVar = {"address": "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"}


class WalletDocument(Document):
    """The wallet that rewards go to. Inception binds it at SEN, for good."""

    address = serializers.CharField()
    proven_at = serializers.DateTimeField(allow_null=True, help_text="When its holder signed for it.")

    example: ClassVar = {**WalletBody.example, "proven_at": None}


class CoordinatesBody(Body):
    latitude = serializers.DecimalField(max_digits=None, decimal_places=None, help_text="Degrees, north positive.")
    longitude = serializers.DecimalField(max_digits=None, decimal_places=None, help_text="Degrees, east positive.")
    source = serializers.ChoiceField(choices=Coordinates.Source.choices, default=Coordinates.Source.TYPED.value)  # type: ignore[assignment]  # the body's
    consented_at = Time(default=None, allow_null=True, help_text="When the homeowner agreed to the place being kept.")

    example: ClassVar = {"latitude": "59.329300", "longitude": "18.068600"}


class CoordinatesDocument(Document):
    """Where the installation stands: WGS 84, degrees with six decimals, as text so that no digit changes on the way."""

    latitude = serializers.DecimalField(max_digits=9, decimal_places=6, help_text="North positive.")
    longitude = serializers.DecimalField(max_digits=9, decimal_places=6, help_text="East positive.")
    source = serializers.ChoiceField(choices=Coordinates.Source.choices)  # type: ignore[assignment]  # the document's
    consented_at = serializers.DateTimeField(allow_null=True)

    example: ClassVar = {**CoordinatesBody.example, "source": "typed", "consented_at": None}


class Personal(Resource):
    """Wallet and place of a gateway."""

    required_scope = scopes.GATEWAYS_WRITE
    model = Gateway
    partner_path = "partner"
    bodies: ClassVar = {"name_wallet": WalletBody, "locate": CoordinatesBody}
    lookup_field = "serial"
    lookup_url_kwarg = "gateway"
    lookup_value_regex = GATEWAY_ID

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reach.gateways(self.caller, rows.select_related("wallet", "coordinates"))

    @action(detail=True, methods=["get"], serializer_class=WalletDocument)
    def wallet(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Show the wallet that rewards of a gateway go to."""
        return self._shown(self.get_object().wallet, "No wallet has been named for this gateway yet: PUT one here.")

    @wallet.mapping.put
    def name_wallet(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Name the wallet, until inception makes it final."""
        named = actions.bind_wallet(gateway=self.get_object(), **self.body(), by=self.by, now=timezone.now())
        return Response(self.document(named.wallet))

    @action(detail=True, methods=["get"], serializer_class=CoordinatesDocument)
    def coordinates(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Show where a gateway stands."""
        return self._shown(self.get_object().coordinates, "Nobody has said yet where this gateway stands: PUT it here.")

    @coordinates.mapping.put
    def locate(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Set or change where a gateway stands; more than six decimals are rounded."""
        located = actions.locate_gateway(gateway=self.get_object(), **self.body(), by=self.by, now=timezone.now())
        return Response(self.document(located.coordinates))

    def _shown(self, row: Any, otherwise: str) -> Response:
        if row is None:
            raise _nothing(otherwise)
        return Response(self.document(row))


def _nothing(detail: str) -> Problem:
    return Problem("not-found", detail)
