"""The public endpoints of partners' Join flows: a browser comes from a partner's site and goes back to it."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from gateways.rest import limits
from gateways.vault import VaultError
from ingest import vendors
from ingest.models import Connection
from ingest.readings import Kind
from ingest.vendors.errors import VendorError
from onboarding import answers, consent_texts, consents, enrollments, flow_links, flows, key_trips, vendor_oauth
from onboarding.forms import KeysForm
from onboarding.models import FlowVendor, JoinFlow, JoinPage, JoinSession
from onboarding.vendor_oauth import JoinFailed
from onboarding.views import trips
from onboarding.views.connect import count_try, said

log = structlog.get_logger(__name__)

_MOST_A_MINUTE = 60  # trips that one address begins
_MOST_TRIES = 60  # of keys, in ten minutes from one address, which a whole village may share


@never_cache
@require_GET
def authorize(request: HttpRequest, flow: uuid.UUID) -> HttpResponse:
    """Send a browser from a partner's site to the vendor's consent page, or to our form for keys.

    `vendor` is one of the flow's, `state` goes back as it came, `user` is what the partner calls the homeowner.
    """
    asked = JoinFlow.objects.select_related("partner").filter(uid=flow, deleted_at=None).first()
    if asked is None:
        return _lost(request, _("The link that you followed is not in use any more."), 404)
    if _too_many(request):
        return _lost(request, _("Too many people are starting at once. Try again in a minute."), 429)
    state, user = answers.raw_state(request.META.get("QUERY_STRING", "")), request.GET.get("user", "")
    chosen = asked.vendors.select_related("credential__partner").filter(vendor=_vendor(request)).first()
    if wrong := flow_links.wrong(chosen, state, user):
        return _back(asked, state[: answers.MAX_STATE], error="invalid_request", error_description=wrong)
    assert chosen is not None  # noqa: S101  that has been looked at
    return _depart(request, asked, chosen, state, user)


@never_cache
@require_http_methods(["GET", "POST"])
def keys(request: HttpRequest, session: uuid.UUID) -> HttpResponse:
    """Show our form for a vendor whose owners have keys, and try what they fill in."""
    trip = key_trips.of_browser(session, trips.own(request))
    if trip is None:
        return _lost(request, _("This page was opened in another browser, or is not valid any more. Start again."), 404)
    with _language_of(request, trip):
        try:
            return _answer(request, trip) if request.method == "POST" else _ask(request, trip)
        except JoinFailed as failure:
            return failed(request, failure)


def granted(request: HttpRequest, session: JoinSession, connection: Connection) -> HttpResponse:
    """Go back to the partner with the enrollment of an account that was just connected."""
    with _language_of(request, session):
        enrollment = enrollments.complete(session=session, connection=connection, clock=timezone.now)
    return _back(_flow(session), session.partner_state, enrollmentID=str(enrollment.uid))


def failed(_request: HttpRequest, failure: JoinFailed) -> HttpResponse:
    """Go back to the partner with what went wrong."""
    assert failure.session is not None  # noqa: S101  the caller looked
    flow, state = _flow(failure.session), failure.session.partner_state
    return _back(flow, state, error=failure.code, error_description=str(failure))


def _vendor(request: HttpRequest) -> str:
    asked = request.GET.get("vendor", "")
    return asked if asked in vendors.VENDORS else ""  # a database need not see what else comes


def _depart(request: HttpRequest, flow: JoinFlow, chosen: FlowVendor, state: str, user: str) -> HttpResponse:
    if chosen.credential is None:
        session = key_trips.depart(
            flow=flow, vendor=chosen.vendor, partner_state=state, user_reference=user, now=timezone.now()
        )
        trips.remember(request, session)
        return redirect("flow_keys", session.uid)
    try:
        trip = vendor_oauth.depart(
            partner=flow.partner, vendor=chosen.vendor, credential=chosen.credential, clock=timezone.now,
            flow=flow, partner_state=state, user_reference=user,
        )  # fmt: skip
    except (VendorError, VaultError) as error:
        log.warning("no consent page", flow=str(flow.uid), vendor=chosen.vendor, error=str(error))
        label = vendors.adapter_class(chosen.vendor).label
        wrong = f"The application for {label} does not work: test it in the portal."
        return _back(flow, state, error="server_error", error_description=wrong)
    trips.remember(request, trip.session)
    return _leave_for(trip.url)


def _ask(request: HttpRequest, trip: JoinSession, form: KeysForm | None = None) -> HttpResponse:
    key_trips.check(trip, timezone.now())
    flow, scheme = _flow(trip), flows.key_scheme(trip.vendor)
    assert scheme is not None  # noqa: S101  the flow was made for keys
    context = {"scheme": scheme, "form": form or KeysForm(None, scheme=scheme), **_asked(trip, flow)}
    response = render(request, "flows/keys.html", context, status=422 if form else 200)
    # The form ends at the partner: Chromium holds redirects after a form against `form-action`.
    parts = urlsplit(flow.redirect_uri)
    response._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]  # noqa: SLF001  django-csp's own way
    response["Content-Language"] = translation.get_language()
    return response


def _answer(request: HttpRequest, trip: JoinSession) -> HttpResponse:
    if "decline" in request.POST:
        raise key_trips.decline(session=trip, now=timezone.now())
    scheme = flows.key_scheme(trip.vendor)
    assert scheme is not None  # noqa: S101  the flow was made for keys
    form = KeysForm(request.POST, scheme=scheme)
    if form.is_valid():
        try:
            count_try(f"address:{limits.network_of(request)}", _MOST_TRIES)
            connection = key_trips.arrive(session=trip, keys=form.cleaned_data, clock=timezone.now)
        except ValidationError as error:
            form.add_error(None, error.messages)
        except (VendorError, VaultError) as error:
            form.add_error(None, said(error, trip.vendor))
        else:
            return granted(request, trip, connection)
    return _ask(request, trip, form)


def _asked(trip: JoinSession, flow: JoinFlow) -> dict[str, Any]:
    """Return who asks for what, in the words that are kept."""
    partner = trip.partner
    return {
        "partner": partner,
        "look": JoinPage.objects.filter(partner=partner).select_related("partner").first(),
        "brand": vendors.adapter_class(trip.vendor).label,  # a template would call the class itself
        "purposes": [consent_texts.purpose(purpose, partner) for purpose in flow.purposes],
        "reads": consent_texts.reads(partner, trip.vendor),
        "kinds": [consent_texts.KINDS[Kind(kind)] for kind in flow.kinds],
        "not_shared": consent_texts.NOT_SHARED,
        "ends": consent_texts.ends(consents.lasts_until(partner, timezone.now())),
    }


def _flow(session: JoinSession) -> JoinFlow:
    assert session.flow is not None  # noqa: S101  other trips do not come here
    return session.flow


def _language_of(request: HttpRequest, session: JoinSession) -> Any:
    """Speak the flow's language, unless the homeowner has chosen one."""
    language = _flow(session).language
    chosen = settings.LANGUAGE_COOKIE_NAME in request.COOKIES
    return translation.override(language) if language and not chosen else contextlib.nullcontext()


def _back(flow: JoinFlow, state: str, **answer: str) -> HttpResponse:
    return _leave_for(answers.url(flow, state, now=timezone.now(), **answer))


def _leave_for(url: str) -> HttpResponse:
    """Redirect away from us; neither caches nor the next site learn from where."""
    response = HttpResponseRedirect(url)
    response["Cache-Control"], response["Referrer-Policy"] = "no-store", "no-referrer"
    return response


def _lost(request: HttpRequest, text: str, status: int) -> HttpResponse:
    return render(request, "join/lost.html", {"text": text}, status=status)


def _too_many(request: HttpRequest) -> bool:
    """Count the trips that an address begins in a minute."""
    begun, _left_s = limits.count(f"flow-trips:{limits.network_of(request)}")
    return begun > _MOST_A_MINUTE
