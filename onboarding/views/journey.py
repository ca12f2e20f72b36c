"""What every page of the journey begins with: the partner's join page, the homeowner's journey, the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views import View

from ingest import vendors
from onboarding import invitations, journeys, steps, wizard
from onboarding.models import JoinPage, Journey


def join_page(request: HttpRequest, slug: str) -> JoinPage:
    """Return a partner's join page; raise Http404 where there is none, or none for this browser."""
    page = JoinPage.objects.select_related("partner", "gateway_type").filter(partner__slug=slug).first()
    if page is None or not (page.open or invitations.of_browser(request, page.partner)):
        raise Http404
    return page


def step_url(slug: str, step: steps.Step) -> str:
    return reverse("join_step", args=[slug, step.slug])


class StepView(ABC, View):
    """A page of the journey: shows a form, calls one action with what it says, and goes on to the next step."""

    step: steps.Step
    template_name: str
    form_class: type[forms.Form] = forms.Form

    request: HttpRequest
    page: JoinPage
    journey: Journey

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the homeowner's own journey, and send them to the step they can take if it is not this one."""
        self.page = join_page(request, kwargs["slug"])
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path(), reverse("account_signup"))
        invitation = invitations.of_browser(request, self.page.partner)
        self.journey = journeys.begin(
            partner=self.page.partner, user=request.user, now=timezone.now(), invitation=invitation
        )
        if not wizard.may_open(self.journey, self.step):
            return redirect(step_url(self.page.partner.slug, wizard.next_step(self.journey)))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG002  the address names the partner
        return self.show(self.form(None))

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Do what the form says; what is wrong with it stands beside the field."""
        form = self.form(request.POST)
        if form.is_valid():
            try:
                self.save(form)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return redirect(self.next_url(slug))
        return self.show(form, status=422)

    def form(self, data: Any) -> forms.Form:
        return self.form_class(data)

    @abstractmethod
    def save(self, form: forms.Form) -> None:
        """Call the step's action. Raises ValidationError."""

    def next_url(self, slug: str) -> str:
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
            "vendor": vendors.adapter_class(chosen) if chosen else None,
        }
