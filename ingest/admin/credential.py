"""What the partner itself has from a vendor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from gateways.admin import columns, filters
from gateways.admin.acts import act
from gateways.admin.revealing import Revealing
from ingest import credentials, vendors
from ingest.admin.base import vendor
from ingest.admin.secrets import NewCredentialForm, SecretsForm
from ingest.admin.two_steps import TwoStepAdmin
from ingest.models import Connection, VendorCredential

_SOON, _VERY_SOON = timedelta(days=14), timedelta(days=3)


@admin.register(VendorCredential)
class VendorCredentialAdmin(Revealing, TwoStepAdmin):
    partner_paths = ("partner",)
    addable = editable = True
    create_form = NewCredentialForm
    fields = ("name", "vendor", "partner", "way_in", "keys", "expires_at", "created_at")
    readonly_fields = ("vendor", "partner", "way_in", "keys", "created_at")
    list_display = ("name", "vendor", "way_in", "keys", "expires", "accounts", "partner")
    list_filter = (vendor("vendor"), ("partner", filters.Related))
    list_select_related = ("partner",)
    search_fields = ("name", "uid")
    actions = ("renew", "reveal")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VendorCredential]:
        rows: QuerySet[VendorCredential] = super().get_queryset(request).select_related("partner")
        return rows.annotate(account_count=Count("connections"))

    def create(self, *, by: Any, now: Any, **fields: Any) -> VendorCredential:
        return credentials.add(by=by, now=now, **fields)

    def links(self, row: VendorCredential) -> list[tuple[str, str]]:
        return [
            ("Connections", columns.found(Connection, credential__id__exact=row.pk)),
            columns.events_of(row),
        ]

    @admin.display(description="way in")
    def way_in(self, credential: VendorCredential) -> str:
        label = vendors.scheme_of(credential.vendor, credential.scheme).label
        return label if vendors.is_used(credential.vendor, credential.scheme) else f"{label} (kept, not used yet)"

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, credential: VendorCredential) -> tuple[str, str]:
        if credential.expires_at is None:
            return "", "not known"
        left = credential.expires_at - timezone.now()
        urgency = "now" if left <= _VERY_SOON else "soon" if left <= _SOON else ""
        words = f"in {columns.age(left.total_seconds())}" if left > timedelta() else "expired"
        return urgency, f"{words}, {credential.expires_at:%Y-%m-%d}"

    vars(expires)["label"] = {"soon": "warning", "now": "danger"}

    @admin.display(description="keys")
    def keys(self, credential: VendorCredential) -> str:
        return "set" if credential.secrets else "not set"

    @admin.display(description="connections", ordering="account_count")
    def accounts(self, credential: Any) -> int:
        count: int = credential.account_count
        return count

    @act("Replace keys", done="got new keys", form=SecretsForm, at_most=1)
    def renew(self, credential: VendorCredential, *, by: Any, now: Any, secrets: dict[str, str]) -> None:
        credentials.renew(credential=credential, secrets=secrets, by=by, now=now)

    def plain_of(self, row: VendorCredential, *, by: Any, now: Any) -> list[tuple[str, str]]:
        secrets = credentials.reveal(credential=row, by=by, now=now)
        fields = vendors.scheme_of(row.vendor, row.scheme).fields
        return [(field.label, secrets.get(field.name, "")) for field in fields]
