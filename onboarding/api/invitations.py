"""/api/v1/invitations: homeowners asked in, by mail or by a link that the partner hands on."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.requests import Body, Document, PageQuery
from gateways.rest.views import Resource
from ingest import vendors
from onboarding import emails, invitation_states, invitations
from onboarding.api.references import Reference
from onboarding.models import Invitation

_STATES = [state.replace(" ", "_") for state in invitation_states.STATES]


class InvitationQuery(PageQuery):
    status = serializers.ChoiceField(source="state", choices=_STATES, required=False)
    user_reference = Reference(required=False)
    vendor = serializers.ChoiceField(choices=list(vendors.VENDORS), required=False)
    for_many = serializers.BooleanField(required=False)

    def validate_status(self, state: str) -> str:
        return state.replace("_", " ")


class NewInvitationBody(Body):
    email = serializers.EmailField(
        default="", allow_blank=True, help_text="Where we send it; without one the answer has a link to hand on."
    )
    name = serializers.CharField(default="", allow_blank=True, max_length=100, help_text="How the mail greets them.")
    language = serializers.ChoiceField(choices=settings.LANGUAGES, default="", allow_blank=True)
    vendor = serializers.ChoiceField(
        choices=list(vendors.VENDORS), default="", allow_blank=True, help_text="If their brand is known."
    )
    user_reference = Reference(
        default="", allow_blank=True, help_text="What the partner calls them; no name and no address."
    )
    for_many = serializers.BooleanField(
        default=False, help_text="A poster, a newsletter: it works for all, for a year."
    )

    example: ClassVar = {
        "email": "anna@example.com", "name": "Anna", "language": "sv", "vendor": "enphase",
        "user_reference": "customer-4711",
    }  # fmt: skip


class InvitationDocument(Document):
    """An invitation. Whom it was sent to is not told: find it by its id or by the partner's reference."""

    id = serializers.UUIDField(source="uid")
    status = serializers.SerializerMethodField()
    is_mailed = serializers.SerializerMethodField(help_text="Whether we send it; else the partner hands its link on.")
    for_many = serializers.BooleanField()
    user_reference = serializers.CharField()
    vendor = serializers.CharField(help_text="Empty: not known.")
    language = serializers.CharField(help_text="Empty: the browser's.")
    homes_joined = serializers.IntegerField(help_text="Journeys that came to their end with it.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
    accepted_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)

    example: ClassVar = {
        "id": "4f0e2c7d-91c5-4c0b-a1a8-6a5d0c2f9e33", "status": "opened", "is_mailed": True, "for_many": False,
        "user_reference": "customer-4711", "vendor": "enphase", "language": "sv", "homes_joined": 0,
        "created_at": "2026-06-15T12:00:00Z", "expires_at": "2026-07-15T12:00:00Z", "sent_at": "2026-06-15T12:00:10Z",
        "opened_at": "2026-06-15T18:20:00Z", "accepted_at": None, "cancelled_at": None,
    }  # fmt: skip

    def get_status(self, row: Any) -> str:
        state: str = row.state.replace(" ", "_")
        return state

    def get_is_mailed(self, row: Invitation) -> bool:
        return bool(row.email)


class LinkedInvitationDocument(InvitationDocument):
    """An invitation with its new link."""

    link = serializers.CharField(
        allow_null=True, help_text="Shown this once; null where it goes by mail, with a link that only the mail has."
    )

    example: ClassVar = {
        **InvitationDocument.example, "status": "link_made", "is_mailed": False, "sent_at": None, "opened_at": None,
        "link": "https://portal.example/join/acme/i/0xVtH3…/",
    }  # fmt: skip


class Invitations(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Invitations to the partner's join page."""

    permission_classes = PARTNERS_OWN
    required_scope = scopes.ENROLLMENTS_READ
    write_scope = scopes.ENROLLMENTS_WRITE
    model = Invitation
    partner_path = "partner"
    queries: ClassVar = {"list": InvitationQuery}
    bodies: ClassVar = {"create": NewInvitationBody}
    lookup_url_kwarg = "invitation"

    def get_serializer_class(self) -> type[InvitationDocument]:
        return LinkedInvitationDocument if self.action in {"create", "renew"} else InvitationDocument

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return invitation_states.with_states(rows.select_related("partner"), timezone.now())

    def create(self, request: Request) -> Response:  # noqa: ARG002  the framework's
        """Invite a homeowner, or make a link for many."""
        made, path = invitations.invite(partner=self.caller.partner, by=self.by, now=timezone.now(), **self.body())
        return self.created(self._linked(made, path), "invitations-detail", invitation=str(made.uid))

    @action(detail=True, methods=["post"])
    def renew(self, request: Request, invitation: str) -> Response:  # noqa: ARG002
        """Give it a new link and 30 more days, a year where it is for many; the link before opens nothing any more.

        It is mailed again if it has an address.
        """
        renewed = self.get_object()
        path = invitations.renew(invitation=renewed, by=self.by, now=timezone.now())
        return Response(self._linked(renewed, path))

    def destroy(self, request: Request, invitation: str) -> Response:  # noqa: ARG002
        """Cancel it: its link opens nothing any more. Not possible once somebody has come with it."""
        invitations.cancel(invitation=self.get_object(), by=self.by, now=timezone.now())
        return Response(status=204)

    def _linked(self, changed: Invitation, path: str) -> dict[str, Any]:
        row = self.get_queryset().get(pk=changed.pk)
        row.link = None if row.email else emails.absolute(path)
        return self.document(row)
