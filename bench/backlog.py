"""Fills the outbox with messages that wait: an hour of a PV DER each, twelve points."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

import bench.portal  # noqa: F401  before the models
from bench import fleet, role
from ingest.models import Der, GatewayQueue, Message
from ingest.readings import Kind, Reading
from ingest.sen import envelope

POINTS = 12
_START = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(minutes=5)
_COLUMNS = "gateway_id, der_id, payload, points, first_ts, last_ts, state, held_reason, created_at"


@transaction.atomic
def fill(count: int) -> None:
    """Let `count` messages wait and nothing else be in the outbox; the gateways take turns, as pulls bring them."""
    ders = list(Der.objects.order_by("pk").values_list("system__gateway", "pk"))
    with database.cursor() as cursor:
        cursor.execute("TRUNCATE ingest_message CASCADE")
        with cursor.copy(f"COPY ingest_message ({_COLUMNS}) FROM STDIN") as copy:
            for row in _messages(ders, count):
                copy.write_row(row)
    waiting = Message.objects.values_list("gateway").annotate(Count("pk")).order_by()
    GatewayQueue.objects.bulk_create(
        (GatewayQueue(gateway_id=pk, waiting=number, due_at=timezone.now()) for pk, number in waiting),
        update_conflicts=True,
        unique_fields=["gateway"],
        update_fields=["waiting", "due_at"],
    )


def _messages(ders: list[tuple[int, int]], count: int) -> Iterator[tuple[Any, ...]]:
    now = timezone.now()
    for hour in range(-(-count // len(ders))):
        readings = _readings(_START + hour * timedelta(hours=1), hour)
        points = [
            (reading, envelope.der_object(Kind.PV, reading, make="Solis", rated_power_w=8200)) for reading in readings
        ]
        ((part, payload),) = envelope.payloads((reading, point) for reading, point in points if point)
        for gateway_id, der_id in ders[: count - hour * len(ders)]:
            yield gateway_id, der_id, payload, len(part), part[0].ts, part[-1].ts, "waiting", "", now


def _readings(start: datetime, hour: int) -> list[Reading]:
    return [
        Reading(
            ts=start + number * _STEP,
            power_w=-1234.0 - hour % 5000 - number,
            total_out_wh=Decimal(18_000_000 + 1000 * hour + 80 * number),
            temperature_c=31.5,
        )
        for number in range(POINTS)
    ]


def answer(*, gateways: int = 0, messages: int = 0) -> None:
    """Make gateways, fill the outbox, or both."""
    if gateways:
        fleet.make(gateways, Kind.PV)
    if messages:
        fill(messages)


if __name__ == "__main__":
    role.serve(answer)
