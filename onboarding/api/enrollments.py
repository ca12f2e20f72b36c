"""/api/v1/enrollments: what came of Join flows' trips."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource
from ingest.models import System
from onboarding import enrollments
from onboarding.api.references import Reference
from onboarding.models import Enrollment


class EnrollmentQuery(PageQuery):
    status = serializers.ChoiceField(choices=Enrollment.Status.choices, required=False)
    user_reference = Reference(required=False)
    flow = serializers.UUIDField(required=False, source="flow__uid")


class EnrolledSystem(Document):
    id = serializers.UUIDField(source="uid")
    name = serializers.CharField(help_text="As the vendor calls it.")
    gateway = serializers.CharField(
        source="gateway.serial", default=None, allow_null=True, help_text="null: this home sends through none here."
    )


class EnrollmentDocument(Document):
    """One of the partner's own users, and the account that is read for them."""

    id = serializers.UUIDField(source="uid", help_text="`enrollmentID` of the answer that the browser brought.")
    status = serializers.ChoiceField(choices=Enrollment.Status.choices)
    user_reference = serializers.CharField(help_text="What the partner calls its user; may be empty.")
    flow = serializers.UUIDField(source="flow.uid")
    vendor = serializers.CharField(source="connection.vendor")
    connection = serializers.UUIDField(source="connection.uid")
    systems = serializers.SerializerMethodField(
        help_text="Its homes; none once it has ended, as the account may be somebody else's by then."
    )
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True, help_text="Since when it has its status.")

    example: ClassVar = {
        "id": "5b8f9c1e-3f6a-4c7b-9a63-0f5d2f7f2a10", "status": "active", "user_reference": "customer-4711",
        "flow": "0b0e7a52-8f3c-4c52-9d2c-5a3c1f0e9a11", "vendor": "enphase",
        "connection": "9a1f7c3e-6d0b-4f52-8a51-2c3f1a0b7d44",
        "systems": [
            {"id": "c2b0a1d4-7e88-4d0e-8f6c-91d2f4b0a3e7", "name": "Villa", "gateway": "acme-0123456789abcdef"}
        ],
        "created_at": "2026-06-15T12:00:00Z", "settled_at": "2026-06-15T12:00:00Z",
    }  # fmt: skip

    @extend_schema_field(EnrolledSystem(many=True))
    def get_systems(self, row: Enrollment) -> Any:
        homes = row.connection.systems.all() if row.is_living else ()
        return EnrolledSystem(homes, many=True).data


class Enrollments(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Enrollments: each an account that one of the partner's users connected through a Join flow."""

    permission_classes = PARTNERS_OWN
    required_scope = scopes.ENROLLMENTS_READ
    write_scope = scopes.ENROLLMENTS_WRITE
    model = Enrollment
    partner_path = "partner"
    serializer_class = EnrollmentDocument
    queries: ClassVar = {"list": EnrollmentQuery}
    lookup_url_kwarg = "enrollment"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        homes = System.objects.select_related("gateway")
        return rows.select_related("flow", "connection").prefetch_related(Prefetch("connection__systems", homes))

    def destroy(self, request: Request, enrollment: str) -> Response:  # noqa: ARG002  the framework's
        """End an enrollment: the account is disconnected and nothing is shared any more.

        Gateways and readings stay; the same user finds them again by joining again. One that has ended stays so.
        """
        enrollments.end(enrollment=self.get_object(), by=self.by, now=timezone.now())
        return Response(status=204)
