"""The consent page: an app asks a homeowner, who says yes for some homes, or no (RFC 6749, 4.1.1).

The request stays in the address and is checked anew with every step: no form can change what is asked.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from gateways.models import Gateway
from gateways.oauth import authorizing, grants, scopes
from gateways.oauth.authorizing import Asked, Refused
from ingest.readings import Kind
from onboarding import home_figures, my_homes
from onboarding.models import JoinPage
from onboarding.views import branding, policy
from onboarding.views.home import user_of
from onboarding.views.reauthentication import there_just_now


class Back(HttpResponseRedirect):
    """Sends the browser back to the app, with a GET and without what a form held (RFC 9700, 4.12)."""

    status_code = 303


class HomesForm(forms.Form):
    """Which homes an app may act for, and which kinds of devices it sees; ticked is what it may now."""

    def __init__(self, data: Any, *, user: User, asked: Asked) -> None:
        super().__init__(data)
        homes = grants.homes_of(user, asked.client).select_related("system").order_by("created_at", "pk")
        now = grants.active(user).filter(client=asked.client).values_list("gateway__serial", flat=True)
        seen = grants.kinds_of(client=asked.client, user=user) or set(Kind)
        self.by_serial = {home.serial: home for home in homes}
        self.fields["homes"] = forms.MultipleChoiceField(
            label=_("For which homes?"), widget=forms.CheckboxSelectMultiple, initial=list(now),
            choices=[(serial, my_homes.name_of(home)) for serial, home in self.by_serial.items()],
            error_messages={"required": _("Tick at least one home.")},
        )  # fmt: skip

        self.fields["kinds"] = forms.MultipleChoiceField(
            label=_("Which devices may it see?"), widget=forms.CheckboxSelectMultiple, initial=sorted(seen),
            choices=[(kind.value, home_figures.KINDS[kind]) for kind in Kind],
            error_messages={"required": _("Tick at least one.")},
        )  # fmt: skip

    def chosen(self) -> Collection[Gateway]:
        return [self.by_serial[serial] for serial in self.cleaned_data["homes"]]


@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponseBase:
    """Ask whoever is signed in whether an app may act for their homes."""
    try:
        asked = authorizing.read(request.GET)
        if page := JoinPage.objects.select_related("partner").filter(partner=asked.client.partner).first():
            branding.remember(request, page)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        # What a home signs can bind it to a wallet, for good: a session that was left open is not enough for that.
        ask = there_just_now(_ask) if scopes.GATEWAY_SIGN in asked.scopes else _ask
        return ask(request, asked)
    except Refused as refused:
        # Nobody is sent anywhere by a link alone: first they sign in (RFC 9700, 4.11.2).
        if refused.back and request.user.is_authenticated:
            return Back(refused.back)
        return render(request, "oauth/refused.html", {"reason": refused.reason, "back": refused.back}, status=400)


def _ask(request: HttpRequest, asked: Asked) -> HttpResponse:
    user = user_of(request)
    form = HomesForm(request.POST if request.method == "POST" else None, user=user, asked=asked)
    if "deny" in request.POST:
        return Back(authorizing.deny(asked))
    if request.method == "POST" and form.is_valid():
        try:
            answers = {"homes": form.chosen(), "kinds": form.cleaned_data["kinds"]}
            return Back(authorizing.allow(asked=asked, user=user, now=timezone.now(), **answers))
        except ValidationError as error:  # a home went meanwhile
            form.add_error(None, error)
    context = {
        "form": form, "client": asked.client, "partner": asked.client.partner, "user": user,
        "host": urlsplit(asked.redirect_uri).netloc,
        "may": [words for scope, words in scopes.HOMEOWNERS.items() if scope in asked.scopes],
        "may_not": [words for scope, words in scopes.HOMEOWNERS.items() if scope not in asked.scopes],
    }  # fmt: skip
    response = render(request, "oauth/consent.html", context, status=422 if form.is_bound else 200)
    policy.let_leave_to(response, asked.redirect_uri)
    return response
