"""Fills the table for `bench.api`, and does in one process what its pages are measured against."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import psycopg
from django.db import connection as database
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from psycopg.rows import dict_row
from rest_framework.authentication import BaseAuthentication

import bench.portal  # noqa: F401  before the models
from bench import fleet, role
from gateways.models import Client, Partner
from gateways.oauth import scopes
from gateways.oauth.tokens import Caller, caller_of
from ingest import partitions
from ingest.api.telemetry import Telemetry
from ingest.models import Der
from ingest.readings import Kind
from tests.api import calling

_START = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(minutes=5)
_MONTH = timedelta(days=31)
_FILL = """
    INSERT INTO ingest_reading (der_id, ts, interval_s, power_w, total_out_wh, temperature_c, quality, received_at)
    SELECT d.id, %s + n * interval '5 minutes', 0, -1000 - n %% 5000, 18000000 + 80.25 * n, 20 + n %% 300 / 10.0,
        'measured', now()
    FROM generate_series(0, %s) AS n CROSS JOIN ingest_der AS d WHERE d.id = ANY(%s) ON CONFLICT DO NOTHING"""
_BARE = """
    SELECT ts, interval_s, power_w, energy_in_wh, energy_out_wh, total_out_wh, temperature_c FROM ingest_reading
    WHERE der_id = %s AND ts >= %s AND ts < %s ORDER BY ts LIMIT %s"""
_FORMER = 12  # DERs that have readings when the table is small, and for how many steps
_FORMER_STEPS = 8000


class _Bench:
    """Homes with a PV each, one partner, one client, and a connection that knows nothing of Django."""

    def __init__(self, homes: int) -> None:
        systems = fleet.make(homes, Kind.PV)
        self._ders = list(Der.objects.order_by("pk"))
        self._partner: Partner = systems[0].connection.partner
        self.token = _token(self._partner)
        self._bare = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row)

    def fill(self, rows: int) -> int:
        """Bring the table to about `rows` rows: at first of a few DERs, then of all."""
        ders = self._ders if rows > 2 * _FORMER * _FORMER_STEPS else self._ders[:_FORMER]
        count = rows // len(ders)
        partitions.ensure(_START + n * timedelta(days=25) for n in range(2 + int(count * _STEP / timedelta(days=25))))
        with database.cursor() as cursor:
            cursor.execute(_FILL, [_START, count - 1, [der.pk for der in ders]])
            cursor.execute("SELECT count(*) FROM ingest_reading")
            (found,) = cursor.fetchone() or (0,)
        return int(found)

    def page(self, limit: int, pick: int) -> dict[str, Any]:
        """Choose a page at random: of the DERs and the time that the small table has too."""
        chosen = random.Random(pick)
        der = chosen.choice(self._ders[:_FORMER])
        start = _START + _STEP * chosen.randrange(_FORMER_STEPS - limit)
        return {"der": der.pk, "sn": der.sn, "from": start.isoformat(), "to": (_START + _MONTH).isoformat()}

    def bare(self, page: dict[str, Any], limit: int) -> tuple[float, int]:
        """Return the seconds that psycopg and orjson take for a page, and its rows."""
        begin = time.perf_counter()
        rows = self._bare.execute(_BARE, [page["der"], page["from"], page["to"], limit]).fetchall()
        orjson.dumps(rows, default=float)
        return time.perf_counter() - begin, len(rows)

    def token_check(self, rounds: int) -> dict[str, float]:
        """Return milliseconds a request takes in this process, with the token's check and as if it had been done."""
        caller = caller_of(self.token, now=timezone.now())
        assert caller is not None  # noqa: S101  it was made a moment ago
        views = {"checked": Telemetry.as_view({"get": "list"}), "known": _knowing(caller).as_view({"get": "list"})}
        seconds: dict[str, list[float]] = {name: [] for name in views}
        for number in range(rounds):
            page = self.page(1, number)
            for name, view in views.items():
                seconds[name].append(_seconds(partial(_answer, view, page, self.token)))
        return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def _knowing(caller: Caller) -> type[Telemetry]:
    class Known(BaseAuthentication):
        def authenticate(self, request: Any) -> tuple[Any, Caller]:  # noqa: ARG002
            return caller.user, caller

    class Open(Telemetry):
        authentication_classes = (Known,)  # type: ignore[assignment]

    return Open


def _answer(view: Callable[..., Any], page: dict[str, Any], token: str) -> None:
    request: HttpRequest = RequestFactory(SERVER_NAME="localhost").get(
        "/", {"from": page["from"], "to": page["to"], "limit": 1}, headers={"Authorization": f"Bearer {token}"}
    )
    answer = view(request, sn=page["sn"]).render()
    assert answer.status_code == 200, answer.content  # noqa: S101


def _token(partner: Partner) -> str:
    client = {"purpose": Client.Purpose.REWARDS, "requests_per_minute": 10_000_000}
    return calling.backend(partner, scopes.TELEMETRY_READ, **client).token


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


class _Role:
    """Answers: make homes, fill the table, choose a page and take it bare, check tokens."""

    _bench: _Bench

    def __call__(self, *, homes: int = 0, rows: int = 0, limit: int = 0, pick: int = 0, checks: int = 0) -> Any:
        if homes:
            self._bench = _Bench(homes)
            return self._bench.token
        if rows:
            return self._bench.fill(rows)
        if checks:
            return self._bench.token_check(checks)
        page = self._bench.page(limit, pick)
        seconds, found = self._bench.bare(page, limit)
        return {"page": page, "seconds": seconds, "rows": found}


if __name__ == "__main__":
    role.serve(_Role())
