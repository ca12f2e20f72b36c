"""/api/v1/connections: accounts at vendors. Are they read, if not why, and whose are they."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import waiting
from gateways.rest.requests import Body, Document, OfPartner, PageQuery
from gateways.rest.views import Resource
from ingest import connections, tried, vendors
from ingest.api import reached
from ingest.api.credentials import TestDocument, secrets_field
from ingest.models import Connection, System, VendorCredential
from onboarding import owners
from onboarding.api.references import Reference


class ConnectionQuery(PageQuery):
    vendor = serializers.ChoiceField(choices=vendors.choices(), required=False)
    status = serializers.ChoiceField(choices=Connection.Status.choices, required=False)
    user_reference = Reference(required=False, help_text="What you call the homeowner.")


class KeysBody(Body):
    """Either the account's own secrets, or one of the partner's credentials that reads it, too."""

    secrets = secrets_field(required=False)
    credential = OfPartner(VendorCredential, required=False, help_text="Id of one of your vendor credentials.")

    example: ClassVar = {"secrets": {"key_id": "1300386381676", "key_secret": "…"}}


class NewConnectionBody(KeysBody):
    vendor = serializers.ChoiceField(choices=vendors.choices())
    type = serializers.CharField(
        source="scheme", default="", max_length=30, help_text="One of the vendor's ways in; else its first."
    )
    label = serializers.CharField(max_length=100, help_text="The homeowner or fleet, for your own staff.")  # type: ignore[assignment]  # the body's

    example: ClassVar = {"vendor": "solis", "label": "Fleet north", **KeysBody.example}


class ConnectionChanges(Body):
    label = serializers.CharField(max_length=100)  # type: ignore[assignment]  # the body's

    example: ClassVar = {"label": "Fleet south"}


class HealthDocument(Document):
    """How the reading of an account goes."""

    last_success_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(help_text="Failed pulls since the last good one.")
    last_error_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    needs_reconnect_at = serializers.DateTimeField(allow_null=True, help_text="Since when it waits for its owner.")
    next_pull_at = serializers.DateTimeField(allow_null=True)
    refused_parts = serializers.SerializerMethodField(help_text="What the vendor refuses while the rest goes on.")

    def get_refused_parts(self, row: Connection) -> dict[str, str]:
        return {name: part["reason"] for name, part in row.refused_parts.items()}


class ConnectionDocument(Document):
    """One homeowner's, or a fleet's, account at a vendor. Its secrets and its owner's mail address are in no answer."""

    id = serializers.UUIDField(source="uid")
    vendor = serializers.CharField()
    type = serializers.CharField(source="scheme", help_text="Which of the vendor's ways in it uses.")
    label = serializers.SerializerMethodField(  # type: ignore[assignment]  # the document's
        help_text="For your staff. Null for a homeowner's account: it may be their mail address."
    )
    status = serializers.ChoiceField(choices=Connection.Status.choices)
    user_reference = serializers.CharField(help_text="What you call its owner; empty if you never said.")
    has_owner = serializers.SerializerMethodField(help_text="Whether it is a homeowner's, who signed in here.")
    credential = serializers.UUIDField(
        source="credential.uid", default=None, allow_null=True, help_text="The vendor credential it is read with."
    )
    health = HealthDocument(source="*")
    withheld_kinds = serializers.ListField(
        child=serializers.CharField(), help_text="Kinds of DERs that its owner does not share."
    )
    system_count = serializers.IntegerField(help_text="How many systems it has; `systems?connection=` lists them.")
    consent_expires_at = serializers.DateTimeField(source="tokens_expire_at", allow_null=True)
    created_at = serializers.DateTimeField()
    disconnected_at = serializers.DateTimeField(allow_null=True)

    example: ClassVar = {
        "id": "8a5a3a0c-53b6-4f4c-9a8d-0d2f3f6d7c11", "vendor": "solis", "type": "apikeysecret", "label": "Fleet north",
        "status": "active", "user_reference": "customer-4711", "has_owner": False, "credential": None,
        "health": {
            "last_success_at": "2026-06-15T12:00:00Z", "failures": 0, "last_error_at": None, "last_error": "",
            "needs_reconnect_at": None, "next_pull_at": "2026-06-15T12:10:00Z", "refused_parts": {},
        },
        "withheld_kinds": [], "system_count": 1, "consent_expires_at": None, "created_at": "2026-06-01T08:00:00Z",
        "disconnected_at": None,
    }  # fmt: skip

    def get_label(self, row: Connection) -> str | None:
        return None if row.owner_id else row.label

    def get_has_owner(self, row: Connection) -> bool:
        return row.owner_id is not None


class ReconnectLinkDocument(Document):
    """Where an owner connects an account again. There is no secret in it: they sign in there."""

    url = serializers.URLField()

    example: ClassVar = {"url": "https://portal.example/home/consents/8a5a3a0c-53b6-4f4c-9a8d-0d2f3f6d7c11/reconnect/"}


class Connections(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Accounts at vendors."""

    required_scope = scopes.ENROLLMENTS_READ
    write_scope = scopes.ENROLLMENTS_WRITE
    model = Connection
    partner_path = "partner"
    serializer_class = ConnectionDocument
    queries: ClassVar = {"list": ConnectionQuery}
    bodies: ClassVar = {"create": NewConnectionBody, "partial_update": ConnectionChanges, "reconnect": KeysBody}
    may_fail: ClassVar = {**dict.fromkeys(("create", "reconnect", "test"), (502, 503)), "reconnect_link": (422,)}
    lookup_url_kwarg = "connection"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        mine = reached.accounts(self.caller, rows).select_related("partner", "credential")
        of_account = System.objects.filter(connection=OuterRef("pk")).order_by().values("connection")
        count = Subquery(of_account.annotate(count=Count("pk")).values("count"))
        return owners.with_reference(mine.annotate(system_count=Coalesce(count, Value(0))))

    @waiting.waits
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Connect an account with its own secrets, or with a credential of yours. The vendor is asked first.

        Accounts of homeowners who consent at their vendor come through Join flows and join pages instead.
        """
        made = tried.connect(partner=self.caller.partner, **self.body(), by=self.by, clock=timezone.now)
        return self.created(self.fresh(made), "connections-detail", connection=str(made.uid))

    def partial_update(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Give an account another label."""
        row = connections.rename(connection=self.get_object(), **self.body(), by=self.by, now=timezone.now())
        return Response(self.fresh(row))

    def destroy(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Disconnect: it is read no more, its secrets are forgotten, a consent is given back. Its readings stay."""
        connections.disconnect(connection=self.get_object(), by=self.by, now=timezone.now())
        return Response(status=204)

    @action(detail=True, methods=["post"])
    @waiting.waits
    def reconnect(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Give an account new secrets, which are tried first; it goes on where it stopped."""
        row = tried.reconnect(connection=self.get_object(), **self.body(), by=self.by, clock=timezone.now)
        return Response(self.fresh(row))

    @action(detail=True, methods=["get"], url_path="reconnect-link", serializer_class=ReconnectLinkDocument)
    def reconnect_link(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Show the page where the owner of an account connects it again; it may be sent to them by any way."""
        return Response({"url": owners.reconnect_address(self.get_object())})

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Stop reading an account until it is resumed."""
        return self._after(connections.pause, by=self.by)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Read a paused account again, at once and from where it stopped."""
        return self._after(connections.resume, by=self.by)

    @action(detail=True, methods=["post"])
    def pull(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Read an active account within seconds, whatever it waits for."""
        return self._after(connections.pull_soon)

    @action(detail=True, methods=["post"], serializer_class=TestDocument)
    @waiting.waits
    def test(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """Ask the vendor, now, what the account can see; a problem document says what it does not like."""
        found = connections.test_credentials(self.get_object(), clock=timezone.now)
        return Response({"systems": len(found)})

    def _after(self, change: Callable[..., None], **more: Any) -> Response:
        row = self.get_object()
        change(connection=row, now=timezone.now(), **more)
        return Response(self.fresh(row))
