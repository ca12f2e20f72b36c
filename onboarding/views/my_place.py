"""Changing where rewards go and where a home stands, by who has just shown again who they are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from gateways import actions, maps
from gateways.models import Gateway
from onboarding import wallet_proofs
from onboarding.forms import DegreesField, SourceField, WalletForm
from onboarding.views.home import own_home, user_of
from onboarding.views.reauthentication import asked_again
from onboarding.views.wallet import words_to_sign

_NAMEABLE = (Gateway.Status.CREATED, Gateway.Status.REGISTERED)


class PlaceForm(forms.Form):
    """Where a home stands."""

    def __init__(self, data: Any, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["latitude"] = DegreesField(_("Latitude"), 90)
        self.fields["longitude"] = DegreesField(_("Longitude"), 180)
        self.fields["source"] = SourceField()


@asked_again
@never_cache
@require_http_methods(["GET", "POST"])
def wallet(request: HttpRequest, serial: str) -> HttpResponse:
    """Name another wallet, or show that it is theirs, until SEN has bound the home to it."""
    gateway = own_home(request, serial)
    if gateway.status not in _NAMEABLE:
        messages.info(request, _("This home is bound to its wallet for good: that cannot be changed."))
        return redirect("home_one", serial)
    form = _wallet_form(request, gateway)
    if request.method == "POST" and form.is_valid():
        try:
            proven = _name_wallet(request, gateway, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            if proven:
                messages.success(request, _("This wallet is yours: your rewards will go to it."))
            return redirect("home_one" if proven else "home_wallet", serial)
    return render(request, "home/wallet.html", {"gateway": gateway, "form": form}, status=_status(form))


@login_required
@require_POST
def wallet_challenge(request: HttpRequest, serial: str) -> JsonResponse:
    """Answer a wallet in the browser with the words to sign: {"message": "…"}, or 422 {"error": "…"}."""
    return words_to_sign(request, user_of(request), own_home(request, serial).partner)


@asked_again
@never_cache
@require_http_methods(["GET", "POST"])
def place(request: HttpRequest, serial: str) -> HttpResponse:
    """Change where a home stands."""
    gateway = own_home(request, serial)
    known = gateway.coordinates
    initial = {"latitude": known.latitude, "longitude": known.longitude, "source": known.source} if known else {}
    form = PlaceForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            actions.locate_gateway(gateway=gateway, by=user_of(request), now=now, consented_at=now, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, _("Saved: this is where your home stands."))
            return redirect("home_one", serial)
    context = {"gateway": gateway, "form": form, **maps.context()}
    return render(request, "home/place.html", context, status=_status(form))


def _wallet_form(request: HttpRequest, gateway: Gateway) -> WalletForm:
    """Return the form for an address; for its signature, where the wallet is named and not shown to be theirs."""
    named = gateway.wallet
    waiting = None
    if named and named.proven_at is None and "change" not in request.GET:
        waiting = wallet_proofs.open_one(
            user=user_of(request), partner=gateway.partner, address=named.address, now=timezone.now()
        )
    data = request.POST if request.method == "POST" else None
    initial = {"address": named.address if named else ""}
    return WalletForm(data, signing=waiting.message if waiting else "", initial=initial)


def _name_wallet(request: HttpRequest, gateway: Gateway, answers: dict[str, str]) -> bool:
    user, now = user_of(request), timezone.now()
    address, proven = wallet_proofs.take(user=user, partner=gateway.partner, now=now, **answers)
    actions.bind_wallet(gateway=gateway, address=address, proven=proven, by=user, now=now)
    return proven


def _status(form: forms.Form) -> int:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
