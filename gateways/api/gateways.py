"""/api/v1/gateways: those that a client reaches, and what is done to them here. SEN's part is in `ingest.api`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import actions
from gateways.api.keys import KeyOwner
from gateways.models import Gateway, GatewayType
from gateways.oauth import reach, scopes
from gateways.rest.requests import Body, Document, OfPartner, PageQuery

GATEWAY_ID = "[A-Za-z0-9_-]{1,64}"


class GatewayQuery(PageQuery):
    status = serializers.ChoiceField(choices=Gateway.Status.choices, required=False)
    type = serializers.CharField(
        source="gateway_type__prefix", required=False, max_length=47, help_text="Prefix of a type."
    )


class NewGatewayBody(Body):
    type = OfPartner(GatewayType, "prefix", source="gateway_type", help_text="Prefix of the type.")
    name = serializers.CharField(default="", allow_blank=True, max_length=100, help_text="For people.")
    id = serializers.CharField(
        source="serial", default="", max_length=64,
        help_text="Only for a gateway that Sourceful knows already; else it gets a random one.",
    )  # fmt: skip

    example: ClassVar = {"type": "acme", "name": "Home"}


class GatewayChanges(Body):
    name = serializers.CharField(allow_blank=True, max_length=100, help_text="For people.")

    example: ClassVar = {"name": "Summer house"}


class GatewayDocument(Document):
    """A gateway. Where it is and whom it belongs to have addresses of their own, for those who may know."""

    id = serializers.CharField(source="serial", help_text="The gateway's id, which SEN calls its serial.")
    name = serializers.CharField()
    type = serializers.CharField(source="gateway_type.prefix")
    model = serializers.CharField(source="gateway_type.model", help_text="`model` in the header of its JWTs.")
    status = serializers.ChoiceField(choices=Gateway.Status.choices)
    has_wallet = serializers.SerializerMethodField()
    has_position = serializers.SerializerMethodField()
    registered_at = serializers.DateTimeField(allow_null=True, help_text="Since when SEN knows it.")
    created_at = serializers.DateTimeField()

    example: ClassVar = {
        "id": "acme-0123456789abcdef", "name": "Home", "type": "acme", "model": "partner_cloud", "status": "active",
        "has_wallet": True, "has_position": True, "registered_at": "2026-06-15T12:05:00Z",
        "created_at": "2026-06-15T12:00:00Z",
    }  # fmt: skip

    def get_has_wallet(self, row: Gateway) -> bool:
        return row.wallet_id is not None

    def get_has_position(self, row: Gateway) -> bool:
        return row.coordinates_id is not None


class Gateways(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyOwner):
    """Gateways: one for each home."""

    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = Gateway
    partner_path = "partner"
    serializer_class = GatewayDocument
    queries: ClassVar = {"list": GatewayQuery}
    bodies: ClassVar = {"create": NewGatewayBody, "partial_update": GatewayChanges}
    lookup_field = "serial"
    lookup_url_kwarg = "gateway"
    lookup_value_regex = GATEWAY_ID
    keys_view = "gateway-keys-detail"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reach.gateways(self.caller, rows.select_related("gateway_type"))

    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a gateway. It has a new key that signs once SEN knows it: see `register`."""
        made = actions.create_gateway(**self.body(), by=self.by, now=timezone.now())
        return self.created(self.document(made), "gateways-detail", gateway=made.serial)

    def partial_update(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Give a gateway another name."""
        changed = actions.rename_gateway(gateway=self.get_object(), **self.body(), by=self.by, now=timezone.now())
        return Response(self.document(changed))

    @action(detail=True, methods=["post"])
    def activate(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Let the readings of an owned and located gateway go to SEN."""
        return self._after(actions.activate_gateway)

    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Stop sending; readings are still collected and wait."""
        return self._after(actions.suspend_gateway)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """End a suspension: what waited goes out."""
        return self._after(actions.resume_gateway)

    @action(detail=True, methods=["post"])
    def release(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Let a gateway go for good: its keys are retired, and it never sends again."""
        return self._after(actions.release_gateway)

    def _after(self, change: Callable[..., Gateway]) -> Response:
        return Response(self.document(change(gateway=self.get_object(), by=self.by, now=timezone.now())))
