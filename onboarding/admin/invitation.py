"""Invitations: who was asked in, how, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from gateways.admin import columns, filters
from gateways.admin.acts import PartnerForm, act
from gateways.admin.base import PartnerAdmin
from ingest import vendors
from onboarding import invitation_states, invitations
from onboarding.admin import invitation_pages
from onboarding.models import Invitation, Journey

_COLORS = {
    "joined": "success", "accepted": "info", "opened": "info", "sent": "primary", "not sent": "danger",
    "cancelled": "warning", "expired": "warning",
}  # fmt: skip


class InvitationForm(PartnerForm):
    email = forms.EmailField(
        label="E-mail", required=False, widget=UnfoldAdminEmailInputWidget,
        help_text="Empty: you get a link to hand on, or a poster.",
    )  # fmt: skip
    name = forms.CharField(
        max_length=100, required=False, widget=UnfoldAdminTextInputWidget, help_text="How the mail greets them."
    )
    language = forms.ChoiceField(required=False, choices=settings.LANGUAGES, widget=UnfoldAdminSelectWidget)
    vendor = forms.ChoiceField(
        required=False, choices=lambda: [("", "Not known"), *vendors.choices()], widget=UnfoldAdminSelectWidget,
        help_text="If you know their brand.",
    )  # fmt: skip
    user_reference = forms.CharField(
        label="Reference", max_length=100, required=False, widget=UnfoldAdminTextInputWidget,
        help_text="What you call this homeowner.",
    )  # fmt: skip
    for_many = forms.BooleanField(
        label="For many", required=False, widget=UnfoldBooleanSwitchWidget,
        help_text="For a poster or a newsletter: the link works for everybody, for a year.",
    )  # fmt: skip

    def __init__(self, data: Any, *, request: HttpRequest, rows: Any) -> None:
        super().__init__(data, request=request, rows=rows)
        choices: Any = self.fields["partner"]
        choices.queryset = choices.queryset.filter(join_page__isnull=False)
        self.initial = {name: request.GET.get(name) for name in ("partner", "vendor")}

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        if answers.get("for_many") and answers.get("email"):
            self.add_error("for_many", "A link for many is not mailed to one: leave the address empty.")
        return answers


class State(DropdownFilter):
    """How far it has come."""

    title, parameter_name = "state", "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in invitation_states.STATES]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() else queryset


def _is_open(invitation: Invitation) -> bool:
    return invitation.accepted_at is None and invitation.cancelled_at is None


@admin.register(Invitation)
class InvitationAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    addable = True
    create_form = InvitationForm
    list_before_template = "admin/list_head.html"
    fields = (
        "partner", "email", "name", "language", "vendor", "user_reference", "for_many", "created_by", "created_at",
        "expires_at", "sent_at", "sends", "send_error", "send_due_at", "opened_at", "accepted_at", "accepted_by",
        "cancelled_at",
    )  # fmt: skip
    list_display = (
        "__str__", "state_label", "name", "user_reference", "sent", "opened", "accepted", "came", "trouble", "partner",
    )  # fmt: skip
    list_filter = (State, ("vendor", filters.Choice), "for_many", ("partner", filters.Related))
    list_select_related = ("partner",)
    search_fields = ("email", "name", "user_reference", "uid")
    search_help_text = "Address, name or your reference"
    actions = ("resend", "cancel")

    state_label = columns.state("state", _COLORS, "state")
    sent = columns.ago("sent_at", "sent", never="-")
    opened = columns.ago("opened_at", "opened", never="-")
    accepted = columns.ago("accepted_at", "accepted", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        rows: QuerySet[Invitation] = super().get_queryset(request).select_related("partner", "created_by")
        return invitation_states.with_states(rows, timezone.now())

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("many/", view(invitation_pages.ManyView.as_view(model_admin=self)), name="onboarding_invitation_many"),
            path(
                "<int:pk>/link/", view(invitation_pages.LinkView.as_view(model_admin=self)),
                name="onboarding_invitation_link",
            ),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        links = [("Invite many from a list", reverse("admin:onboarding_invitation_many"))]
        context = {"list_links": links if self.has_add_permission(request) else (), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def create(self, *, by: Any, now: Any, **fields: Any) -> Invitation:
        invitation, _path = invitations.invite(by=by, now=now, **fields)
        return invitation

    def next_page(self, request: HttpRequest, row: Any) -> str:  # noqa: ARG002  a hook
        return columns.page(row) if row.email else reverse("admin:onboarding_invitation_link", args=[row.pk])

    def links(self, row: Invitation) -> Sequence[tuple[str, str]]:
        link = [("Link and poster", reverse("admin:onboarding_invitation_link", args=[row.pk]))]
        return [
            *(link if _is_open(row) and not row.email else []),
            ("Journeys", columns.found(Journey, invitation__id__exact=row.pk)),
            columns.events_of(row),
        ]

    @admin.display(description="joined", ordering="homes_joined")
    def came(self, invitation: Any) -> int:
        count: int = invitation.homes_joined
        return count

    @admin.display(description="why not sent")
    def trouble(self, invitation: Invitation) -> SafeString | str:
        return columns.clipped(invitation.send_error)

    @act(
        "Resend", done="sent again with the next tick: the link before works no longer",
        when=lambda row: bool(row.email) and _is_open(row),
    )  # fmt: skip
    def resend(self, invitation: Invitation, *, by: Any, now: Any) -> None:
        invitations.renew(invitation=invitation, by=by, now=now)

    @act("Cancel", done="cancelled", warning="The link opens nothing any more.", when=_is_open)
    def cancel(self, invitation: Invitation, *, by: Any, now: Any) -> None:
        invitations.cancel(invitation=invitation, by=by, now=now)
