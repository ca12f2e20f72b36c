"""/api/v1/gateways/{id}/statistics: a home's energies over time."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import reach, scopes
from gateways.rest import paging
from gateways.rest.requests import Document
from ingest import balance, telemetry
from ingest.api import reached, windows
from ingest.api.signed import Compressed
from ingest.api.windows import WindowQuery
from ingest.balance import Balance
from ingest.statistics import Step

_FLOWS = ("generation_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh", "consumption_wh")
_LONG = frozenset({Step.DAY, Step.MONTH})


class StatisticsQuery(WindowQuery):
    resolution = serializers.ChoiceField(
        choices=list(windows.STEPS), default="1h", help_text="Windows: up to 31 days, a year for `1d` and `1mo`."
    )


class BalanceDocument(Document):
    """A stretch of time in the calendar of the home. What is not known is null; energies are Wh, ≥ 0."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    generation_wh = serializers.FloatField(allow_null=True)
    import_wh = serializers.FloatField(allow_null=True)
    export_wh = serializers.FloatField(allow_null=True)
    charge_wh = serializers.FloatField(allow_null=True)
    discharge_wh = serializers.FloatField(allow_null=True)
    consumption_wh = serializers.FloatField(
        allow_null=True, help_text="generation + import + discharge - export - charge; null where a part is not known."
    )
    soc = serializers.FloatField(allow_null=True, help_text="The batteries' last, 0 to 1.")
    complete = serializers.BooleanField(help_text="False while it may grow: not over, or not read at the vendor yet.")

    example: ClassVar = {
        "start": "2026-06-15T10:00:00Z", "end": "2026-06-15T11:00:00Z", "generation_wh": 4210.0, "import_wh": 0.0,
        "export_wh": 2950.0, "charge_wh": 700.0, "discharge_wh": 0.0, "consumption_wh": 560.0, "soc": 0.81,
        "complete": True,
    }  # fmt: skip


class StatisticsPages(paging.CursorPages):
    """Pages that say what they are of."""

    more: ClassVar = {
        "gateway": {"type": "string", "examples": ["acme-0123456789abcdef"]},
        "resolution": {"type": "string", "enum": list(windows.STEPS), "examples": ["1h"]},
        "timezone": {"type": "string", "examples": ["Europe/Stockholm"]},
    }


class Statistics(Compressed):
    """A home's energies over time."""

    required_scope = scopes.TELEMETRY_READ
    serializer_class = BalanceDocument
    pagination_class = StatisticsPages
    queries: ClassVar = {"list": StatisticsQuery}

    def list(self, request: Request, gateway: str) -> Response:
        """Return a page of buckets in the home's own time zone, oldest first."""
        system, _ = reached.measured_home(self.caller, gateway)
        resolution = self.query["resolution"]
        step = windows.STEPS[resolution]
        longest = windows.YEAR if step in _LONG else windows.MONTH
        window = windows.asked(self.query, timezone.now(), longest=longest)
        edges, then = telemetry.edges_of_page(window.start, window.end, step, system.zone, limit=self.query["limit"])
        found = balance.of_home(system, edges, step, reach.kinds(self.caller))
        data = [shown(one) for one in found.balances]
        about = {"gateway": gateway, "resolution": resolution, "timezone": system.zone.key}
        return paging.answer(request, data, window.cursor(then), **about)


def shown(one: Balance) -> dict[str, Any]:
    """Return a home's balance as it is served."""
    flows = {name: telemetry.number(getattr(one, name)) for name in _FLOWS}
    return {"start": one.start, "end": one.end, **flows, "soc": one.soc, "complete": one.complete}
