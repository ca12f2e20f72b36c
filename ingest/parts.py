"""Parts of an account that its vendor refuses while the rest goes on: an optional right not given, a smaller plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from gateways import events
from ingest import locks
from ingest.models import Connection
from ingest.vendors.base import PullPolicy


def note(
    *, connection: Connection, answered: Collection[str], refused: Mapping[str, str], now: datetime
) -> datetime | None:
    """Write down which resources are refused since when, and which are back; says nothing of what was not asked for.

    Returns since when the longest lost of those that are back was lost, None if none is.
    """
    known = connection.refused_parts
    lost, back = refused.keys() - known.keys(), known.keys() & set(answered)
    if not lost and not back:
        return None
    with transaction.atomic():
        row = locks.account(connection)
        for resource in sorted(lost):
            row.refused_parts[resource] = {"since": now.isoformat(), "reason": refused[resource][:300]}
            events.note(row, events.CONNECTION_PART_LOST, "pull", now, resource=resource)
        gone = [row.refused_parts.pop(resource) for resource in sorted(back & row.refused_parts.keys())]
        for resource in sorted(back):
            events.note(row, events.CONNECTION_PART_BACK, "pull", now, resource=resource)
        row.save(update_fields=["refused_parts"])
    connection.refused_parts = row.refused_parts
    return min((datetime.fromisoformat(part["since"]) for part in gone), default=None)


@transaction.atomic
def read_again(*, connection: Connection, since: datetime, policy: PullPolicy, now: datetime) -> None:
    """Move the account's cursors back to where a part was lost, as far as the policy allows."""
    start = max(since - policy.lookback, now - policy.max_lookback)
    locks.lock(connection.systems.all(), [connection])
    connection.systems.filter(pulled_through__gt=start).update(pulled_through=start)
