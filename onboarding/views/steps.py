"""The steps of the journey, each a page; the account's and the wallet's stand in files of their own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from gateways import maps
from ingest import duplicates, health, vendors
from ingest.models import System
from ingest.vendors.base import VendorAdapter
from onboarding import colors, consent_texts, consents, countries, journeys, linking, steps, tasks
from onboarding.forms import BrandForm, HomesForm, PlacesForm, SharingForm
from onboarding.models import Consent
from onboarding.views.connect import ConnectView, look_around
from onboarding.views.journey import StepView, closed
from onboarding.views.wallet import WalletView


@dataclass(frozen=True)
class _Brand:
    """A vendor as its card shows it. Templates would call the adapter's class, so it does not go there."""

    slug: str
    label: str
    mark: str
    color: str
    ink: str
    beta: bool
    status: health.Health

    @classmethod
    def of(cls, adapter: type[VendorAdapter], now: datetime) -> _Brand:
        status = health.vendor_status(adapter.slug, now)
        ink = colors.ink_on(adapter.color)
        return cls(adapter.slug, adapter.label, _mark(adapter.label), adapter.color, ink, adapter.beta, status)


class BrandView(StepView):
    """The vendor: country first, then one of the brands that are there."""

    step = steps.BY_SLUG["brand"]
    template_name = "join/brand.html"

    def form(self, data: Any) -> forms.Form:
        initial = {"country": self._country(), "vendor": self.journey.vendor}
        return BrandForm(data, offered=linking.offered(self.page.partner, timezone.now()), initial=initial)

    def save(self, form: Any) -> None:
        journeys.choose_brand(
            journey=self.journey, country=form.cleaned_data["country"], vendor=form.cleaned_data["vendor"],
            by=self.user, now=timezone.now(),
        )  # fmt: skip

    def context(self) -> dict[str, Any]:
        country, words = self._country(), self.request.GET.get("q", "").strip()[:50]
        now = timezone.now()
        offered = [vendors.adapter_class(slug) for slug in linking.offered(self.page.partner, now)]
        shown = [adapter for adapter in offered if countries.has(adapter, country) and _named(adapter, words)]
        return {
            **super().context(),
            "countries": countries.choices(),
            "country": country,
            "words": words,
            "brands": [_Brand.of(adapter, now) for adapter in shown],
        }

    def _country(self) -> str:
        """Return the country that was chosen now or before, or else the one that the browser names."""
        asked = self.request.GET.get("country", self.request.POST.get("country"))
        if asked is not None:
            return asked if asked in countries.NAMES else ""
        return self.journey.country or countries.guess(self.request.headers.get("Accept-Language", ""))


class SharingView(StepView):
    """What is shared, with whom, for how long, and what is not; going on is the consent."""

    step = steps.BY_SLUG["sharing"]
    template_name = "join/sharing.html"

    def form(self, data: Any) -> forms.Form:
        connection = self.journey.connection
        given = (
            consents.active(connection)
            if connection
            else consents.waiting(self.page.partner, self.user, self.journey.vendor)
        )
        return SharingForm(data, kinds=vendors.adapter_class(self.journey.vendor).kinds, given=list(given))

    def save(self, form: Any) -> None:
        journeys.agree(
            journey=self.journey, purposes=form.purposes(), kinds=form.kinds(), language=get_language() or "en",
            now=timezone.now(),
        )  # fmt: skip

    def context(self) -> dict[str, Any]:
        partner = self.page.partner
        return {
            **super().context(),
            "required": [consent_texts.purpose(purpose, partner) for purpose in consent_texts.REQUIRED_PURPOSES],
            "service": consent_texts.purpose(Consent.Purpose.SERVICE, partner),
            "reads": consent_texts.reads(partner, self.journey.vendor),
            "required_kinds": [consent_texts.KINDS[kind] for kind in consent_texts.REQUIRED_KINDS],
            "until": consent_texts.ends(consents.lasts_until(partner, timezone.now())),
            "not_shared": consent_texts.NOT_SHARED,
        }


@dataclass(frozen=True)
class _Home:
    """A system as the page shows it. `taken` says why it cannot join; `mine` whether that is this homeowner's doing."""

    system: System
    taken: str
    mine: bool


class HomesView(StepView):
    """What the account has, and which of it joins."""

    step = steps.BY_SLUG["homes"]
    template_name = "join/homes.html"

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Choose homes, or look at the account once more."""
        if "look" not in request.POST:
            return super().post(request, slug)
        assert self.journey.connection is not None  # noqa: S101  the step before connected it
        look_around(request, self.journey.connection)
        return redirect(request.path)

    def form(self, data: Any) -> forms.Form:
        free = [home.system for home in self._homes() if not home.taken]
        chosen = list(self.journey.chosen.values_list("system", flat=True))
        return HomesForm(data, systems=free, initial={"systems": chosen or [system.pk for system in free]})

    def save(self, form: Any) -> None:
        journeys.choose_systems(journey=self.journey, systems=form.chosen(), now=timezone.now())

    def context(self) -> dict[str, Any]:
        connection, homes = self.journey.connection, self._homes()
        return {
            **super().context(),
            "homes": homes,
            "free": [home for home in homes if not home.taken],
            "listed": connection is not None and connection.discovered_at is not None,
            "withheld": connection.withheld_kinds if connection else [],
        }

    def _homes(self) -> list[_Home]:
        systems = System.objects.filter(connection=self.journey.connection, gone_at=None)
        listed = systems.select_related("gateway", "connection").prefetch_related("ders")
        return [_Home(system, *_taken(system, self.user)) for system in listed]


class PlaceView(StepView):
    """Where the homes stand, on a map or in numbers; only what the homeowner confirms counts."""

    step = steps.BY_SLUG["place"]
    template_name = "join/place.html"

    def form(self, data: Any) -> forms.Form:
        return PlacesForm(data, chosen=self.journey.chosen.select_related("system"))

    def save(self, form: Any) -> None:
        journeys.confirm_places(journey=self.journey, places=form.places(), now=timezone.now())

    def context(self) -> dict[str, Any]:
        return {**super().context(), **maps.context()}


class ReviewView(StepView):
    """All of it once more, with ways back; then the homes come to life."""

    step = steps.BY_SLUG["review"]
    template_name = "join/review.html"

    def save(self, form: Any) -> None:  # noqa: ARG002  the form is one button
        journeys.finish(journey=self.journey, by=self.user, now=timezone.now())
        with contextlib.suppress(OperationalError):  # without a broker the tick does it, when there is one again
            tasks.advance_homes.apply_async(retry=False)
        messages.success(self.request, _("You are in. We are setting up your home now."))

    def next_url(self, slug: str) -> str:  # noqa: ARG002  the signature of StepView
        return reverse("home")

    def context(self) -> dict[str, Any]:
        connection = self.journey.connection
        return {
            **super().context(),
            "consents": consents.active(connection) if connection else [],
            "chosen": self.journey.chosen.select_related("system").prefetch_related("system__ders"),
        }


_PAGES = {
    view.step.slug: view.as_view()
    for view in (BrandView, SharingView, ConnectView, HomesView, WalletView, PlaceView, ReviewView)
}


def page(request: HttpRequest, slug: str, step: str) -> HttpResponseBase:
    """Show one step of the journey with a partner."""
    return _PAGES[step](request, slug=slug) if step in _PAGES else closed(request)


def _taken(system: System, user: User) -> tuple[str, bool]:
    if system.gateway and journeys.has_joined(system):
        return _("This home has joined already."), system.gateway.owner_id == user.pk
    elsewhere = duplicates.linked_elsewhere(system)
    mine = any(der.system.connection.owner_id == user.pk for der in elsewhere)
    return (_("The devices of this home send already, through another account.") if elsewhere else ""), mine


def _mark(label: str) -> str:
    """Return two letters for a brand: the capitals of SolarEdge, which begins like Solis, the first two of others."""
    capitals = "".join(filter(str.isupper, label))
    return capitals[:2] if len(capitals) > 1 else label[:2]


def _named(adapter: type[VendorAdapter], words: str) -> bool:
    return words.casefold() in adapter.label.casefold()
