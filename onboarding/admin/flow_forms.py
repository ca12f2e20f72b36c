"""What a new flow asks for: whose it is, then what it offers with which of the partner's applications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from gateways.admin.acts import ActForm, PartnerForm
from gateways.models import Partner
from ingest import vendors
from ingest.models import VendorCredential
from ingest.readings import Kind
from ingest.vendors.base import OAuth2Code
from onboarding import flows
from onboarding.models import Consent

_KEYS = "keys"


class WhoseForm(PartnerForm):
    """The first step: whose flow."""


class FlowForm(ActForm):
    """A flow of the partner of the first step, and for each vendor how its homeowners come in."""

    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget, help_text="For your own staff.")
    redirect_uri = forms.CharField(
        label="Redirect URI", max_length=500, widget=UnfoldAdminURLInputWidget,
        help_text="Where browsers go back to, exactly as it is sent; https outside sandbox.",
    )  # fmt: skip
    purposes = forms.MultipleChoiceField(
        choices=Consent.Purpose.choices, initial=["rewards"], widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    kinds = forms.MultipleChoiceField(
        label="Shared kinds", choices=[(kind.value, kind.value) for kind in Kind], initial=list(Kind),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )  # fmt: skip
    language = forms.ChoiceField(
        required=False, choices=[("", "The browser's"), *settings.LANGUAGES], widget=UnfoldAdminSelectWidget
    )

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().__init__(data, request=request, rows=rows)
        self.partner = _first_step(request)
        self.ways = {slug: _ways(slug, self.partner) for slug in vendors.VENDORS}
        for slug, ways in self.ways.items():
            if ways:
                self.fields[f"vendor_{slug}"] = _vendor_field(slug, ways)

    def clean(self) -> dict[str, Any]:
        """Turn the answers for each vendor into what the action takes."""
        answers = super().clean() or {}
        chosen = {slug: answers.pop(f"vendor_{slug}", "") for slug in vendors.VENDORS}
        found = {slug: self.ways[slug][way] for slug, way in chosen.items() if way}
        if not found:
            self.add_error(None, "Choose at least one vendor.")
        return {**answers, "partner": self.partner, "vendors": found}


def _first_step(request: HttpRequest) -> Partner:
    """Return the partner that was chosen in the first step; it stands in the address of the second."""
    form = WhoseForm(request.GET, request=request, rows=())
    if not form.is_valid():
        msg = "Choose the partner first."
        raise ValidationError(msg)
    partner: Partner = form.cleaned_data["partner"]
    return partner


def _ways(slug: str, partner: Partner) -> dict[str, VendorCredential | None]:
    """Return how homeowners can come in at a vendor: with keys of their own, or through the partner's applications."""
    keys: dict[str, VendorCredential | None] = {_KEYS: None} if flows.key_scheme(slug) else {}
    applications = {
        str(one.pk): one
        for one in VendorCredential.objects.filter(partner=partner, vendor=slug)
        if isinstance(scheme := vendors.scheme_of(slug, one.scheme), OAuth2Code) and scheme.for_homeowners
    }
    return {**keys, **applications}


def _vendor_field(slug: str, ways: dict[str, VendorCredential | None]) -> forms.ChoiceField:
    labels = [(way, credential.name if credential else "Their own keys") for way, credential in ways.items()]
    return forms.ChoiceField(
        label=vendors.adapter_class(slug).label, required=False, choices=[("", "Not offered"), *labels],
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
