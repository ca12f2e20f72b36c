"""Apps that may act for a homeowner's homes, on the page of what is shared, and how they are stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gateways.models import Client
from gateways.oauth import grants, scopes
from onboarding import home_figures, my_homes
from onboarding.views.home import user_of


@dataclass(frozen=True)
class App:
    """An app, and what its homeowner lets it do for which homes since when."""

    client: Client
    homes: Sequence[str]
    may: Sequence[Any]
    sees: Sequence[Any]
    since: datetime
    last_used_at: datetime | None
    zone: str


def apps_of(user: User) -> list[App]:
    """Return the apps that may act for any home of a user, by name."""
    rows = grants.active(user).select_related("gateway__system").order_by("client__name", "client", "given_at", "pk")
    return [_app(client, list(given)) for client, given in groupby(rows, key=lambda grant: grant.client)]


@login_required
@require_POST
def stop_app(request: HttpRequest, client: str) -> HttpResponse:
    """Take back at once what an app was allowed."""
    user = user_of(request)
    app = get_object_or_404(Client, client_id=client, pk__in=grants.active(user).values("client"))
    grants.end(client=app, user=user, by=user, now=timezone.now())
    messages.success(request, _("Stopped. %s sees nothing of your homes any more.") % app.name)
    return redirect("home_consents")


def _app(client: Client, given: Sequence[Any]) -> App:
    agreed = {scope for grant in given for scope in grant.scopes} & set(scopes.allowed(client))
    used = [grant.last_used_at for grant in given if grant.last_used_at]
    return App(
        client=client, homes=[my_homes.name_of(grant.gateway) for grant in given],
        may=[words for scope, words in scopes.HOMEOWNERS.items() if scope in agreed],
        sees=[words for kind, words in home_figures.KINDS.items() if any(kind in grant.kinds for grant in given)],
        since=min(grant.given_at for grant in given), last_used_at=max(used, default=None),
        zone=my_homes.zone_of(my_homes.system_of(given[0].gateway)).key,
    )  # fmt: skip
