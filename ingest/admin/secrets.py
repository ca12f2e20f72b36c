"""Forms that take a vendor's secrets. They are tried at the vendor before they are kept, and never shown again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from gateways import access
from gateways.access import Duty
from gateways.admin.acts import ActForm
from gateways.models import Partner
from ingest import connections, vendors
from ingest.admin.base import REFUSALS
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import Field


class WhoseForm(ActForm):
    """The first step: whose account at which vendor."""

    partner = forms.ModelChoiceField(Partner.objects.none(), widget=UnfoldAdminSelectWidget)
    vendor = forms.ChoiceField(choices=vendors.choices, widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any] = ()) -> None:
        super().__init__(data, request=request, rows=rows)
        choices: Any = self.fields["partner"]
        choices.queryset = access.partners(request.user, Duty.OPERATE)


class SecretsForm(ActForm):
    """What the vendor's scheme asks for, for the account or credential that is given."""

    required_secrets = True

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().__init__(data, request=request, rows=rows)
        whose = self.whose()
        self.scheme = connections.scheme_of(whose.vendor, whose.scheme)
        self.help_steps = [step.text for step in self.scheme.help_steps]
        for field in self.scheme.fields:
            self.fields[field.name] = _form_field(field, required=self.required_secrets)

    def whose(self) -> Connection | VendorCredential:
        """Return a new row with nothing but owner and vendor, to try the secrets with."""
        known: Connection | VendorCredential = self.rows[0]
        return type(known)(partner=known.partner, vendor=known.vendor, scheme=known.scheme)

    def clean(self) -> dict[str, Any]:
        """Try the secrets; what is left goes to the action."""
        answers = super().clean() or {}
        secrets = {field.name: answers.pop(field.name, "") for field in self.scheme.fields}
        if self.is_bound and not self.errors:
            self.try_at_vendor(secrets)
        return {**answers, "secrets": secrets}

    def try_at_vendor(self, secrets: dict[str, str]) -> None:
        """Ask the vendor what these secrets can see; raises ValidationError with its answer."""
        row = self.whose()
        try:
            connections.seal_secrets(row, secrets)
            connections.test_credentials(row, clock=timezone.now)
        except REFUSALS as error:
            raise _not_accepted(error) from error


class NewCredentialForm(SecretsForm):
    """A credential of the partner, for the partner and vendor of the first step."""

    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget, help_text="For your own staff.")
    expires_at = forms.SplitDateTimeField(
        label="Expires", required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="If the vendor says so. UTC."
    )

    def whose(self) -> Connection | VendorCredential:
        return VendorCredential(**_first_step(self.request))

    def clean(self) -> dict[str, Any]:
        return {**super().clean(), **_first_step(self.request)}


class NewConnectionForm(SecretsForm):
    """An account, read with its own secrets or with a credential of the partner."""

    required_secrets = False
    label = forms.CharField(
        max_length=100, widget=UnfoldAdminTextInputWidget, help_text="The homeowner or fleet, for your own staff."
    )
    credential = forms.ModelChoiceField(
        VendorCredential.objects.none(), required=False, widget=UnfoldAdminSelectWidget,
        empty_label="None: its own keys, below",
        help_text="A key of yours that reads this account, too.",
    )  # fmt: skip

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().__init__(data, request=request, rows=rows)
        choices: Any = self.fields["credential"]
        choices.queryset = VendorCredential.objects.filter(**_first_step(request))

    def whose(self) -> Connection | VendorCredential:
        return Connection(**_first_step(self.request))

    def clean(self) -> dict[str, Any]:
        answers = super().clean()
        secrets = answers.pop("secrets")
        return {**answers, **_first_step(self.request), "secrets": None if answers.get("credential") else secrets}

    def try_at_vendor(self, secrets: dict[str, str]) -> None:
        credential = self.cleaned_data.get("credential")
        if credential is None:
            super().try_at_vendor(secrets)
            return
        if any(secrets.values()):
            msg = "Give either a credential or the account's own keys, not both."
            raise ValidationError(msg)
        try:
            connections.test_credentials(credential, clock=timezone.now)
        except REFUSALS as error:
            raise _not_accepted(error) from error


def _first_step(request: HttpRequest) -> dict[str, Any]:
    """Return partner and vendor as chosen in the first step; they stand in the address of the second."""
    form = WhoseForm(request.GET, request=request)
    if not form.is_valid():
        msg = "Choose partner and vendor first."
        raise ValidationError(msg)
    return form.cleaned_data


def _form_field(field: Field, *, required: bool) -> forms.CharField:
    attrs = {"autocomplete": "new-password" if field.secret else "off"}
    widget = UnfoldAdminPasswordWidget(attrs=attrs) if field.secret else UnfoldAdminTextInputWidget(attrs=attrs)
    return forms.CharField(label=field.label, help_text=field.help_text, widget=widget, required=required)


def _not_accepted(error: Exception) -> ValidationError:
    if isinstance(error, ValidationError):
        return error
    return ValidationError(f"The vendor does not accept this: {error}. {getattr(error, 'next_step', '')}".strip())
