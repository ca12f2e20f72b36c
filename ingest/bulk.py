"""Messages into the outbox and out of it by the thousand, past the ORM."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from django.db import connection as database

from ingest.models import Message

_COLUMNS = "gateway_id, der_id, payload, points, first_ts, last_ts, created_at, state, held_reason"
_TYPES = "int8", "int8", "text", "int2", "timestamptz", "timestamptz", "timestamptz", "varchar", "varchar"


@dataclass(slots=True)
class Waiting:
    """One message on its way out."""

    id: int
    der_id: int
    payload: str


def insert(messages: Sequence[Message]) -> None:
    """Insert messages that wait. Not by bulk_create: it sends PostgreSQL arrays, and to quote JSON in those is slow."""
    rows = [(m.gateway_id, m.der_id, m.payload, m.points, m.first_ts, m.last_ts, m.created_at) for m in messages]
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            with cursor.copy(f"COPY ingest_message ({_COLUMNS}) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(_TYPES)
                for row in rows:
                    copy.write_row((*row, "waiting", ""))
            return
        adapt = database.ops.adapt_datetimefield_value
        cursor.executemany(
            f"INSERT INTO ingest_message ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, 'waiting', '')",  # noqa: S608
            [(*row[:4], *map(adapt, row[4:])) for row in rows],
        )


def oldest(gateway_ids: list[int], limit: int) -> dict[int, list[Waiting]]:
    """Fetch the oldest `limit` waiting messages of each gateway."""
    found: dict[int, list[Waiting]] = defaultdict(list)
    if database.vendor == "postgresql":
        sql = """
            SELECT q.id, m.id, m.der_id, m.payload FROM unnest(%s::bigint[]) AS q(id) CROSS JOIN LATERAL (
                SELECT id, der_id, payload FROM ingest_message
                WHERE gateway_id = q.id AND state = 'waiting' ORDER BY id LIMIT %s) AS m"""
        with database.cursor() as cursor:
            cursor.execute(sql, [gateway_ids, limit])
            for gateway_id, message_id, der_id, payload in cursor.fetchall():
                found[gateway_id].append(Waiting(message_id, der_id, payload))
        for messages in found.values():
            messages.sort(key=attrgetter("id"))  # as good as sorted, but SQL does not promise it
        return found
    for gateway_id in gateway_ids:
        waiting = Message.objects.filter(gateway=gateway_id, state=Message.State.WAITING).order_by("id")
        found[gateway_id] = [Waiting(*row) for row in waiting.values_list("id", "der_id", "payload")[:limit]]
    return found
