"""The readings of a DER. Their key has two parts, which Django's admin cannot show: this page does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views import View
from unfold.widgets import INPUT_CLASSES

from ingest.models import Der, Reading

HIDDEN = (
    "The owner of this home does not share its readings with staff. They are collected, and not shown to anybody here."
)
_PER_PAGE = 100
_DAYS_SHOWN = 2
_LONGEST_DAYS = 366
COLUMNS = (
    ("power_w", "Power, W"), ("energy_in_wh", "In, Wh"), ("energy_out_wh", "Out, Wh"), ("total_in_wh", "Total in, Wh"),
    ("total_out_wh", "Total out, Wh"), ("soc", "State of charge"), ("voltage_v", "V"), ("current_a", "A"),
    ("frequency_hz", "Hz"), ("temperature_c", "°C"),
)  # fmt: skip


class _Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d", attrs={"class": " ".join(INPUT_CLASSES)})


class DaysForm(forms.Form):
    """The first and the last day to show, in UTC."""

    since = forms.DateField(label="From", widget=_Day)
    until = forms.DateField(label="To", widget=_Day)

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        since, until = answers.get("since"), answers.get("until")
        if since and until and not timedelta(0) <= until - since <= timedelta(days=_LONGEST_DAYS):
            self.add_error("until", f"Must not be before the first day, nor more than {_LONGEST_DAYS} days after it.")
        return answers


class ReadingsView(View):
    """Readings of one DER, newest first; a stranger's DER is not found."""

    model_admin: Any = None

    def get(self, request: HttpRequest, der_id: int) -> HttpResponse:
        der = self.model_admin.get_object(request, str(der_id))
        if der is None:
            raise Http404
        form = DaysForm(request.GET if "since" in request.GET else _last_days(der))
        wanted = form.is_valid() and der.system.shown
        rows = _between(der, **form.cleaned_data) if wanted else Reading.objects.none()
        page = Paginator(rows, _PER_PAGE).get_page(request.GET.get("page"))
        columns = [(name, label) for name, label in COLUMNS if any(getattr(row, name) is not None for row in page)]
        context = {
            **self.model_admin.admin_site.each_context(request),
            "title": f"Readings of {der}",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "original": der,
            "links": self.model_admin.links(der)[1:],
            "form": form,
            "hidden": "" if der.system.shown else HIDDEN,
            "page": page,
            "columns": [label for _, label in columns],
            "rows": [(row, [getattr(row, name) for name, _ in columns]) for row in page],
        }
        return TemplateResponse(request, "admin/readings.html", context)


def _last_days(der: Der) -> dict[str, date]:
    last = (der.last_reading_at or timezone.now()).astimezone(UTC).date()
    return {"since": last - timedelta(days=_DAYS_SHOWN - 1), "until": last}


def _between(der: Der, since: date, until: date) -> QuerySet[Reading]:
    start, end = (datetime.combine(day, time(), UTC) for day in (since, until + timedelta(days=1)))
    return Reading.objects.filter(der=der, ts__gte=start, ts__lt=end).order_by("-ts")
