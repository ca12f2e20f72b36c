"""/api/v1/gateway-types: the types that Sourceful has defined for the partner."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import actions
from gateways.api.keys import KeyDocument, KeyOwner
from gateways.models import GatewayType
from gateways.oauth import reach, scopes
from gateways.rest.requests import Body, Document

PREFIX = "[A-Za-z0-9_-]{1,47}"


class NewTypeBody(Body):
    prefix = serializers.CharField(max_length=47, help_text="As assigned by Sourceful: letters, digits, _ and -.")
    name = serializers.CharField(max_length=100)
    key_strategy = serializers.ChoiceField(
        choices=GatewayType.KeyStrategy.choices, default=GatewayType.KeyStrategy.PER_DEVICE.value
    )
    model = serializers.CharField(
        max_length=40, default="partner_cloud", help_text="`model` in the header of JWTs, agreed with Sourceful."
    )
    dtype = serializers.CharField(
        max_length=40, default="json", help_text="`dtype` in the header of JWTs, agreed with Sourceful."
    )

    example: ClassVar = {"prefix": "acme", "name": "Acme homes"}


class TypeChanges(Body):
    name = serializers.CharField(max_length=100, required=False)
    model = serializers.CharField(max_length=40, required=False)
    dtype = serializers.CharField(max_length=40, required=False)

    example: ClassVar = {"name": "Acme homes of 2026"}


class GatewayTypeDocument(Document):
    """A type of gateways; its prefix begins the id of each of them."""

    prefix = serializers.CharField()
    name = serializers.CharField()
    key_strategy = serializers.ChoiceField(choices=GatewayType.KeyStrategy.choices)
    model = serializers.CharField(help_text="`model` in the header of JWTs.")
    dtype = serializers.CharField(help_text="`dtype` in the header of JWTs.")

    example: ClassVar = {
        "prefix": "acme", "name": "Acme homes", "key_strategy": "per_device", "model": "partner_cloud", "dtype": "json",
    }  # fmt: skip


class GatewayTypes(mixins.ListModelMixin, mixins.RetrieveModelMixin, KeyOwner):
    """Types of gateways, by their prefixes."""

    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = GatewayType
    partner_path = "partner"
    serializer_class = GatewayTypeDocument
    bodies: ClassVar = {"create": NewTypeBody, "partial_update": TypeChanges}
    lookup_field = lookup_url_kwarg = "prefix"
    lookup_value_regex = PREFIX
    keys_view = "gateway-type-keys-detail"
    makes = KeyOwner.makes | {"make_key_global"}

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.caller.user is None:
            return rows
        return rows.filter(pk__in=reach.gateways(self.caller).values("gateway_type"))

    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make the type that Sourceful has defined; with a global key it gets its pending key."""
        made = actions.create_gateway_type(partner=self.caller.partner, **self.body(), by=self.by, now=timezone.now())
        return self.created(self.document(made), "gateway-types-detail", prefix=made.prefix)

    def partial_update(self, request: Request, prefix: str) -> Response:  # noqa: ARG002
        """Change the name, or what stands in the header of JWTs."""
        changed = actions.change_gateway_type(
            gateway_type=self.get_object(), **self.body(), by=self.by, now=timezone.now()
        )
        return Response(self.document(changed))

    @action(detail=True, methods=["post"], url_path="make-key-global", serializer_class=KeyDocument)
    def make_key_global(self, request: Request, prefix: str) -> Response:  # noqa: ARG002
        """Let one key sign for all gateways of the type, once SEN has it. There is no way back."""
        key = actions.make_key_global(gateway_type=self.get_object(), by=self.by, now=timezone.now())
        return self.created(self.document(key), self.keys_view, prefix=prefix, public_key=key.public_key)
