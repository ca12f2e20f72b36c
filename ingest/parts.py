"""Parts of an account that its vendor refuses while the rest goes on: an optional right not given, a smaller plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from gateways import events
from ingest.models import Connection


def note(*, connection: Connection, answered: Collection[str], refused: Mapping[str, str], now: datetime) -> None:
    """Write down which resources are refused since when, and which are back; says nothing of what was not asked for."""
    known = connection.refused_parts
    lost, back = refused.keys() - known.keys(), known.keys() & set(answered)
    if not lost and not back:
        return
    with transaction.atomic():
        row = Connection.objects.select_for_update().select_related("partner").get(pk=connection.pk)
        for resource in sorted(lost):
            row.refused_parts[resource] = {"since": now.isoformat(), "reason": refused[resource][:300]}
            _record(row, events.CONNECTION_PART_LOST, resource, now)
        for resource in sorted(back):
            row.refused_parts.pop(resource, None)
            _record(row, events.CONNECTION_PART_BACK, resource, now)
        row.save(update_fields=["refused_parts"])
    connection.refused_parts = row.refused_parts


def _record(connection: Connection, name: str, resource: str, now: datetime) -> None:
    subject = f"connection:{connection.uid}"
    events.record(
        partner=connection.partner, name=name, subject=subject, by="pull", now=now, data={"resource": resource}
    )
