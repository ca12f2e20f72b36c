"""What an owner shares, changed afterwards: whether readings go to SEN, whether staff see them, and of which kinds.

Who shares nothing with SEN any more finds nothing on its way there: what waits is deleted in the same transaction. Only
what a worker had claimed at that moment may still leave.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from operator import attrgetter

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from gateways import events
from gateways.events import By
from ingest import locks, outbox
from ingest.models import Connection, Der, System
from ingest.readings import Kind


def shared(ders: QuerySet[Der]) -> QuerySet[Der]:
    """Keep the DERs of kinds that their owner shares: what was read of others before is not shown any more."""
    withheld = Cast("system__connection__withheld_kinds", TextField())
    return ders.alias(withheld=withheld).exclude(withheld__contains=Concat(Value('"'), F("kind"), Value('"')))


@transaction.atomic
def set_sharing(*, system: System, sends: bool, shown: bool, by: By, now: datetime) -> None:
    """Let a system's readings go to SEN, and let staff see them, or not. Does nothing where that is so already.

    What was read while they did not go stays here: only new readings go.
    """
    system = System.objects.select_for_update(of=("self",)).select_related("connection__partner", "gateway").get(
        pk=system.pk
    )  # fmt: skip
    if (system.sends, system.shown) == (sends, shown):
        return
    system.sends, system.shown = sends, shown
    system.save(update_fields=["sends", "shown"])
    withdrawn = outbox.withdraw(gateway=system.gateway) if system.gateway and not sends else 0
    events.note(
        system.gateway or system.connection, events.GATEWAY_SHARING_CHANGED, by, now, system=system.external_id,
        sends=sends, shown=shown, withdrawn=withdrawn,
    )  # fmt: skip


@transaction.atomic
def withhold(*, connection: Connection, kinds: Collection[str], by: By, now: datetime) -> None:
    """Ask for, store and send nothing of DERs of these kinds from now on; all others are shared.

    Raises ValidationError for a kind there is none of. What is shared again is asked for anew from the vendor.
    """
    if unknown := set(kinds) - set(Kind):
        msg = f"There is no kind of device called {', '.join(sorted(unknown))}."
        raise ValidationError(msg)
    connection = locks.account(connection)
    # The store reads the kinds when it has the lock of its system.
    systems = list(connection.systems.select_for_update(of=("self",)).select_related("gateway").order_by("pk"))
    before, after = set(connection.withheld_kinds), {str(kind) for kind in kinds}
    if before == after:
        return
    connection.withheld_kinds = sorted(after)
    connection.save(update_fields=["withheld_kinds"])
    connection.systems.update(described_at=None)
    gateways = sorted((system.gateway for system in systems if system.gateway), key=attrgetter("pk"))
    withdrawn = sum(outbox.withdraw(gateway=gateway, kinds=after) for gateway in gateways) if after else 0
    events.note(connection, events.CONNECTION_WITHHELD, by, now, kinds=sorted(after), withdrawn=withdrawn)
