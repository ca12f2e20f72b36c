"""/api/v1/gateways/{id}/energy: a day's totals, to reconcile with."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import reach, scopes
from gateways.rest.requests import Document, Query
from ingest import balance, statistics, telemetry
from ingest.api import reached
from ingest.api.signed import Signed
from ingest.api.statistics import BalanceDocument, shown
from ingest.api.telemetry import Measured
from ingest.readings import Kind
from ingest.statistics import Step

_FIRST, _LAST = dt.date(2000, 1, 2), dt.date(2099, 12, 30)


class EnergyQuery(Query):
    date = serializers.DateField(help_text="A day of the home's own calendar, as YYYY-MM-DD.")

    def validate_date(self, value: dt.date) -> dt.date:
        if not _FIRST <= value <= _LAST:
            msg = "Give a day of this century."
            raise serializers.ValidationError(msg)
        return value


class DerEnergyDocument(Measured):
    """A day of a DER."""

    sn = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(Kind))

    example: ClassVar = {
        "sn": "1106032231190012", "kind": "pv", "power_w": -1301.2, "generation_wh": 31229.0, "points": 288,
        "quality": "measured", "complete": True,
    }  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {"sn": fields["sn"], "kind": fields["kind"]} | fields  # first also in a table


class EnergyDocument(Document):
    """A day of a home, and of each of its DERs."""

    gateway = serializers.CharField()
    date = serializers.DateField()
    timezone = serializers.CharField()
    home = BalanceDocument()
    data = DerEnergyDocument(many=True, help_text="One for each DER.")  # type: ignore[assignment]  # a field's name

    example: ClassVar = {
        "gateway": "acme-0123456789abcdef", "date": "2026-06-15", "timezone": "Europe/Stockholm",
        "home": {
            **BalanceDocument.example, "start": "2026-06-14T22:00:00Z", "end": "2026-06-15T22:00:00Z",
            "generation_wh": 31229.0, "import_wh": None, "export_wh": None, "charge_wh": None, "discharge_wh": None,
            "consumption_wh": None, "soc": None,
        },
        "data": [DerEnergyDocument.example],
    }  # fmt: skip


class Energy(Signed):
    """A day's totals of a home."""

    required_scope = scopes.TELEMETRY_READ
    serializer_class = EnergyDocument
    queries: ClassVar = {"retrieve": EnergyQuery}

    def retrieve(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Return a day's energies of a home and of each DER, and how many points are stored of it."""
        (system, home), day = reached.measured_home(self.caller, gateway), self.query["date"]
        edges = [statistics.midnight(one, system.zone) for one in (day, day + dt.timedelta(days=1))]
        found = balance.of_home(system, edges, Step.DAY, reach.kinds(self.caller))
        ders = [_day(der.sn, Kind(der.kind), *buckets) for der, buckets in zip(found.ders, found.buckets, strict=True)]
        about = {"gateway": gateway, "date": day.isoformat(), "timezone": system.zone.key}
        answer = Response({**about, "home": shown(found.balances[0]), "data": ders})
        return self.provable(answer, gateway=home, subject="energy")


def _day(sn: str, kind: Kind, bucket: statistics.Bucket) -> dict[str, Any]:
    return {"sn": sn, "kind": str(kind), **telemetry.shown(kind, bucket)}
