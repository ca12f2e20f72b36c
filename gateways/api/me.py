"""/api/v1/me: whose token this is, and what it may do."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.models import Client, Partner
from gateways.oauth import scopes
from gateways.oauth.tokens import Caller
from gateways.rest.requests import Document
from gateways.rest.views import Endpoint


class MyPartner(Document):
    slug = serializers.CharField()
    name = serializers.CharField()
    environment = serializers.ChoiceField(choices=Partner.Environment.choices)


class MyClient(Document):
    id = serializers.CharField(source="client_id")
    name = serializers.CharField()
    kind = serializers.SerializerMethodField()
    version = serializers.CharField(source="api_version", help_text="What it gets unless a request asks for another.")
    requests_per_minute = serializers.IntegerField()

    def get_kind(self, client: Client) -> str:
        """`rewards` or `service`: a backend that acts for itself; `app`: one that acts for homeowners."""
        return "app" if client.acts_for_homeowners else client.purpose


class MeDocument(Document):
    """A client and its token. Of the homeowner it acts for there is nothing but that there is one."""

    client = MyClient()
    partner = MyPartner()
    scopes = serializers.SerializerMethodField()
    acts_for_homeowner = serializers.SerializerMethodField()

    example: ClassVar = {
        "client": {
            "id": "V0rGqQ2k", "name": "Backend", "kind": "service", "version": "2026-11-21",
            "requests_per_minute": 600,
        },
        "partner": {"slug": "acme", "name": "Acme Energy", "environment": "sandbox"},
        "scopes": ["events:read", "gateways:read"],
        "acts_for_homeowner": False,
    }  # fmt: skip

    def get_scopes(self, caller: Caller) -> list[str]:
        """What this token may do now, which is less than it was made for if its partner allows less by now."""
        return sorted(caller.scopes)

    def get_acts_for_homeowner(self, caller: Caller) -> bool:
        return caller.user is not None


class Me(Endpoint):
    """Who am I."""

    required_scope = scopes.ANY
    serializer_class = MeDocument

    def retrieve(self, request: Request) -> Response:  # noqa: ARG002  the framework's
        """Tell whose token this is, and what it may do."""
        return Response(self.document(self.caller))
