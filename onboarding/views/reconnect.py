"""Connecting an account again: always there, whatever the account's state."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from gateways.vault import VaultError
from ingest import vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import AuthScheme, OAuth2Code
from ingest.vendors.errors import VendorError
from onboarding import consents, linking, vendor_oauth
from onboarding.forms import KeysForm
from onboarding.views import connect, policy, trips
from onboarding.views.home import user_of
from onboarding.views.my_consents import own_connection


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def reconnect(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Go to the vendor's consent page again, or ask for its keys again and try them before they are kept.

    Who has ended all consents for the account agrees to something first.
    """
    connection = own_connection(request, uid)
    if not consents.active(connection).exists():
        messages.info(request, _("First say what you share."))
        return redirect("home_sharing", connection.uid)
    scheme = vendors.scheme_of(connection.vendor, connection.scheme)
    if isinstance(scheme, OAuth2Code):
        return _by_consent(request, connection)
    return _by_keys(request, connection, scheme)


def _by_consent(request: HttpRequest, connection: Connection) -> HttpResponse:
    application = linking.offered(connection.partner, timezone.now()).get(connection.vendor) or connection.credential
    form = forms.Form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and application:
        try:
            return _depart(request, connection, application)
        except (VendorError, VaultError) as error:
            form.add_error(None, connect.said(error, connection.vendor))
    response = _page(request, connection, form, application=application)
    policy.let_leave_for(response, partner=connection.partner, vendor=connection.vendor)
    return response


def _depart(request: HttpRequest, connection: Connection, application: VendorCredential) -> HttpResponse:
    trip = vendor_oauth.depart(
        partner=connection.partner, vendor=connection.vendor, credential=application, clock=timezone.now,
        connection=connection, user=user_of(request),
    )  # fmt: skip
    trips.remember(request, trip.session)
    response = redirect(trip.url)
    policy.let_leave_for(response, partner=connection.partner, vendor=connection.vendor)
    return response


def _by_keys(request: HttpRequest, connection: Connection, scheme: AuthScheme) -> HttpResponse:
    if connection.credential_id:  # the partner's own key opens the account
        return _page(request, connection, forms.Form())
    form = KeysForm(request.POST if request.method == "POST" else None, scheme=scheme)
    if request.method == "POST" and form.is_valid():
        try:
            _try_keys(request, connection, form.cleaned_data)
        except (VendorError, VaultError, linking.LinkRefused) as error:
            form.add_error(None, connect.said(error, connection.vendor))
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, _("%s is connected again.") % connection.get_vendor_display())
            return redirect("home")
    return _page(request, connection, form, scheme=scheme)


def _try_keys(request: HttpRequest, connection: Connection, keys: dict[str, str]) -> None:
    connect.count_try(f"user:{user_of(request).pk}")
    linking.link_keys(
        partner=connection.partner, vendor=connection.vendor, scheme=connection.scheme, secrets=keys,
        owner=connection.owner, label=connection.label, by=user_of(request), clock=timezone.now, target=connection,
    )  # fmt: skip


def _page(request: HttpRequest, connection: Connection, form: forms.Form, **context: Any) -> HttpResponse:
    status = 422 if form.is_bound else 200
    return render(request, "home/reconnect.html", {"connection": connection, "form": form, **context}, status=status)
