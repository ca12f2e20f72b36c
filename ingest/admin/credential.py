"""What the partner itself has from a vendor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control

from gateways.access import Duty
from gateways.admin import acts, columns, filters, second_factor
from gateways.admin.acts import Act, act
from gateways.models import Event
from ingest import connections
from ingest.admin.base import vendor
from ingest.admin.secrets import NewCredentialForm, SecretsForm
from ingest.admin.two_steps import TwoStepAdmin
from ingest.models import Connection, VendorCredential

_SOON, _VERY_SOON = timedelta(days=14), timedelta(days=3)
REVEAL = Act(
    name="reveal", label="Reveal keys", done="", duty=Duty.GOVERN, form=None, at_most=1,
    warning="The keys are shown once, in plain text. That you saw them is written down for all owners to see.",
    when=lambda credential: bool(credential.secrets),
)  # fmt: skip


@admin.register(VendorCredential)
class VendorCredentialAdmin(TwoStepAdmin):
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
        return connections.add_credential(by=by, now=now, **fields)

    def links(self, row: VendorCredential) -> list[tuple[str, str]]:
        return [
            ("Connections", columns.found(Connection, credential__id__exact=row.pk)),
            ("Events", columns.found(Event, subject=f"credential:{row.uid}")),
        ]

    @admin.display(description="way in")
    def way_in(self, credential: VendorCredential) -> str:
        return connections.scheme_of(credential.vendor, credential.scheme).label

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
        connections.renew_credential(credential=credential, secrets=secrets, by=by, now=now)

    def has_govern_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Duty.GOVERN)

    def reveal(self, request: HttpRequest, queryset: QuerySet[VendorCredential]) -> HttpResponse | None:
        """Show the keys of one credential once, to an owner who has just given the second factor."""
        credential = self.limit(queryset, request, Duty.GOVERN).first() if queryset.count() == 1 else None
        if credential is None:
            messages.error(request, "Choose one credential of a partner that you are an owner of.")
            return None
        if not second_factor.given_recently(request):
            return second_factor.ask(request, then=columns.page(credential))
        if "confirmed" not in request.POST:
            selected = {"rows": [credential], "act": REVEAL, "checkbox": ACTION_CHECKBOX_NAME, "one": True}
            return acts.ask(self, request, None, title=REVEAL.label, button=REVEAL.label, **selected)
        return self._revealed(request, credential)

    def _revealed(self, request: Any, credential: VendorCredential) -> HttpResponse | None:
        try:
            secrets = connections.reveal_credential(credential=credential, by=request.user, now=timezone.now())
        except self.refusals as error:
            messages.error(request, str(error))
            return None
        fields = connections.scheme_of(credential.vendor, credential.scheme).fields
        context = {
            **self.admin_site.each_context(request),
            "title": f"Keys of {credential}",
            "opts": self.opts,
            "media": self.media,
            "back": columns.page(credential),
            "revealed": [(field.label, secrets.get(field.name, "")) for field in fields],
        }
        page = TemplateResponse(request, "admin/revealed.html", context)
        patch_cache_control(page, no_store=True, private=True)
        return page

    vars(reveal).update(act=REVEAL, short_description=REVEAL.label, allowed_permissions=("govern",))
