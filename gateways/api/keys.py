"""Keys of gateways and of types with a global key: their public halves. The private halves are on no address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import actions
from gateways.models import Gateway, GatewayKey, GatewayType
from gateways.oauth import reach, scopes
from gateways.rest.requests import Body, Document, PageQuery
from gateways.rest.views import Resource


class KeyQuery(PageQuery):
    status = serializers.ChoiceField(source="state", choices=GatewayKey.State.choices, required=False)


class BanBody(Body):
    reason = serializers.CharField(max_length=200, help_text="Is shown wherever the ban holds something up.")

    example: ClassVar = {"reason": "The backup of the vault was lost."}


class KeyDocument(Document):
    """An ES256 key pair. A pending one signs nothing until SEN knows it and it is activated."""

    public_key = serializers.CharField(help_text="x‖y of the point, 128 hex digits.")
    status = serializers.ChoiceField(source="state", choices=GatewayKey.State.choices)
    ban_reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    registered_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is retired or banned.")

    example: ClassVar = {
        "public_key": "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "status": "active", "ban_reason": "", "created_at": "2026-06-15T12:00:00Z",
        "registered_at": "2026-06-15T12:05:00Z", "ended_at": None,
    }  # fmt: skip


class KeyOwner(Resource, abstract=True):
    """A resource whose rows have keys: gateways, and types with a global key."""

    keys_view: ClassVar[str]
    makes = frozenset({"create", "rotate_key"})

    @action(detail=True, methods=["post"], url_path="rotate-key", serializer_class=KeyDocument)
    def rotate_key(self, request: Request, **where: str) -> Response:  # noqa: ARG002
        """Make the next key. The present one signs on until the new one is registered with SEN and activated."""
        key = actions.rotate_key(owner=self.get_object(), by=self.by, now=timezone.now())
        return self.created(self.document(key), self.keys_view, **where, public_key=key.public_key)

    @action(detail=True, methods=["post"], url_path="activate-key", serializer_class=KeyDocument)
    def activate_key(self, request: Request, **where: str) -> Response:  # noqa: ARG002
        """Let the pending key sign, now that SEN has it; the one before is retired, and what it signed stays valid."""
        return Response(self.document(actions.activate_key(owner=self.get_object(), by=self.by, now=timezone.now())))


class _Keys(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource, abstract=True):
    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = GatewayKey
    serializer_class = KeyDocument
    queries: ClassVar = {"list": KeyQuery}
    bodies: ClassVar = {"ban": BanBody}
    newest_first = True
    lookup_field = lookup_url_kwarg = "public_key"
    lookup_value_regex = "[0-9a-f]{128}"

    @action(detail=True, methods=["post"])
    def ban(self, request: Request, **where: str) -> Response:  # noqa: ARG002
        """Ban a key: it never signs again, and the queues it signed for wait until another key is active."""
        banned = actions.ban_key(key=self.get_object(), **self.body(), by=self.by, now=timezone.now())
        return Response(self.document(banned))


class GatewayKeys(_Keys):
    """The keys of one gateway, those before as well. A gateway of a type with a global key signs with that one.

    An app learns its home's key from `api/crypto`, which its owner lets it ask.
    """

    partner_path = "gateway__partner"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        known = reach.gateways(self.caller) if self.caller.user is None else Gateway.objects.none()
        return rows.filter(gateway=get_object_or_404(known, serial=self.kwargs["gateway"]))


class TypeKeys(_Keys):
    """The global keys of one type, those before as well."""

    partner_path = "gateway_type__partner"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        types = GatewayType.objects.filter(partner=self.caller.partner, prefix=self.kwargs["prefix"])
        return rows.filter(gateway_type=get_object_or_404(types if self.caller.user is None else types.none()))
