"""Showing what is sealed: once, to an owner who has just given the second factor; the action makes an Event of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control

from gateways.access import Duty
from gateways.admin import acts, columns, second_factor
from gateways.admin.acts import Act

REVEAL = Act(
    name="reveal", label="Reveal keys", done="", duty=Duty.GOVERN, form=None, at_most=1, when=lambda _row: True,
    warning="The keys are shown once, in plain text. That you saw them is written down for all owners to see.",
)  # fmt: skip


def action(about: Act) -> Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]:
    """Return the admin action that shows the secrets of one row once, to an owner with a second factor just given."""

    def reveal(self: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        row = self.limit(queryset, request, Duty.GOVERN).first() if queryset.count() == 1 else None
        if row is None:
            messages.error(request, f"Choose one {self.opts.verbose_name} of a partner that you are an owner of.")
            return None
        if not second_factor.given_recently(request):
            return second_factor.ask(request, then=columns.page(row))
        if "confirmed" not in request.POST:
            selected = {"rows": [row], "act": about, "checkbox": ACTION_CHECKBOX_NAME, "one": True}
            return acts.ask(self, request, None, title=about.label, button=about.label, **selected)
        try:
            revealed = self.plain_of(row, by=request.user, now=timezone.now())
        except self.refusals as error:
            messages.error(request, "; ".join(acts.reasons(error)))
            return None
        return page(self, request, row, revealed)

    vars(reveal).update(act=about, short_description=about.label, allowed_permissions=("govern",))
    return reveal


class Revealing:
    """What an admin class of rows with secrets is besides a PartnerAdmin; its `actions` name `reveal`."""

    def plain_of(self, row: Any, *, by: Any, now: Any) -> Sequence[tuple[str, str]]:
        """Do what reveals a row's secrets; return (label, secret) of each. Raises one of `refusals`."""
        raise NotImplementedError

    def has_govern_permission(self: Any, request: HttpRequest) -> bool:
        may: bool = self.may(request, Duty.GOVERN)
        return may

    reveal = action(REVEAL)


def page(admin: Any, request: Any, row: Any, revealed: Sequence[tuple[str, str]]) -> HttpResponse:
    """Return the page that shows secrets, which nobody keeps."""
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Keys of {row}",
        "opts": admin.opts,
        "media": admin.media,
        "back": columns.page(row),
        "revealed": revealed,
    }
    shown = TemplateResponse(request, "admin/revealed.html", context)
    patch_cache_control(shown, no_store=True, private=True)
    return shown
