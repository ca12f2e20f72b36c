"""What is done to a gateway at SEN: the part of /api/v1/gateways that `gateways` knows nothing of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.api.gateways import GATEWAY_ID, GatewayDocument
from gateways.models import Gateway
from gateways.oauth import reach, scopes
from gateways.rest import waiting
from gateways.rest.problems import conflict
from gateways.rest.requests import Document
from gateways.rest.views import Resource
from ingest import lifecycle


class InceptionDocument(Document):
    """What SEN says to a rehearsal of inception."""

    agrees = serializers.BooleanField()

    example: ClassVar = {"agrees": True}


class OfGateway(Resource, abstract=True):
    """Something about one gateway, below its address."""

    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = Gateway
    partner_path = "partner"
    lookup_field = "serial"
    lookup_url_kwarg = "gateway"
    lookup_value_regex = GATEWAY_ID

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reach.gateways(self.caller, rows.select_related("gateway_type", "partner", "wallet"))


class AtSen(OfGateway):
    """Steps of a gateway's life that SEN has a part in."""

    serializer_class = GatewayDocument
    may_fail: ClassVar = {"*": (502, 503)}

    @action(detail=True, methods=["post"])
    @waiting.waits
    def register(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Note that SEN knows the gateway and its key, which signs from now on.

        SEN has no call for it: hand the registration CSV to Sourceful, and come back when they have said so. In the
        sandbox the stand-in is told at once.
        """
        row = lifecycle.register(gateway=self.get_object(), by=self.by, now=timezone.now())
        return Response(self.document(row))

    @action(detail=True, methods=["post"], url_path="rehearse-inception", serializer_class=InceptionDocument)
    @waiting.waits
    def rehearse_inception(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Ask SEN whether it would bind a gateway to its wallet; nothing changes."""
        row = self.get_object()
        return Response({"agrees": lifecycle.incept(gateway=row, by=self.by, now=timezone.now(), dry_run=True)})

    @action(detail=True, methods=["post"])
    @waiting.waits
    def incept(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Have SEN bind a gateway to its wallet, for good: its rewards go there."""
        row = self.get_object()
        if not lifecycle.incept(gateway=row, by=self.by, now=timezone.now()):
            msg = "SEN does not bind it to its wallet: it may belong to another one. Rehearse the inception."
            raise conflict(msg, slug="inception-refused")
        return Response(self.fresh(row))
