"""The account at the vendor: a trip to its consent page, or its keys and a live check of them."""

from __future__ import annotations

from typing import Any

import structlog
from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from gateways.vault import VaultError
from ingest import vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import AuthScheme, OAuth2Code
from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorThrottled
from onboarding import journeys, linking, steps, vendor_oauth
from onboarding.forms import KeysForm
from onboarding.views import policy, trips
from onboarding.views.journey import StepView, step_url

_MOST_TRIES, _TRIES_WITHIN_S = 10, 600

log = structlog.get_logger(__name__)


class ConnectView(StepView):
    """One button where the vendor asks its owners itself, else a form for the keys with help beside it."""

    step = steps.BY_SLUG["connect"]
    template_name = "join/connect.html"

    application: VendorCredential | None
    scheme: AuthScheme

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.trouble = ""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        return self._offered() or super().get(request, slug)

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Go to the vendor's consent page, or try the keys."""
        refused = self._offered()
        if refused:
            return refused
        return self._depart() if self.application else super().post(request, slug)

    def form(self, data: Any) -> forms.Form:
        return forms.Form(data) if self.application else KeysForm(data, scheme=self.scheme)

    def save(self, form: Any) -> None:
        """Try the keys at the vendor and connect the account; what goes wrong is said in the homeowner's words."""
        vendor = self.journey.vendor
        count_try(f"user:{self.user.pk}")
        try:
            connection = linking.link_keys(
                partner=self.page.partner, vendor=vendor, scheme=self.scheme.name, secrets=form.cleaned_data,
                owner=self.user, label=self.user.email[:100], by=self.user, clock=timezone.now,
            )  # fmt: skip
        except (VendorError, VaultError, linking.LinkRefused) as error:
            journeys.note(self.journey, journeys.VENDOR_FAILED, timezone.now(), type(error).__name__)
            raise ValidationError(said(error, vendor)) from error
        journeys.attach(journey=self.journey, connection=connection, now=timezone.now())
        look_around(self.request, connection)

    def show(self, form: forms.Form, status: int = 200) -> HttpResponse:
        response = super().show(form, status)
        if self.application:
            policy.let_leave_for(response, partner=self.page.partner, vendor=self.journey.vendor)
        return response

    def context(self) -> dict[str, Any]:
        linked = self.step.done(self.journey)
        return {**super().context(), "application": self.application, "scheme": self.scheme, "linked": linked}

    def _offered(self) -> HttpResponse | None:
        """Look up the way in; send the homeowner back to the brands if the partner does not offer this one any more."""
        offered, vendor = linking.offered(self.page.partner, timezone.now()), self.journey.vendor
        if vendor not in offered:
            messages.warning(self.request, _("This brand cannot be linked right now. Choose another one."))
            return redirect(step_url(self.page.partner.slug, steps.BY_SLUG["brand"]))
        self.application = offered[vendor]
        self.scheme = _scheme(vendor, self.application)
        return None

    def _depart(self) -> HttpResponse:
        assert self.application is not None  # noqa: S101  the caller looked
        vendor = self.journey.vendor
        try:
            trip = vendor_oauth.depart(
                partner=self.page.partner, vendor=vendor, credential=self.application, clock=timezone.now,
                journey=self.journey, user=self.user,
            )  # fmt: skip
        except (VendorError, VaultError) as error:
            form = forms.Form({})
            form.add_error(None, said(error, vendor))
            return self.show(form, status=422)
        trips.remember(self.request, trip.session)
        journeys.note(self.journey, journeys.SENT_TO_VENDOR, timezone.now(), vendor)
        response = redirect(trip.url)
        policy.let_leave_for(response, partner=self.page.partner, vendor=vendor)
        return response


def look_around(request: HttpRequest, connection: Connection) -> None:
    """List the account's homes while their owner waits; what was not told yet is asked for again by the next pull."""
    if linking.look_around(connection, clock=timezone.now):
        text = _("%s has not told us everything yet. We go on asking: look again in a few minutes.")
        messages.warning(request, text % vendors.adapter_class(connection.vendor).label)


def said(error: Exception, vendor: str) -> str:
    """Return what went wrong with an account in the homeowner's words."""
    label = vendors.adapter_class(vendor).label
    if isinstance(error, linking.LinkRefused):
        return str(error)
    if isinstance(error, VendorAuthFailed):
        return _("%s does not accept these keys. Copy them again, whole, and check that access is switched on.") % label
    if isinstance(error, VendorThrottled):
        return _("%s asks us to wait. Try again in a few minutes.") % label
    log.warning("account not linked", vendor=vendor, error=str(error))
    return _("%s does not answer right now. Try again in a few minutes.") % label


def count_try(who: str, most: int = _MOST_TRIES) -> None:
    """Count a try of keys: nobody shall guess keys through us, and the vendor must not take us for an attacker.

    Raises ValidationError after `most` within ten minutes.
    """
    key = f"key-tries:{who}"
    cache.add(key, 0, timeout=_TRIES_WITHIN_S)
    if cache.incr(key) > most:
        raise ValidationError(_("Too many tries. Wait ten minutes, then copy the keys once more."))


def _scheme(vendor: str, application: VendorCredential | None) -> AuthScheme:
    adapter = vendors.adapter_class(vendor)
    if application:
        return adapter.scheme_named(application.scheme)
    return next(one for one in adapter.schemes if one.for_homeowners and not isinstance(one, OAuth2Code))
