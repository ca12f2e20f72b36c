"""How a partner's homeowners are received: its look, its words, and what their homes become."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminColorInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminURLInputWidget,
    UnfoldBooleanSwitchWidget,
)

from gateways import access
from gateways.access import Duty
from gateways.admin import columns
from gateways.admin.base import PartnerAdmin
from onboarding import colors, logos
from onboarding.models import Invitation, JoinPage, Journey


class JoinPageForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no subscript for it
    privacy_url = forms.URLField(
        label="Privacy notice", required=False, assume_scheme="https", widget=UnfoldAdminURLInputWidget
    )
    upload = forms.FileField(
        label="Logo", required=False, widget=UnfoldAdminFileFieldWidget, help_text="PNG, JPEG or WebP, up to 200 kB."
    )
    no_logo = forms.BooleanField(label="Without a logo", required=False, widget=UnfoldBooleanSwitchWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A color field of a browser has no empty: it would send black.
        self.initial["color"] = self.initial.get("color") or colors.ACCENT

    class Meta:
        widgets = {"color": UnfoldAdminColorInputWidget}

    def clean_color(self) -> str:
        return str(self.cleaned_data["color"]).lower()

    def clean_upload(self) -> Any:
        """Return (type, bytes) of the logo, whatever its name says; None if none was given."""
        file = self.cleaned_data["upload"]
        if not file:
            return None
        if file.size > logos.MOST_BYTES:
            msg = "The logo is larger than 200 kB: make it smaller."
            raise ValidationError(msg)
        content = file.read()
        return logos.type_of(content), content

    def clean(self) -> dict[str, Any]:
        answers: dict[str, Any] = super().clean() or {}
        gateway_type = answers.get("gateway_type")
        partner = answers.get("partner") or getattr(self.instance, "partner", None)
        if gateway_type and partner and gateway_type.partner_id != partner.pk:
            self.add_error("gateway_type", "This type belongs to another partner.")
        if answers.get("no_logo"):
            self.instance.logo_type, self.instance.logo = "", None
        elif answers.get("upload"):
            self.instance.logo_type, self.instance.logo = answers["upload"]
        return answers


@admin.register(JoinPage)
class JoinPageAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    addable = editable = True
    form = JoinPageForm
    fields = (
        "partner", "gateway_type", "open", "legal_name", "welcome", "color", "contrast", "logo_shown", "upload",
        "no_logo", "support_email", "privacy_url", "consent_months",
    )  # fmt: skip
    list_display = ("__str__", "partner", "open", "gateway_type", "consent_months")
    list_select_related = ("partner", "gateway_type")
    search_fields = ("partner__name", "partner__slug", "legal_name")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("partner", "contrast", "logo_shown") if obj else ("contrast", "logo_shown")

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "partner":
            kwargs["queryset"] = access.partners(request.user, Duty.OPERATE).filter(join_page__isnull=True)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[JoinPage]:
        return super().get_queryset(request).select_related("partner", "gateway_type")

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        obj.save()  # nobody else writes to it, and a logo is two fields that no form field is named after

    def links(self, row: JoinPage) -> list[tuple[str, str]]:
        return [
            ("See the page", reverse("join_welcome", args=[row.partner.slug])),
            ("Invitations", columns.found(Invitation, partner__id__exact=row.partner_id)),
            ("Journeys", columns.found(Journey, partner__id__exact=row.partner_id)),
        ]

    @admin.display(description="text on the color")
    def contrast(self, page: JoinPage | None) -> SafeString | str:
        """Show a button in the color: black or white, whichever is easier to read on it, at least 4.5 to 1."""
        if page is None or not page.color:
            return "-"
        ink = colors.ink_on(page.color)
        return format_html(
            '<span style="background:{};color:{};padding:.4rem .8rem;border-radius:.4rem">Start</span> {} to 1',
            page.color, ink, f"{colors.contrast(page.color, ink):.1f}",
        )  # fmt: skip

    @admin.display(description="logo now")
    def logo_shown(self, page: JoinPage | None) -> SafeString | str:
        if page is None or not page.logo:
            return "none"
        return format_html('<img src="{}" alt="Logo" style="max-height:4rem">', logos.data_address(page))
