"""Pages of journeys: the funnel, and the steps that staff take in a homeowner's place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from gateways import access
from gateways.access import Duty
from gateways.admin import columns
from gateways.models import Coordinates, Partner
from ingest.models import System
from onboarding import funnel, journeys, wizard
from onboarding.admin.pages import AdminPage
from onboarding.journeys import Place
from onboarding.models import ChosenSystem, Journey


class PeriodForm(forms.Form):
    """Which journeys are counted: those that began in the last days."""

    days = forms.TypedChoiceField(
        coerce=int, choices=[(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")],
        widget=UnfoldAdminSelectWidget, required=False, empty_value="",
    )  # fmt: skip
    partner = forms.ModelChoiceField(
        Partner.objects.none(), required=False, empty_label="All", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, data: Any, *, request: HttpRequest) -> None:
        super().__init__(data, initial={"days": 30})
        choices: Any = self.fields["partner"]
        choices.queryset = access.partners(request.user, Duty.SEE)


class FunnelView(AdminPage):
    """How many journeys got how far."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form = PeriodForm(request.GET or None, request=request)
        asked = form.cleaned_data if form.is_valid() else {}
        rows = self.model_admin.limit(Journey.objects.all(), request, Duty.SEE)
        rows = rows.filter(created_at__gte=timezone.now() - timedelta(days=asked.get("days") or 30))
        if partner := asked.get("partner"):
            rows = rows.filter(partner=partner)
        steps = [
            (step, columns.age(step.median.total_seconds()) if step.median is not None else "-")
            for step in funnel.of(rows)
        ]
        return self.show("admin/funnel.html", "Funnel of journeys", form=form, steps=steps)


class _StepForm(forms.Form):
    """A step that staff can take; `act` calls its one action."""

    button = "Go on"

    def __init__(self, data: Any, *, journey: Journey) -> None:
        super().__init__(data)
        self.journey = journey

    def act(self, by: Any, now: Any) -> None:
        raise NotImplementedError


class HomesForm(_StepForm):
    systems = forms.ModelMultipleChoiceField(
        System.objects.none(), label="Homes that join", widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    def __init__(self, data: Any, *, journey: Journey) -> None:
        super().__init__(data, journey=journey)
        choices: Any = self.fields["systems"]
        choices.queryset = System.objects.filter(connection=journey.connection, gone_at=None)
        self.initial = {"systems": choices.queryset}

    def act(self, by: Any, now: Any) -> None:  # noqa: ARG002  the timeline says that staff took over
        journeys.choose_systems(journey=self.journey, systems=list(self.cleaned_data["systems"]), now=now)


class WalletForm(_StepForm):
    address = forms.CharField(
        label="Wallet", max_length=64, required=False, widget=UnfoldAdminTextInputWidget,
        help_text="The homeowner's Solana address. It waits for their own proof. Empty: they name one later.",
    )  # fmt: skip

    def act(self, by: Any, now: Any) -> None:  # noqa: ARG002  the timeline says that staff took over
        if address := self.cleaned_data["address"]:
            journeys.name_wallet(journey=self.journey, address=address, proven=False, now=now)
        else:
            journeys.postpone_wallet(journey=self.journey, now=now)


class PlaceForm(_StepForm):
    """Confirms where the next home stands, one after the other."""

    map = True
    button = "Confirm the place"
    latitude = forms.DecimalField(
        max_digits=9, widget=UnfoldAdminDecimalFieldWidget, help_text="Degrees, north positive, e.g. 59.33"
    )
    longitude = forms.DecimalField(
        max_digits=9, widget=UnfoldAdminDecimalFieldWidget, help_text="Degrees, east positive, e.g. 18.07"
    )
    source = forms.CharField(initial=Coordinates.Source.TYPED, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, journey: Journey) -> None:
        super().__init__(data, journey=journey)
        chosen = journey.chosen.filter(confirmed_at=None).select_related("system").first()
        assert chosen is not None  # noqa: S101  else the step would be done
        self.chosen: ChosenSystem = chosen
        self.initial = {"latitude": chosen.latitude, "longitude": chosen.longitude, "source": chosen.source or "typed"}
        self.help_steps = [f"Home: {chosen.system}. Put the pin on it, as the homeowner tells you."]

    def act(self, by: Any, now: Any) -> None:  # noqa: ARG002  the timeline says that staff took over
        source = self.cleaned_data["source"]
        place = Place(
            Decimal(self.cleaned_data["latitude"]), Decimal(self.cleaned_data["longitude"]),
            source if source in Coordinates.Source.values else Coordinates.Source.TYPED,
        )  # fmt: skip
        journeys.confirm_places(journey=self.journey, places={self.chosen.pk: place}, now=now)


class FinishForm(_StepForm):
    button = "Finish"

    def act(self, by: Any, now: Any) -> None:
        journeys.finish(journey=self.journey, by=by, now=now)


_FORMS: dict[str, Callable[..., _StepForm]] = {
    "homes": HomesForm, "wallet": WalletForm, "place": PlaceForm, "review": FinishForm,
}  # fmt: skip


class HelpView(AdminPage):
    """The next step of a journey that was taken over, where staff may take it."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._ask(self._journey(request, pk), None)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        journey = self._journey(request, pk)
        form = self._form(journey, request.POST)
        # A page that was left open may post what another step asked for.
        if form is None or request.POST.get("step") != wizard.next_step(journey).slug:
            return HttpResponseRedirect(request.path)
        if form.is_valid():
            try:
                form.act(self.user, timezone.now())
            except ValidationError as error:
                form.add_error(None, "; ".join(error.messages))
            else:
                return self._on(journey)
        return self._ask(journey, form)

    def _on(self, journey: Journey) -> HttpResponse:
        journey.refresh_from_db()
        if journey.finished_at:
            messages.success(self.request, f"{journey} is finished.")
            return HttpResponseRedirect(columns.page(journey))
        return HttpResponseRedirect(self.request.path)

    def _ask(self, journey: Journey, form: _StepForm | None) -> HttpResponse:
        step = wizard.next_step(journey)
        return self.show(
            "admin/help_journey.html", f"{journey}: {step.title}", journey=journey, step=step,
            form=form or self._form(journey, None), progress=wizard.progress(journey, step),
        )  # fmt: skip

    def _form(self, journey: Journey, data: Any) -> _StepForm | None:
        form = _FORMS.get(wizard.next_step(journey).slug)
        return form(data, journey=journey) if form else None

    def _journey(self, request: HttpRequest, pk: int) -> Journey:
        rows = self.model_admin.limit(Journey.objects.all(), request, Duty.OPERATE).select_related(
            "partner__join_page", "user", "connection", "wallet"
        )
        journey: Journey = get_object_or_404(rows, pk=pk, helper__isnull=False, finished_at=None, abandoned_at=None)
        return journey
