"""What every page of the journey begins with: the partner's join page, the homeowner's journey, the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views import View

from ingest import vendors
from onboarding import journeys, steps, wizard
from onboarding.models import JoinPage, Journey
from onboarding.views import branding, guests


def join_page(request: HttpRequest, slug: str, token: str = "") -> JoinPage | None:
    """Return a partner's join page, which gives this browser its look; None where there is none for this browser.

    A closed one is there for who is invited (`token`, once), and for who has ever begun, on whatever device.
    """
    page = JoinPage.objects.select_related("partner", "gateway_type").filter(partner__slug=slug).first()
    if page is None:
        return None
    if token:
        guests.open_link(request, page.partner, token, now=timezone.now())
    if not (page.open or guests.of_browser(request, page.partner) or _is_known(request, page)):
        return None
    branding.remember(request, page)
    return page


def closed(request: HttpRequest) -> HttpResponse:
    """Say that a link leads nowhere, without telling whether the partner exists."""
    return render(request, "join/closed.html", status=404)


def step_url(slug: str, step: steps.Step) -> str:
    return reverse("join_step", args=[slug, step.slug])


class StepView(ABC, View):
    """A page of the journey: shows a form, calls one action with what it says, and goes on to the next step."""

    step: steps.Step
    template_name: str
    form_class: type[forms.Form] = forms.Form

    request: HttpRequest
    user: User
    page: JoinPage
    journey: Journey

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the homeowner's own journey, and send them to the step they can take if it is not this one."""
        slug = kwargs["slug"]
        page = join_page(request, slug)
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        if page is None:
            return closed(request)
        journey = journeys.under_way(page.partner, request.user)
        if journey is None:  # a window of a journey that is over, or a link that was passed on
            return redirect("join_welcome", slug)
        self.page, self.journey, self.user = page, journey, request.user
        if not wizard.may_open(journey, self.step):
            return redirect(step_url(slug, wizard.next_step(journey)))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG002  the address names the partner
        return self.show(self.form(None))

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Do what the form says; what is wrong with it stands beside the field."""
        form = self.form(request.POST)
        if form.is_valid():
            try:
                self.save(form)
            except journeys.Over as error:  # finished or left in another window meanwhile
                messages.info(request, " ".join(error.messages))
                return redirect("join_welcome", slug)
            except ValidationError as error:
                form.add_error(None, error.messages)
            else:
                return redirect(self.next_url(slug))
        return self.show(form, status=422)

    def form(self, data: Any) -> forms.Form:
        return self.form_class(data)

    @abstractmethod
    def save(self, form: Any) -> None:
        """Call the step's action. Raises ValidationError."""

    def next_url(self, slug: str) -> str:
        """Return the step after this one, or the first one that is not done."""
        self.journey = Journey.objects.get(pk=self.journey.pk)
        return step_url(slug, wizard.next_step(self.journey))

    def show(self, form: forms.Form, status: int = 200) -> HttpResponse:
        return render(self.request, self.template_name, {**self.context(), "form": form}, status=status)

    def context(self) -> dict[str, Any]:
        """Return what the template needs beside the form."""
        chosen = self.journey.vendor
        return {
            "page": self.page,
            "partner": self.page.partner,
            "journey": self.journey,
            "step": self.step,
            "progress": wizard.progress(self.journey, self.step),
            "vendor": vendors.adapter_class(chosen).label if chosen else "",
        }


def _is_known(request: HttpRequest, page: JoinPage) -> bool:
    user = request.user
    return isinstance(user, User) and Journey.objects.filter(partner=page.partner, user=user).exists()
