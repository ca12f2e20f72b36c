"""The words of the consent, as they are shown and kept. Whoever changes their meaning changes VERSION."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateways.models import Partner
from ingest import vendors
from ingest.readings import Kind
from onboarding.models import Consent

VERSION = "2026-11"
REQUIRED_PURPOSES = (Consent.Purpose.REWARDS,)
REQUIRED_KINDS = (Kind.PV,)
KINDS = {
    Kind.PV: gettext_lazy("What your solar panels produce"),
    Kind.BATTERY: gettext_lazy("What your battery charges and discharges, and how full it is"),
    Kind.METER: gettext_lazy("What your home takes from the grid and feeds into it"),
}
NOT_SHARED = (
    gettext_lazy("Your password at the brand: you sign in on its own pages, and we never see it."),
    gettext_lazy("Your name, address and telephone number at the brand."),
    gettext_lazy("Control: nobody can switch or change your devices through us."),
    gettext_lazy("Bills, tariffs and payment details."),
)


def purpose(name: str, partner: Partner) -> str:
    """Return what one purpose means, in a sentence for the homeowner."""
    if name == Consent.Purpose.REWARDS:
        return _("Your readings are signed and sent to the Sourceful Energy Network, where they earn you rewards.")
    return _("%(partner)s sees your readings, to help you when something is wrong and for its energy services.") % {
        "partner": _asking(partner)
    }


def reads(partner: Partner, vendor: str) -> str:
    """Return who reads from whom, as the head of the list of what."""
    return _("%(partner)s reads from %(vendor)s:") % {
        "partner": _asking(partner), "vendor": vendors.adapter_class(vendor).label
    }  # fmt: skip


def ends(until: datetime) -> str:
    """Return how long a consent lasts."""
    return _("You can stop this at any time. It ends by itself on %(date)s.") % {"date": date_format(until)}


def whole(name: str, *, partner: Partner, vendor: str, kinds: Sequence[str], until: datetime) -> str:
    """Return the whole text of one consent, as it is kept: the very lines that the page shows."""
    shared = (f"- {KINDS[Kind(kind)]}" for kind in kinds)
    return "\n".join((purpose(name, partner), reads(partner, vendor), *shared, ends(until)))


def _asking(partner: Partner) -> str:
    page = getattr(partner, "join_page", None)
    return page.legal_name if page and page.legal_name else partner.name
