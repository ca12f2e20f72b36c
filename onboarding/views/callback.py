"""Where vendors send browsers back to."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from ingest import vendors
from ingest.models import Connection
from onboarding import journeys, steps, vendor_oauth, wizard
from onboarding.models import JoinSession
from onboarding.vendor_oauth import JoinFailed
from onboarding.views import connect, flows, trips
from onboarding.views.journey import step_url


@require_GET
def auth_granted(request: HttpRequest, vendor: str) -> HttpResponse:
    """Take the answer of a vendor's consent page, connect the account, and go on where the browser came from."""
    if vendor not in vendors.VENDORS:
        return render(request, "404.html", status=404)
    try:
        session, connection = vendor_oauth.arrive(
            vendor=vendor, callback=request.GET.dict(), own=trips.own(request), clock=timezone.now
        )
    except JoinFailed as failure:
        return _back_with_failure(request, failure)
    if session.flow:
        return flows.granted(request, session, connection)
    if session.journey:
        return _on_with_journey(request, session, connection)
    messages.success(request, _("%s is connected again.") % vendors.adapter_class(vendor).label)
    return redirect("home")


def _on_with_journey(request: HttpRequest, session: JoinSession, connection: Connection) -> HttpResponse:
    assert session.journey is not None  # noqa: S101  the caller looked
    try:
        journey = journeys.attach(journey=session.journey, connection=connection, now=timezone.now())
    except journeys.Over as error:
        messages.info(request, " ".join(error.messages))
        return redirect("join_welcome", session.partner.slug)
    connect.look_around(request, connection)
    return redirect(step_url(session.partner.slug, wizard.next_step(journey)))


def _back_with_failure(request: HttpRequest, failure: JoinFailed) -> HttpResponse:
    session = failure.session
    if session is None:
        return render(request, "join/lost.html", {"text": str(failure), "may_sign_in": True}, status=400)
    if session.flow:
        return flows.failed(request, failure)
    messages.error(request, str(failure))
    if session.journey is None:
        return redirect("home")
    journeys.note(session.journey, journeys.VENDOR_FAILED, timezone.now(), failure.code)
    return redirect(step_url(session.partner.slug, steps.BY_SLUG["connect"]))
