"""/api/v1/homeowners: people as their partner calls them, with the accounts they have connected."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import paging
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.requests import Body, Document, OfPartner, PageQuery
from gateways.rest.views import Endpoint
from ingest import vendors
from ingest.models import Connection
from onboarding import answers, flow_links, homeowners
from onboarding.api.references import Reference
from onboarding.models import Consent, JoinFlow

_Status = Connection.Status
_NEEDS = {_Status.PENDING: "vendor_approval", _Status.NEEDS_RECONNECT: "reconnect", _Status.PAUSED: "resume"}


class HomeownerQuery(PageQuery):
    reference = Reference(required=False, help_text="This one alone; for references that do not fit into an address.")


class LinkedVendor(Document):
    vendor = serializers.CharField()
    connection = serializers.UUIDField(source="uid")
    is_valid = serializers.SerializerMethodField(  # type: ignore[assignment]  # a field: off the class
        help_text="false: the homeowner has to connect it again."
    )
    needs = serializers.SerializerMethodField(
        help_text="`reconnect` (the homeowner), `vendor_approval` (the vendor), `resume` (it is paused); null: nothing."
    )

    def get_is_valid(self, account: Connection) -> bool:
        return account.status != _Status.NEEDS_RECONNECT

    def get_needs(self, account: Connection) -> str | None:
        return _NEEDS.get(_Status(account.status))


class HomeownersConsent(Document):
    id = serializers.UUIDField(source="uid")
    purpose = serializers.ChoiceField(choices=Consent.Purpose.choices)
    vendor = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField())
    given_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class HomeownerDocument(Document):
    """A homeowner as the partner calls them: no name, no address, no wallet."""

    reference = serializers.CharField()
    linked_vendors = LinkedVendor(source="accounts", many=True)
    gateways = serializers.SerializerMethodField(help_text="Ids of their gateways.")
    consents = HomeownersConsent(many=True, help_text="Those that count now.")

    example: ClassVar = {
        "reference": "customer-4711",
        "linked_vendors": [
            {
                "vendor": "enphase", "connection": "9a1f7c3e-6d0b-4f52-8a51-2c3f1a0b7d44", "is_valid": False,
                "needs": "reconnect",
            }
        ],
        "gateways": ["acme-0123456789abcdef"],
        "consents": [
            {
                "id": "e1a7d0f2-2b7c-4c55-8f3e-7f0d6b1c9a52", "purpose": "rewards", "vendor": "enphase",
                "kinds": ["pv", "battery"], "given_at": "2026-06-15T12:00:00Z", "expires_at": "2028-06-15T12:00:00Z",
            }
        ],
    }  # fmt: skip

    def get_gateways(self, homeowner: homeowners.Homeowner) -> list[str]:
        return [gateway.serial for gateway in homeowner.gateways]


class NewLinkBody(Body):
    flow = OfPartner(JoinFlow, help_text="Id of one of your Join flows.")
    vendor = serializers.ChoiceField(choices=list(vendors.VENDORS), help_text="One of the flow's.")
    state = serializers.CharField(
        default="", allow_blank=True, trim_whitespace=False, max_length=answers.MAX_STATE,
        help_text="Random, and kept in the homeowner's session with you; comes back with the browser.",
    )  # fmt: skip

    example: ClassVar = {"flow": "0b0e7a52-8f3c-4c52-9d2c-5a3c1f0e9a11", "vendor": "enphase", "state": "k3yWq8vT"}


class LinkDocument(Document):
    """Where a homeowner's browser goes to connect an account. There is nothing secret in it."""

    url = serializers.CharField()
    expires_at = serializers.DateTimeField(
        allow_null=True,
        help_text="null: not before its flow is deleted. A trip that began has 24 hours, and ends once.",
    )

    example: ClassVar = {
        "url": "https://portal.example/join/flows/0b0e7a52-8f3c-4c52-9d2c-5a3c1f0e9a11/authorize"
        "?vendor=enphase&user=customer-4711&state=k3yWq8vT",
        "expires_at": None,
    }


class Homeowners(Endpoint):
    """Homeowners whom the partner named in an enrollment or an invitation.

    A reference in an address is percent-encoded, a slash as %2F.
    """

    permission_classes = PARTNERS_OWN
    required_scope = scopes.ENROLLMENTS_READ
    write_scope = scopes.ENROLLMENTS_WRITE
    serializer_class = HomeownerDocument
    queries: ClassVar = {"list": HomeownerQuery}
    bodies: ClassVar = {"links": NewLinkBody}
    lookup_url_kwarg = "reference"
    lookup_value_regex = "(?:(?!/links$).)+"  # whatever text, but the address of a homeowner's links is not it

    def list(self, request: Request) -> Response:
        """List homeowners in the order of their references."""
        partner, limit = self.caller.partner, self.query["limit"]
        if "reference" in self.query:
            found = [self.query["reference"]] if homeowners.is_known(partner, self.query["reference"]) else []
        else:
            behind = paging.decode(self.query["cursor"], str) if self.query["cursor"] else ""
            found = homeowners.references(partner, behind=behind, most=limit + 1)
        page = paging.cut(found, limit=limit, position=str)
        shown: Any = self.get_serializer(homeowners.of(partner, page.rows), many=True).data
        return paging.answer(request, shown, page.next_cursor)

    def retrieve(self, request: Request, reference: str) -> Response:  # noqa: ARG002  the framework's
        """Tell what a homeowner has connected, and what is agreed to."""
        (homeowner,) = homeowners.of(self.caller.partner, [self._known(reference)])
        return Response(self.document(homeowner))

    def destroy(self, request: Request, reference: str) -> Response:  # noqa: ARG002
        """Disconnect all accounts of a homeowner and end the consents to them.

        Gateways, readings, the event log and the consents that ended stay, and so does the reference. Homeowners who
        have signed in here delete everything there, themselves.
        """
        homeowners.disconnect(
            partner=self.caller.partner, reference=self._known(reference), by=self.by, now=timezone.now()
        )
        return Response(status=204)

    @action(detail=True, methods=["post"], serializer_class=LinkDocument)
    def links(self, request: Request, reference: str) -> Response:  # noqa: ARG002
        """Build the link by which a homeowner connects an account through a Join flow; nothing is stored."""
        url = flow_links.of(user_reference=reference, **self.body())
        return Response({"url": url, "expires_at": None})

    def _known(self, reference: str) -> str:
        if not (reference.isprintable() and homeowners.is_known(self.caller.partner, reference)):
            raise Http404
        return reference
