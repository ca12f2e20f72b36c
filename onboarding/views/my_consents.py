"""The consent center: who sees what, since and until when, and how to change or stop it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ingest import vendors
from ingest.models import Connection, GatewayQueue
from ingest.readings import Kind
from onboarding import consent_texts, consents, my_homes, my_sharing
from onboarding.models import Consent
from onboarding.views import my_apps
from onboarding.views.home import user_of


@dataclass(frozen=True)
class Shared:
    """An account with what counts for it now, and what once did."""

    connection: Connection
    reads: str
    active: Sequence[tuple[Consent, str]]
    ended: Sequence[Consent]
    kinds: Sequence[str]
    refused: Sequence[str]
    last_sent_at: datetime | None
    zone: str


class SharingForm(forms.Form):
    """What for, and which kinds of devices; ticked is what is shared now."""

    def __init__(self, data: Any, *, connection: Connection, **options: Any) -> None:
        super().__init__(data, **options)
        active = list(consents.active(connection))
        shared = {kind for consent in active for kind in consent.kinds}
        purposes = [(purpose.value, consent_texts.purpose(purpose, connection.partner)) for purpose in Consent.Purpose]
        offered = vendors.adapter_class(connection.vendor).kinds
        self.fields["purposes"] = forms.MultipleChoiceField(
            label=_("What it is used for"), choices=purposes, initial=[consent.purpose for consent in active],
            widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Tick at least one.")},
        )  # fmt: skip
        self.fields["kinds"] = forms.MultipleChoiceField(
            label=_("What"), widget=forms.CheckboxSelectMultiple, initial=sorted(shared),
            choices=[(kind.value, consent_texts.KINDS[kind]) for kind in Kind if kind in offered],
            error_messages={"required": _("Tick at least one.")},
        )  # fmt: skip


@login_required
@never_cache
@require_GET
def my_consents(request: HttpRequest) -> HttpResponse:
    rows = [_shared(connection) for connection in my_homes.connections_of(user_of(request))]
    apps = my_apps.apps_of(user_of(request))
    context = {"rows": rows, "apps": apps, "not_shared": consent_texts.NOT_SHARED}
    return render(request, "home/consents.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Change what is shared of an account: the owner agrees anew to all that is ticked."""
    connection = own_connection(request, uid)
    form = SharingForm(request.POST if request.method == "POST" else None, connection=connection)
    if request.method == "POST" and form.is_valid():
        try:
            my_sharing.share(
                connection=connection, language=get_language() or "en", by=user_of(request), now=timezone.now(),
                **form.cleaned_data,
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved. From now on this is what you share."))
            return _after_sharing(connection)
    context = {
        "form": form, "connection": connection, "not_shared": consent_texts.NOT_SHARED,
        "reads": consent_texts.reads(connection.partner, connection.vendor),
        "until": consent_texts.ends(consents.lasts_until(connection.partner, timezone.now())),
    }  # fmt: skip
    return render(request, "home/sharing.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def stop(request: HttpRequest, uid: uuid.UUID, purpose: str) -> HttpResponse:
    """Stop one purpose of an account at once; it can be given again."""
    connection = own_connection(request, uid)
    my_sharing.stop(connection=connection, purpose=purpose, by=user_of(request), now=timezone.now())
    messages.success(request, _("Stopped. You can agree to it again at any time."))
    return redirect("home_consents")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def disconnect(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Say what it means to disconnect a brand, then do it."""
    connection = own_connection(request, uid)
    if request.method == "POST":
        my_sharing.disconnect(connection=connection, by=user_of(request), now=timezone.now())
        messages.success(request, _("%s is disconnected.") % connection.get_vendor_display())
        return redirect("home_consents")
    return render(request, "home/disconnect.html", {"connection": connection})


def own_connection(request: HttpRequest, uid: uuid.UUID) -> Connection:
    """Return the user's own account at a vendor; raise Http404 for anybody else's."""
    return get_object_or_404(my_homes.connections_of(user_of(request)), uid=uid)


def _after_sharing(connection: Connection) -> HttpResponse:
    """A brand that was disconnected has to be connected again, too."""
    if connection.status == Connection.Status.DISCONNECTED:
        return redirect("home_reconnect", connection.uid)
    return redirect("home_consents")


def _shared(connection: Connection) -> Shared:
    rows = list(Consent.objects.filter(connection=connection))
    active = [consent for consent in rows if consent.ended_at is None]
    queues = GatewayQueue.objects.filter(gateway__system__connection=connection)
    return Shared(
        connection=connection,
        reads=consent_texts.reads(connection.partner, connection.vendor),
        active=[(consent, consent_texts.purpose(consent.purpose, connection.partner)) for consent in active],
        ended=[consent for consent in rows if consent.ended_at],
        kinds=_names({kind for consent in active for kind in consent.kinds}),
        refused=my_homes.part_names(connection),
        last_sent_at=queues.aggregate(last=Max("last_delivered_at"))["last"],
        zone=my_homes.zone_of(connection.systems.exclude(gateway=None).first()).key,
    )


def _names(kinds: Collection[str]) -> list[str]:
    return [str(consent_texts.KINDS[kind]) for kind in Kind if kind in kinds]
