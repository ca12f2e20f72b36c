"""Adding in two steps: which vendor it is, and which of its ways in, decides what is asked for."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from gateways.admin import acts
from gateways.admin.base import PartnerAdmin
from ingest.admin.base import REFUSALS
from ingest.admin.secrets import WhoseForm


class TwoStepAdmin(PartnerAdmin):
    """For rows that name their partner and vendor themselves."""

    partner_paths = ("partner",)
    refusals = REFUSALS
    first_step: ClassVar[type[WhoseForm]] = WhoseForm

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for partner and vendor first; they stand in the address of the second step."""
        first = self.first_step(request.GET or None, request=request)
        if self.has_add_permission(request) and not first.is_valid():
            return acts.ask(self, request, first, title=f"Add {self.opts.verbose_name}", button="Next", method="get")
        return super().add_view(request, form_url, extra_context)
