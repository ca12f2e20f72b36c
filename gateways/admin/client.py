"""Clients of the API and what homeowners let them do. Only owners make clients, say what they may, and see secrets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from gateways.access import Duty
from gateways.admin import columns, filters, revealing, second_factor
from gateways.admin.acts import Act, ActForm, PartnerForm, act
from gateways.admin.base import PartnerAdmin
from gateways.admin.revealing import Revealing
from gateways.models import Client, GatewayGrant, IdempotentRequest
from gateways.oauth import clients, grants, scopes
from gateways.rest import versions

_KINDS = {
    Client.Purpose.SERVICE: "The partner's own backend",
    Client.Purpose.REWARDS: "SEN, or who validates rewards for it",
    "app": "An app for homeowners with a server, which can keep a secret",
    "phone": "An app for homeowners without one, on a phone or in a browser",
}
_SHORT = {
    Client.Purpose.SERVICE: "backend",
    Client.Purpose.REWARDS: "rewards",
    "app": "app",
    "phone": "app without a secret",
}
_APPS = frozenset({"app", "phone"})
_SCOPES = [(scope, f"{scope}: {words}") for scope, words in scopes.ALL.items()]

# The package's own pages know no partners, and show what nobody needs to see.
for _model in apps.get_app_config("oauth2_provider").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
admin.site.unregister(Client)


class _Allowed(ActForm):
    """What owners say of any client."""

    name = forms.CharField(
        max_length=100, widget=UnfoldAdminTextInputWidget, help_text="Homeowners see it when an app asks them."
    )
    allowed_scopes = forms.MultipleChoiceField(
        label="It may",
        choices=_SCOPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="At most; a token may have less.",
    )
    requests_per_minute = forms.IntegerField(
        min_value=1, max_value=100_000, initial=600, widget=UnfoldAdminIntegerFieldWidget
    )
    redirect_uris = forms.CharField(
        label="Redirect URIs", required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One a line, exactly as the app sends them, with https://. Of apps only.",
    )  # fmt: skip

    def clean_redirect_uris(self) -> list[str]:
        uris: list[str] = self.cleaned_data["redirect_uris"].split()
        return uris


class ClientForm(PartnerForm, _Allowed):
    kind = forms.ChoiceField(choices=_KINDS.items(), widget=UnfoldAdminSelectWidget)
    field_order = ("partner", "kind")
    duty = Duty.GOVERN


class ChangeForm(_Allowed):
    api_version = forms.ChoiceField(
        label="Version of the API", choices=lambda: [(version, version) for version in versions.VERSIONS],
        widget=UnfoldAdminSelectWidget, help_text="What it gets unless a request asks for another.",
    )  # fmt: skip

    def __init__(self, data: Any, *, request: HttpRequest, rows: Any) -> None:
        super().__init__(data, request=request, rows=rows)
        (client,) = rows
        self.initial = {
            "name": client.name, "allowed_scopes": client.allowed_scopes,
            "requests_per_minute": client.requests_per_minute, "api_version": client.api_version,
            "redirect_uris": "\n".join(client.redirect_uris.split()),
        }  # fmt: skip
        most, offered = scopes.most(client), self.fields["allowed_scopes"]
        offered.choices = [(scope, words) for scope, words in _SCOPES if scope in most]  # type: ignore[attr-defined]


def _usable(client: Client) -> bool:
    return client.disabled_at is None


_NEW_SECRET = Act(
    name="new_secret", label="New secret", done="", duty=Duty.GOVERN, form=None, at_most=1,
    when=lambda row: _usable(row) and row.client_type == Client.CLIENT_CONFIDENTIAL,
    warning="The secret it has now opens nothing any more. The new one is shown once, and that is written down.",
)  # fmt: skip


@admin.register(Client)
class ClientAdmin(Revealing, PartnerAdmin):
    partner_paths = ("partner",)
    addable = True
    view_on_site = False
    change_duty = Duty.GOVERN
    create_form = ClientForm
    fields = (
        "name", "partner", "client_id", "kind", "may_do", "redirect_uris", "requests_per_minute", "api_version",
        "created", "disabled_at",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("name", "kind", "client_id", "requests_per_minute", "made", "disabled", "partner")
    list_filter = (
        filters.yes_no("disabled", "disabled", Q(disabled_at__isnull=False)),
        ("partner", filters.Related),
    )
    list_select_related = ("partner",)
    search_fields = ("name", "client_id")
    actions = ("change", "new_secret", "disable")

    made = columns.ago("created", "made")
    disabled = columns.ago("disabled_at", "disabled", never="-")

    new_secret = revealing.action(_NEW_SECRET)

    def links(self, row: Client) -> list[tuple[str, str]]:
        return [
            ("What homeowners allowed it", columns.found(GatewayGrant, client__id__exact=row.pk)),
            columns.events_of(row),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a client and show its secret, to an owner who has just given the second factor."""
        if not self.has_add_permission(request) or second_factor.given_recently(request):
            return super().add_view(request, form_url, extra_context)
        return second_factor.ask(request, then=request.get_full_path())

    def create(self, *, by: Any, now: Any, **fields: Any) -> Any:
        kind, uris = fields.pop("kind"), fields.pop("redirect_uris")
        made: Any
        if kind in _APPS:
            made, secret = clients.create_app(by=by, now=now, redirect_uris=uris, public=kind == "phone", **fields)
        else:
            made, secret = clients.create_backend(by=by, now=now, purpose=kind, **fields)
        made.secret_shown_once = secret
        return made

    def added(self, request: HttpRequest, row: Any) -> HttpResponse:
        secret = [("Client secret", row.secret_shown_once)] if row.secret_shown_once else []
        return revealing.page(self, request, row, [("Client id", row.client_id), *secret])

    def plain_of(self, row: Client, *, by: Any, now: Any) -> list[tuple[str, str]]:
        return [("Client secret", clients.renew_secret(client=row, by=by, now=now))]

    @admin.display(description="kind")
    def kind(self, client: Client) -> str:
        if not client.acts_for_homeowners:
            return _SHORT[client.purpose]
        return _SHORT["phone" if client.client_type == Client.CLIENT_PUBLIC else "app"]

    @admin.display(description="may")
    def may_do(self, client: Client) -> str:
        return ", ".join(scopes.allowed(client))

    @act("Change", done="changed", duty=Duty.GOVERN, form=ChangeForm, when=_usable, at_most=1, needs_factor=True)
    def change(self, client: Client, *, by: Any, now: Any, **fields: Any) -> None:
        clients.change(client=client, by=by, now=now, **fields)

    @act(
        "Disable", done="disabled", duty=Duty.GOVERN, when=_usable,
        warning="It and its tokens open nothing any more, at once and for good. What homeowners allowed it is void.",
    )  # fmt: skip
    def disable(self, client: Client, *, by: Any, now: Any) -> None:
        clients.disable(client=client, by=by, now=now)


@admin.register(GatewayGrant)
class GatewayGrantAdmin(PartnerAdmin):
    partner_paths = ("client__partner",)
    fields = ("client", "gateway", "user", "scopes", "kinds", "given_at", "last_used_at", "ended_at")
    list_display = ("__str__", "client_link", "gateway_link", "user", "given", "used", "ended")
    list_filter = (filters.yes_no("ended", "ended", Q(ended_at__isnull=False)), ("client", filters.Related))
    list_select_related = ("client__partner", "gateway", "user")
    search_fields = ("gateway__serial", "client__name", "user__email")
    actions = ("end",)

    client_link = columns.link("client", "client")
    gateway_link = columns.link("gateway", "gateway")
    given = columns.ago("given_at", "given")
    used = columns.ago("last_used_at", "last used")
    ended = columns.ago("ended_at", "ended", never="-")

    @act(
        "End", done="ended", when=lambda row: row.ended_at is None,
        warning="Whatever this homeowner allowed this app ends, for all homes. They can allow it again from the app.",
    )  # fmt: skip
    def end(self, grant: GatewayGrant, *, by: Any, now: Any) -> None:
        grants.end(client=grant.client, user=grant.user, by=by, now=now)


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(PartnerAdmin):
    """Requests that may be sent again. What they were answered is on no page: it may hold what is shown once."""

    partner_paths = ("client__partner",)
    fields = ("client", "key", "status", "location", "created_at")
    list_display = ("key", "client", "status", "location", "made")
    list_filter = (("client", filters.Related),)
    list_select_related = ("client",)
    search_fields = ("key",)

    made = columns.ago("created_at", "made")
