"""/api/v1/join-flows: what a partner's own site asks consent for."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.requests import Body, Document, OfPartner, PageQuery
from gateways.rest.views import Resource
from ingest import vendors
from ingest.models import VendorCredential
from ingest.readings import Kind
from onboarding import flows
from onboarding.models import Consent, JoinFlow

_KINDS = [kind.value for kind in Kind]
_EXAMPLE_ID = "0b0e7a52-8f3c-4c52-9d2c-5a3c1f0e9a11"


class FlowQuery(PageQuery):
    in_use = serializers.BooleanField(
        required=False, source="deleted_at__isnull", help_text="true: without deleted ones; false: those alone."
    )


class FlowVendorBody(Body):
    vendor = serializers.ChoiceField(choices=list(vendors.VENDORS))
    credential = OfPartner(
        VendorCredential, allow_null=True, default=None,
        help_text="The application that homeowners consent to; null where they have keys of their own.",
    )  # fmt: skip


class NewFlowBody(Body):
    name = serializers.CharField(max_length=100, help_text="For the partner's own staff.")
    redirect_uri = serializers.CharField(
        max_length=500, trim_whitespace=False,
        help_text="Where browsers go back to, exactly as it is sent; https outside the sandbox.",
    )  # fmt: skip
    vendors = FlowVendorBody(many=True, allow_empty=False, help_text="Each at most once.")
    purposes = serializers.ListField(child=serializers.ChoiceField(Consent.Purpose.choices), allow_empty=False)
    kinds = serializers.ListField(
        child=serializers.ChoiceField(_KINDS), default=_KINDS, allow_empty=False, help_text="What is shared."
    )
    language = serializers.ChoiceField(
        choices=settings.LANGUAGES,
        default="",
        allow_blank=True,
        help_text="That of our own pages; the browser's if nothing is said.",
    )

    example: ClassVar = {
        "name": "Website", "redirect_uri": "https://acme.example/joined",
        "vendors": [{"vendor": "enphase", "credential": _EXAMPLE_ID}, {"vendor": "solis"}],
        "purposes": ["rewards", "service"], "kinds": ["pv", "battery", "meter"], "language": "sv",
    }  # fmt: skip

    def validate_vendors(self, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({one["vendor"] for one in chosen}) < len(chosen):
            msg = "Name each vendor once."
            raise serializers.ValidationError(msg)
        return chosen


class FlowVendorDocument(Document):
    vendor = serializers.CharField()
    credential = serializers.UUIDField(source="credential.uid", default=None, allow_null=True)


class FlowDocument(Document):
    """A Join flow. It never changes: make another one and delete this one."""

    id = serializers.UUIDField(source="uid")
    name = serializers.CharField()
    redirect_uri = serializers.CharField()
    vendors = FlowVendorDocument(many=True)
    purposes = serializers.ListField(child=serializers.ChoiceField(Consent.Purpose.choices))
    kinds = serializers.ListField(child=serializers.ChoiceField(_KINDS))
    language = serializers.CharField(help_text="Empty: the browser's.")
    authorize_url = serializers.SerializerMethodField(
        help_text="Where a site sends browsers, with `vendor`, `state` and `user` in the query."
    )
    created_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)

    example: ClassVar = {
        "id": _EXAMPLE_ID, **NewFlowBody.example,
        "vendors": [{"vendor": "enphase", "credential": _EXAMPLE_ID}, {"vendor": "solis", "credential": None}],
        "authorize_url": f"https://portal.example/join/flows/{_EXAMPLE_ID}/authorize",
        "created_at": "2026-06-15T12:00:00Z", "deleted_at": None,
    }  # fmt: skip

    def get_authorize_url(self, flow: JoinFlow) -> str:
        return flows.address(flow)


class NewFlowDocument(FlowDocument):
    """A flow that was just made."""

    secret = serializers.SerializerMethodField(
        help_text="What browsers bring back is signed with it. Keep it: it is shown this once."
    )

    example: ClassVar = {**FlowDocument.example, "secret": "pX2s…"}

    def get_secret(self, flow: JoinFlow) -> str:
        return flows.open_secret(flow)


class JoinFlows(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Join flows: a site sends its visitors to one, and gets each back with an enrollment."""

    permission_classes = PARTNERS_OWN
    required_scope = scopes.ENROLLMENTS_READ
    write_scope = scopes.ENROLLMENTS_WRITE
    model = JoinFlow
    partner_path = "partner"
    queries: ClassVar = {"list": FlowQuery}
    bodies: ClassVar = {"create": NewFlowBody}
    lookup_url_kwarg = "flow"

    def get_queryset(self) -> Any:
        return super().get_queryset().prefetch_related("vendors__credential")

    def get_serializer_class(self) -> type[FlowDocument]:
        return NewFlowDocument if self.action == "create" else FlowDocument

    def create(self, request: Request) -> Response:  # noqa: ARG002  the framework's
        """Make a flow. This answer alone shows the secret that browsers' answers are signed with."""
        asked = self.body()
        chosen = {one["vendor"]: one["credential"] for one in asked.pop("vendors")}
        flow = flows.create_flow(partner=self.caller.partner, vendors=chosen, by=self.by, now=timezone.now(), **asked)
        return self.created(self.document(flow), "join-flows-detail", flow=str(flow.uid))

    def destroy(self, request: Request, flow: str) -> Response:  # noqa: ARG002
        """Take a flow out of use: its links stop working at once. Accounts that joined through it stay."""
        flows.delete_flow(flow=self.get_object(), by=self.by, now=timezone.now())
        return Response(status=204)
