"""What the steps of the journey ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateways import wallets
from gateways.models import Coordinates
from ingest.models import System
from ingest.readings import Kind
from ingest.vendors.base import AuthScheme
from onboarding import consent_texts, countries, journeys
from onboarding.models import ChosenSystem, Consent

# What people paste is not theirs to spell.
_PASTED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class BrandForm(forms.Form):
    """One of the brands that are offered; the country is chosen above and comes along."""

    country = forms.CharField(required=False, max_length=2, widget=forms.HiddenInput)
    vendor = forms.ChoiceField(
        label=gettext_lazy("Your brand"), error_messages={"required": gettext_lazy("Choose your brand.")}
    )

    def __init__(self, data: Any, *, offered: Collection[str], **options: Any) -> None:
        super().__init__(data, **options)
        field: Any = self.fields["vendor"]
        field.choices = [(slug, slug) for slug in offered]

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"]
        return country if country in countries.NAMES else ""


class SharingForm(forms.Form):
    """What is shared beyond what joining needs.

    The partner's own use is a purpose of its own, so its box is empty until the homeowner ticks it. The kinds of
    devices are what they came to join with: they are ticked, and can be unticked before they agree to anything.
    """

    def __init__(self, data: Any, *, kinds: Collection[Kind], given: Collection[Consent], **options: Any) -> None:
        super().__init__(data, **options)
        shared = {kind for consent in given for kind in consent.kinds} or set(kinds)
        for purpose in (one for one in Consent.Purpose if one not in consent_texts.REQUIRED_PURPOSES):
            ticked = any(consent.purpose == purpose for consent in given)
            self.fields[purpose.value] = forms.BooleanField(required=False, initial=ticked)
        for kind in (one for one in Kind if one in kinds and one not in consent_texts.REQUIRED_KINDS):
            self.fields[kind.value] = forms.BooleanField(
                label=consent_texts.KINDS[kind], required=False, initial=kind in shared
            )

    def purposes(self) -> list[str]:
        chosen = [purpose for purpose in Consent.Purpose if self.cleaned_data.get(purpose.value)]
        return [*consent_texts.REQUIRED_PURPOSES, *chosen]

    def kinds(self) -> list[str]:
        return [*consent_texts.REQUIRED_KINDS, *(kind for kind in Kind if self.cleaned_data.get(kind.value))]


class KeysForm(forms.Form):
    """The keys that a vendor gives its owners, field by field of the scheme; secrets are never shown again."""

    def __init__(self, data: Any, *, scheme: AuthScheme, **options: Any) -> None:
        super().__init__(data, **options)
        for asked in scheme.fields:
            widget = forms.PasswordInput if asked.secret else forms.TextInput
            self.fields[asked.name] = forms.CharField(
                label=_(asked.label), help_text=_(asked.help_text) if asked.help_text else "", max_length=500,
                widget=widget(attrs=_PASTED),
            )  # fmt: skip


class HomesForm(forms.Form):
    """Which homes of the account join: all of them, unless the homeowner unticks some."""

    systems = forms.MultipleChoiceField(
        label=gettext_lazy("Homes"), widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one home.")},
    )  # fmt: skip

    def __init__(self, data: Any, *, systems: Sequence[System], **options: Any) -> None:
        super().__init__(data, **options)
        self.offered = systems
        field: Any = self.fields["systems"]
        field.choices = [(system.pk, system) for system in systems]

    def chosen(self) -> list[System]:
        return [system for system in self.offered if str(system.pk) in self.cleaned_data["systems"]]


class WalletForm(forms.Form):
    """An address, and the signature of our message: a wallet in the browser fills in both, else they come one by one.

    `signing` is the message that was made for the address, if it is to be signed elsewhere and pasted here.
    """

    address = forms.CharField(
        label=gettext_lazy("Address of your wallet"), max_length=100,
        help_text=gettext_lazy("A Solana address: 32 to 44 letters and digits."), widget=forms.TextInput(attrs=_PASTED),
    )  # fmt: skip
    message = forms.CharField(
        label=gettext_lazy("Message to sign"), required=False, strip=False, widget=forms.HiddenInput
    )
    signature = forms.CharField(
        label=gettext_lazy("Signature"), required=False, max_length=200, widget=forms.HiddenInput,
        help_text=gettext_lazy("As your wallet shows it: in base58, base64 or hexadecimal digits."),
    )  # fmt: skip

    def __init__(self, data: Any, *, signing: str = "", **options: Any) -> None:
        super().__init__(data, **options)
        self.signing = signing
        if signing:
            self.fields["address"].widget = forms.HiddenInput()
            self.fields["message"].widget = forms.Textarea(attrs={"readonly": True, "rows": 12})
            self.fields["signature"].widget = forms.TextInput(attrs=_PASTED)
            self.initial["message"] = signing

    def clean_address(self) -> str:
        return wallets.parse_address(self.cleaned_data["address"].strip().removeprefix("solana:"))

    def clean_signature(self) -> str:
        signature: str = self.cleaned_data["signature"]
        if "prove" in self.data and self.signing and not signature:
            raise forms.ValidationError(_("Paste the signature that your wallet made of this message."))
        return signature


@dataclass(frozen=True)
class PlaceFields:
    """The fields of one home, for the template."""

    chosen: ChosenSystem
    latitude: forms.BoundField
    longitude: forms.BoundField
    source: forms.BoundField
    confirmed: forms.BoundField


class PlacesForm(forms.Form):
    """Where each of the chosen homes stands, filled in where the vendor knows it, and confirmed by the homeowner."""

    def __init__(self, data: Any, *, chosen: Iterable[ChosenSystem], **options: Any) -> None:
        super().__init__(data, **options)
        self.chosen = list(chosen)
        for home in self.chosen:
            self._ask(home)

    def homes(self) -> Iterator[PlaceFields]:
        for home in self.chosen:
            bound = (self[f"{name}_{home.pk}"] for name in ("latitude", "longitude", "source", "confirmed"))
            yield PlaceFields(home, *bound)

    def places(self) -> Mapping[int, journeys.Place]:
        return {
            home.pk: journeys.Place(*(self.cleaned_data[f"{name}_{home.pk}"] for name in _PLACE))
            for home in self.chosen
        }

    def clean(self) -> dict[str, Any]:
        """Refuse what is certainly no home: 0, 0 lies in the sea."""
        for home in self.chosen:
            place = [self.cleaned_data.get(f"{name}_{home.pk}") for name in ("latitude", "longitude")]
            if place == [0, 0]:
                self.add_error(f"latitude_{home.pk}", _("0, 0 lies in the sea: enter where your home stands."))
        return self.cleaned_data

    def _ask(self, home: ChosenSystem) -> None:
        known = home.confirmed_at is not None
        self.fields[f"latitude_{home.pk}"] = DegreesField(self._label(_("Latitude"), home), 90, initial=home.latitude)
        self.fields[f"longitude_{home.pk}"] = DegreesField(
            self._label(_("Longitude"), home), 180, initial=home.longitude
        )
        self.fields[f"source_{home.pk}"] = SourceField(initial=home.source)
        self.fields[f"confirmed_{home.pk}"] = forms.BooleanField(
            label=self._label(_("Yes, this is the right place."), home), initial=known,
            error_messages={"required": _("Tick the box when the place is right.")},
        )  # fmt: skip

    def _label(self, text: str, home: ChosenSystem) -> str:
        """Name the home where there are several: the list of errors stands far from their headings."""
        return f"{text} ({home.system})" if len(self.chosen) > 1 else text


_PLACE = ("latitude", "longitude", "source")


class DegreesField(forms.CharField):
    """Degrees (WGS 84) as people write them, with a point or a comma."""

    def __init__(self, label: str, limit: int, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        missing = {"required": _("Put the pin on the map, or type this number.")}
        super().__init__(label=label, max_length=30, widget=widget, error_messages=missing, **options)
        self.limit = limit

    def prepare_value(self, value: Any) -> Any:
        return f"{value:f}" if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Decimal:
        """Return the number. Raises ValidationError."""
        text: str = super().clean(value)
        try:
            degrees = Decimal(text.replace(",", ".").removesuffix("°").strip())
        except InvalidOperation as error:
            raise forms.ValidationError(_("Enter degrees as a number, like 59.3293.")) from error
        if not degrees.is_finite() or not -self.limit <= degrees <= self.limit:  # abs() of 1e9999999 overflows
            msg = _("This must lie between -%(limit)d and %(limit)d degrees: were the two swapped?")
            raise forms.ValidationError(msg % {"limit": self.limit})
        return round(degrees, 6)


class SourceField(forms.CharField):
    """How the place came about. The map tells it; typed where it does not."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.HiddenInput, **options)

    def clean(self, value: Any) -> str:
        """Return one of `Coordinates.Source`."""
        return value if value in Coordinates.Source.values else Coordinates.Source.TYPED.value
