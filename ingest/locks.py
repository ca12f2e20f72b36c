"""The order in which rows of the data plane are locked: systems, accounts, queues, then `events.lock`."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from ingest.models import Connection, GatewayQueue, System


def lock(systems: QuerySet[System], accounts: Collection[Connection]) -> list[System]:
    """Wait for whoever pulls, connects or sends for these at this moment, and let nobody else until it is done."""
    locked = list(systems.select_for_update(of=("self",)).order_by("pk"))
    list(Connection.objects.select_for_update().filter(pk__in=[one.pk for one in accounts]).order_by("pk"))
    list(GatewayQueue.objects.select_for_update().filter(gateway__system__in=locked).order_by("pk"))
    return locked
