"""/api/v1/vendor-credentials: what the partner itself has from vendors. Secrets go in, and seldom come out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Count, QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import waiting
from gateways.rest.authentication import too_narrow
from gateways.rest.requests import Body, Document, PageQuery, Query, Time
from gateways.rest.views import Resource
from ingest import connections, credentials, tried, vendors
from ingest.models import VendorCredential

LONGEST_SECRET = 4000


def secrets_field(**options: Any) -> serializers.DictField:
    """Return the field of a body that holds what a way in asks for, by the names of its fields."""
    secret = serializers.CharField(max_length=LONGEST_SECRET)
    return serializers.DictField(
        child=secret, help_text="What the way in asks for (see `vendors`), by the names of its fields.", **options
    )


class CredentialQuery(PageQuery):
    vendor = serializers.ChoiceField(choices=vendors.credential_choices(), required=False)


class RevealQuery(Query):
    includeSecrets = serializers.BooleanField(  # noqa: N815  what partners' code calls it at other aggregators already
        default=False, help_text="Show the secrets, too: needs the scope `credentials:reveal`, and is an event."
    )


class NewCredentialBody(Body):
    vendor = serializers.ChoiceField(choices=vendors.credential_choices())
    type = serializers.CharField(
        source="scheme", default="", max_length=30, help_text="One of the vendor's ways in; else its first."
    )
    name = serializers.CharField(max_length=100, help_text="For your own staff.")
    secrets = secrets_field()
    expires_at = Time(default=None, allow_null=True, help_text="If the vendor says so.")

    example: ClassVar = {
        "vendor": "solis", "type": "apikeysecret", "name": "Fleet",
        "secrets": {"key_id": "1300386381676", "key_secret": "…"},
    }  # fmt: skip


class CredentialChanges(Body):
    name = serializers.CharField(max_length=100, required=False)
    expires_at = Time(required=False, allow_null=True)
    secrets = secrets_field(required=False)

    example: ClassVar = {"secrets": {"key_id": "1300386381676", "key_secret": "…"}, "expires_at": None}


class CredentialDocument(Document):
    """A credential of the partner. Its secrets are not shown."""

    id = serializers.UUIDField(source="uid")
    vendor = serializers.CharField()
    type = serializers.CharField(source="scheme", help_text="Which of the vendor's ways in it opens.")
    name = serializers.CharField()
    is_used = serializers.SerializerMethodField(help_text="False: it is kept until we know how to use it.")
    connections = serializers.IntegerField(source="account_count", help_text="Accounts that are read with it.")
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    secrets = serializers.DictField(
        source="revealed", child=serializers.CharField(), required=False, help_text="Only with `includeSecrets=true`."
    )

    example: ClassVar = {
        "id": "2f1c7d0e-8a54-4c7e-9a51-6f0b7f0c2d11", "vendor": "solis", "type": "apikeysecret", "name": "Fleet",
        "is_used": True, "connections": 12, "expires_at": None, "created_at": "2026-06-15T12:00:00Z",
    }  # fmt: skip

    def get_is_used(self, row: VendorCredential) -> bool:
        return vendors.is_used(row.vendor, row.scheme)


class TestDocument(Document):
    """What a live test found."""

    systems = serializers.IntegerField(help_text="How many systems the vendor shows; 0 for an application of consents.")

    example: ClassVar = {"systems": 3}


class VendorCredentials(mixins.ListModelMixin, Resource):
    """Credentials of the partner: a key of a fleet, an application that homeowners consent to."""

    required_scope = scopes.CREDENTIALS_WRITE
    model = VendorCredential
    partner_path = "partner"
    serializer_class = CredentialDocument
    queries: ClassVar = {"list": CredentialQuery, "retrieve": RevealQuery}
    bodies: ClassVar = {"create": NewCredentialBody, "partial_update": CredentialChanges}
    may_fail: ClassVar = dict.fromkeys(("create", "partial_update", "test"), (502, 503))
    lookup_url_kwarg = "credential"

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        counted: QuerySet[Any] = rows.select_related("partner").annotate(account_count=Count("connections"))
        return counted

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(vendor=self.query["vendor"]) if self.query.get("vendor") else rows

    def retrieve(self, request: Request, credential: str) -> Response:  # noqa: ARG002
        """Show a credential; its secrets only with `includeSecrets=true`, which is an event each time."""
        row = self.get_object()
        if not self.query["includeSecrets"]:
            return Response(self.document(row))
        if scopes.CREDENTIALS_REVEAL not in self.caller.scopes:
            raise too_narrow(scopes.CREDENTIALS_REVEAL)
        row.revealed = credentials.reveal(credential=row, by=self.by, now=timezone.now())
        return Response(self.document(row), headers={"Cache-Control": "no-store"})

    @waiting.waits
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Keep what the partner has from a vendor, sealed. The vendor is asked first whether it works."""
        made = tried.add_credential(partner=self.caller.partner, **self.body(), by=self.by, clock=timezone.now)
        return self.created(self.fresh(made), "vendor-credentials-detail", credential=str(made.uid))

    @waiting.waits
    def partial_update(self, request: Request, credential: str) -> Response:  # noqa: ARG002
        """Change name or end; or replace the secrets, which are tried first: accounts that waited for them go on."""
        changed = tried.change_credential(credential=self.get_object(), **self.body(), by=self.by, clock=timezone.now)
        return Response(self.fresh(changed))

    def destroy(self, request: Request, credential: str) -> Response:  # noqa: ARG002
        """Forget a credential that no account and no Join flow uses."""
        credentials.delete(credential=self.get_object(), by=self.by, now=timezone.now())
        return Response(status=204)

    @action(detail=True, methods=["post"], serializer_class=TestDocument)
    @waiting.waits
    def test(self, request: Request, credential: str) -> Response:  # noqa: ARG002
        """Ask the vendor, now, what the secrets can see; a problem document says what it does not like."""
        found = connections.test_credentials(self.get_object(), clock=timezone.now)
        return Response({"systems": len(found)})
