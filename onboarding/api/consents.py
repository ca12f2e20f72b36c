"""/api/v1/consents: what homeowners agreed to, and until when."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import mixins, serializers

from gateways.oauth import scopes
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource
from onboarding.api.references import Reference
from onboarding.models import Consent


class ConsentQuery(PageQuery):
    purpose = serializers.ChoiceField(choices=Consent.Purpose.choices, required=False)
    connection = serializers.UUIDField(required=False, source="connection__uid", help_text="Id of an account.")
    user_reference = Reference(required=False, source="subject", help_text="Of a homeowner who came by a Join flow.")
    active = serializers.BooleanField(
        required=False, source="ended_at__isnull", help_text="true: what counts now; false: what has ended."
    )


class ConsentDocument(Document):
    """A consent to one purpose. Who gave it is told by the partner's own reference alone."""

    id = serializers.UUIDField(source="uid")
    purpose = serializers.ChoiceField(choices=Consent.Purpose.choices)
    user_reference = serializers.CharField(
        source="subject", help_text="Of a homeowner who came by a Join flow; empty for others."
    )
    vendor = serializers.CharField()
    connection = serializers.UUIDField(
        source="connection.uid",
        default=None,
        allow_null=True,
        help_text="null: no account is connected yet, or any more.",
    )
    kinds = serializers.ListField(child=serializers.CharField(), help_text="Kinds of DERs that are shared.")
    text_version = serializers.CharField()
    language = serializers.CharField()
    given_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ending = serializers.CharField(help_text="`stopped`, `replaced`, `expired` or `deleted`; empty while it counts.")

    example: ClassVar = {
        "id": "e1a7d0f2-2b7c-4c55-8f3e-7f0d6b1c9a52", "purpose": "rewards", "user_reference": "customer-4711",
        "vendor": "enphase", "connection": "9a1f7c3e-6d0b-4f52-8a51-2c3f1a0b7d44", "kinds": ["pv", "battery", "meter"],
        "text_version": "2026-11", "language": "sv", "given_at": "2026-06-15T12:00:00Z",
        "expires_at": "2028-06-15T12:00:00Z", "ended_at": None, "ending": "",
    }  # fmt: skip


class WholeConsentDocument(ConsentDocument):
    """A consent, word for word."""

    text = serializers.CharField(help_text="As it was shown.")

    example: ClassVar = {**ConsentDocument.example, "text": "Acme Energy may send what your devices measure…"}


class Consents(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Consents. They are given and ended by homeowners; ending an enrollment ends its consents."""

    permission_classes = PARTNERS_OWN
    required_scope = scopes.ENROLLMENTS_READ
    model = Consent
    partner_path = "partner"
    queries: ClassVar = {"list": ConsentQuery}
    lookup_url_kwarg = "consent"

    def get_serializer_class(self) -> type[ConsentDocument]:
        return ConsentDocument if self.action == "list" else WholeConsentDocument

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("connection")
