"""The order in which rows of the data plane are locked: accounts, systems, queues, then `events.lock`."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from ingest.models import Connection, GatewayQueue, System


def lock(systems: QuerySet[System], accounts: Collection[Connection]) -> list[System]:
    """Wait for whoever pulls, connects or sends for these at this moment, and let nobody else until it is done."""
    list(Connection.objects.select_for_update().filter(pk__in=[one.pk for one in accounts]).order_by("pk"))
    locked = list(systems.select_for_update(of=("self",)).order_by("pk"))
    # Nothing but the queues: whoever changes a gateway has its partner's lock before its row.
    list(GatewayQueue.objects.select_for_update(of=("self",)).filter(gateway__system__in=locked).order_by("pk"))
    return locked
