"""The way into the journey and out of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from onboarding import invitations, journeys, wizard
from onboarding.models import Journey
from onboarding.views import guests
from onboarding.views.journey import closed, join_page, step_url


@require_GET
def welcome(request: HttpRequest, slug: str) -> HttpResponse:
    """Say who asks, why, what it takes and how long, and let people begin or go on."""
    page = join_page(request, slug)
    if page is None:
        return closed(request)
    user = request.user if isinstance(request.user, User) else None
    mine = Journey.objects.filter(partner=page.partner, user=user) if user else Journey.objects.none()
    context = {
        "page": page,
        "partner": page.partner,
        "under_way": mine.filter(finished_at=None, abandoned_at=None).exists(),
        "finished": mine.filter(finished_at__isnull=False).exists(),
        "start": reverse("join_start", args=[slug]),
    }
    return render(request, "join/welcome.html", context)


@require_GET
def invited(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    """Take an invitation's link; from here on its browser is let in, in the language of the invitation."""
    page = join_page(request, slug, token=token)
    if page is None:
        return closed(request)
    invitation = guests.of_browser(request, page.partner)
    response = redirect("join_welcome", slug)
    if invitation and invitation.language and check_for_language(invitation.language):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, invitation.language, max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE, httponly=True, samesite="Lax",
        )  # fmt: skip
    return response


@require_http_methods(["GET", "POST"])
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin a journey, or go on with the one under way; people come here from the welcome page or from sign-up."""
    page = join_page(request, slug)
    if page is None:
        return closed(request)
    if not isinstance(request.user, User):
        return redirect_to_login(request.path, reverse("account_signup"))
    invitation = guests.of_browser(request, page.partner)
    try:
        journey = journeys.begin(partner=page.partner, user=request.user, now=timezone.now(), invitation=invitation)
    except invitations.Used:  # by somebody else, this very moment: the page decides anew, without it
        return redirect("join_start", slug)
    return redirect(step_url(slug, wizard.next_step(journey)))


@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask whether to stop, then leave the journey and disconnect what was connected for it."""
    page = join_page(request, slug)
    if page is None or not isinstance(request.user, User):
        return redirect("join_welcome", slug)
    journey = journeys.under_way(page.partner, request.user)
    if journey is None:
        return redirect("join_welcome", slug)
    if request.method == "GET":
        return render(request, "join/stop.html", {"page": page, "partner": page.partner, "journey": journey})
    try:
        journeys.abandon(journey=journey, by=request.user, now=timezone.now())
    except ValidationError as error:
        messages.info(request, " ".join(error.messages))
    else:
        messages.success(request, _("You have left. Nothing was shared, and you can begin again at any time."))
    return redirect("join_welcome", slug)
