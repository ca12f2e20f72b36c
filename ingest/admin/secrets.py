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

from gateways.admin.acts import ActForm, PartnerForm
from ingest import connections, tried, vendors
from ingest.admin.base import REFUSALS
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import AuthScheme, Field, OAuth2Code

_ONLY_ITS_OWNER = (
    "Only its owner can reconnect this account, with a new consent on the vendor's page. Ask them to open their home"
    " page and to choose Reconnect."
)


class WhoseForm(PartnerForm):
    """The first step: whose account at which vendor and, where there are several ways in, which of them."""

    vendor = forms.ChoiceField(choices=vendors.credential_choices, widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any] = ()) -> None:
        super().__init__(data, request=request, rows=rows)
        choices: Any = self.fields["vendor"]
        choices.choices = [(slug, label) for slug, label in vendors.credential_choices() if self.schemes(slug)]
        offered = self.schemes(self.data.get("vendor", ""))
        if len(offered) > 1:
            names = [(scheme.name, scheme.label) for scheme in offered]
            self.fields["scheme"] = forms.ChoiceField(label="Way in", choices=names, widget=UnfoldAdminSelectWidget)
        if data and not self.fields.keys() <= data.keys():  # the vendor is chosen, and has several ways in
            self.initial, self.is_bound = data.dict(), False

    def schemes(self, vendor: str) -> list[AuthScheme]:
        """Return a vendor's ways in that are asked for here."""
        return list(vendors.schemes(vendor)) if vendor in dict(vendors.credential_choices()) else []

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        if offered := self.schemes(answers.get("vendor", "")):
            answers.setdefault("scheme", offered[0].name)
        return answers


class WhoseAccountForm(WhoseForm):
    """The first step to an account with keys; accounts that are read with consents are connected by their owners."""

    def schemes(self, vendor: str) -> list[AuthScheme]:
        ways = super().schemes(vendor)
        return [way for way in ways if vendors.is_used(vendor, way.name) and not isinstance(way, OAuth2Code)]


class SecretsForm(ActForm):
    """What the vendor's scheme asks for, for the account or credential that is given."""

    required_secrets = True
    first_step: type[WhoseForm] = WhoseForm

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().__init__(data, request=request, rows=rows)
        whose = self.whose()
        self.scheme = vendors.scheme_of(whose.vendor, whose.scheme)
        self.help_steps = [step.text for step in self.scheme.help_steps]
        for field in self.scheme.fields:
            self.fields[field.name] = _form_field(field, required=self.required_secrets)

    def whose(self) -> Connection | VendorCredential:
        """Return a new row with nothing but owner and vendor, to try the secrets with."""
        known: Connection | VendorCredential = self.rows[0]
        return type(known)(partner=known.partner, vendor=known.vendor, scheme=known.scheme)

    def chosen(self) -> dict[str, Any]:
        """Return partner, vendor and scheme as chosen in the first step; they stand in the address of the second."""
        form = self.first_step(self.request.GET, request=self.request)
        if not form.is_valid():
            msg = "Choose partner and vendor first."
            raise ValidationError(msg)
        return form.cleaned_data

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
            tried.try_secrets(row, secrets, clock=timezone.now)
        except REFUSALS as error:
            raise _not_accepted(error) from error


class NewCredentialForm(SecretsForm):
    """A credential of the partner, for the partner and vendor of the first step."""

    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget, help_text="For your own staff.")
    expires_at = forms.SplitDateTimeField(
        label="Expires", required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="If the vendor says so. UTC."
    )

    def whose(self) -> Connection | VendorCredential:
        return VendorCredential(**self.chosen())

    def clean(self) -> dict[str, Any]:
        return {**super().clean(), **self.chosen()}


class NewConnectionForm(SecretsForm):
    """An account, read with its own secrets or with a credential of the partner."""

    required_secrets = False
    first_step = WhoseAccountForm
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
        choices.queryset = VendorCredential.objects.filter(**self.chosen())

    def whose(self) -> Connection | VendorCredential:
        return Connection(**self.chosen())

    def clean(self) -> dict[str, Any]:
        answers = super().clean()
        secrets = answers.pop("secrets")
        return {**answers, **self.chosen(), "secrets": None if answers.get("credential") else secrets}

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


class ReconnectForm(SecretsForm):
    """New keys of an account; nothing for one that is read with its owner's consent, which nobody else can give."""

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().__init__(data, request=request, rows=rows)
        if isinstance(self.scheme, OAuth2Code):
            self.help_steps = [_ONLY_ITS_OWNER]
            self.fields.clear()

    def try_at_vendor(self, secrets: dict[str, str]) -> None:
        if isinstance(self.scheme, OAuth2Code):
            raise ValidationError(_ONLY_ITS_OWNER)
        super().try_at_vendor(secrets)


def _form_field(field: Field, *, required: bool) -> forms.CharField:
    attrs = {"autocomplete": "new-password" if field.secret else "off"}
    widget = UnfoldAdminPasswordWidget(attrs=attrs) if field.secret else UnfoldAdminTextInputWidget(attrs=attrs)
    return forms.CharField(label=field.label, help_text=field.help_text, widget=widget, required=required)


def _not_accepted(error: Exception) -> ValidationError:
    if isinstance(error, ValidationError):
        return ValidationError(error.messages)
    return ValidationError(f"The vendor does not accept this: {error}. {getattr(error, 'next_step', '')}".strip())
