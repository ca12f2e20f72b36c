"""The countries that homeowners choose from, and which of them a browser seems to be in."""

from __future__ import annotations

import re
import unicodedata

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ingest.vendors.base import VendorAdapter

NAMES: dict[str, str | Promise] = {
    "AU": _("Australia"),
    "AT": _("Austria"),
    "BE": _("Belgium"),
    "BG": _("Bulgaria"),
    "CA": _("Canada"),
    "HR": _("Croatia"),
    "CY": _("Cyprus"),
    "CZ": _("Czechia"),
    "DK": _("Denmark"),
    "EE": _("Estonia"),
    "FI": _("Finland"),
    "FR": _("France"),
    "DE": _("Germany"),
    "GR": _("Greece"),
    "HU": _("Hungary"),
    "IS": _("Iceland"),
    "IE": _("Ireland"),
    "IT": _("Italy"),
    "LV": _("Latvia"),
    "LI": _("Liechtenstein"),
    "LT": _("Lithuania"),
    "LU": _("Luxembourg"),
    "MT": _("Malta"),
    "NL": _("Netherlands"),
    "NZ": _("New Zealand"),
    "NO": _("Norway"),
    "PL": _("Poland"),
    "PT": _("Portugal"),
    "RO": _("Romania"),
    "SK": _("Slovakia"),
    "SI": _("Slovenia"),
    "ZA": _("South Africa"),
    "ES": _("Spain"),
    "SE": _("Sweden"),
    "CH": _("Switzerland"),
    "GB": _("United Kingdom"),
    "US": _("United States"),
}


def choices() -> list[tuple[str, str]]:
    """Return (code, name) in the reader's alphabetical order."""
    return sorted(((code, str(name)) for code, name in NAMES.items()), key=lambda choice: _place(choice[1]))


def _place(name: str) -> str:
    """Return where a name stands in the alphabet: É is an E and Ö an O, but not in Swedish, where Ö comes last."""
    if get_language() == "sv":
        return name
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def guess(accept_language: str) -> str:
    """Return the country that a browser's languages name first (`sv-SE,sv;q=0.9`), "" if none does."""
    named = re.findall(r"[A-Za-z]{2,3}-([A-Za-z]{2})\b", accept_language)
    return next((code.upper() for code in named if code.upper() in NAMES), "")


def has(adapter: type[VendorAdapter], country: str) -> bool:
    """Tell whether homeowners of a country have a vendor; one that names no countries is everywhere."""
    return not country or not adapter.countries or country in adapter.countries
