"""Who has a row for itself: for seconds or minutes under a lease, for a transaction under a lock.

Rows of the data plane are locked in one order: accounts, systems, queues, then `events.lock`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from gateways.models import Gateway
from ingest.models import Connection, GatewayQueue, System


def free(now: datetime) -> Q:
    """Match what no worker has for itself: without a lease, or under one that has lapsed."""
    return Q(lease__isnull=True) | Q(leased_until__lt=now)


def account(connection: Connection) -> Connection:
    """Return an account as it is now, locked, with its partner."""
    return Connection.objects.select_for_update(of=("self",)).select_related("partner").get(pk=connection.pk)


def lock(
    systems: QuerySet[System], accounts: Collection[Connection], gateways: Collection[Gateway] = ()
) -> list[System]:
    """Wait for whoever pulls, connects or sends for these at this moment, and let nobody else until it is done.

    `gateways` are those whose queues are locked besides the queues of the systems.
    """
    list(Connection.objects.select_for_update().filter(pk__in=[one.pk for one in accounts]).order_by("pk"))
    locked = list(systems.select_for_update(of=("self",)).order_by("pk"))
    ids = {one.gateway_id for one in locked if one.gateway_id} | {one.pk for one in gateways}
    list(GatewayQueue.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    return locked
