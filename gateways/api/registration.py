"""/api/v1/gateways/registration: what Sourceful has to be told, as its factory tool reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.models import Gateway
from gateways.oauth import scopes
from gateways.registration import registration_csv
from gateways.rest.renderers import Csv
from gateways.rest.requests import Document, Query
from gateways.rest.views import Resource


class RegistrationQuery(Query):
    type = serializers.CharField(
        source="gateway_type__prefix", required=False, max_length=47, help_text="Prefix of a type."
    )
    gateway = serializers.CharField(source="serial", required=False, max_length=64, help_text="Id of one gateway.")


class RegistrationDocument(Document):
    """A gateway, and the key that it is registered with."""

    ecc_serial = serializers.CharField(help_text="The gateway's id.")
    full_public_key = serializers.CharField(help_text="128 hex digits.")


class FactoryCsv(Csv):
    """The columns of Sourceful's factory tool, to the letter."""

    def render(self, data: Any, _accepted: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        return data.encode() if isinstance(data, str) else super().render(data, _accepted, context)


class Registration(Resource):
    """The CSV to hand to Sourceful: SEN has no public call for it."""

    required_scope = scopes.GATEWAYS_WRITE
    model = Gateway
    partner_path = "partner"
    serializer_class = RegistrationDocument
    renderer_classes = (FactoryCsv,)
    pagination_class = None
    queries: ClassVar = {"list": RegistrationQuery}

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(**self.query)

    def list(self, request: Request) -> Response:  # noqa: ARG002
        """Show what SEN has yet to learn: new gateways with their keys, and new keys of known gateways, always as CSV.

        When Sourceful says that it is done, `register` the gateways, or `activate-key` where only the key is new.
        """
        return Response(registration_csv(self.get_queryset()))
