"""What a homeowner decides about an account after it was connected: share more or less, stop a purpose, disconnect.

Locks are taken in the order in which the data plane takes them: systems, connections, queues, partner.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gateways.events import By
from ingest import connections, sharing
from ingest.models import Connection, GatewayQueue, System
from ingest.readings import Kind
from onboarding import consents
from onboarding.models import Consent

_Purpose = Consent.Purpose


@transaction.atomic
def share(
    *, connection: Connection, purposes: Collection[str], kinds: Collection[str], language: str, by: By, now: datetime
) -> None:
    """Record what the owner agrees to from now on, in place of what they agreed to before, and make it so.

    Raises ValidationError where nothing is left to share: that is what `disconnect` is for.
    """
    if not purposes or not kinds:
        raise ValidationError(_("Tick what you share and what for. To share nothing at all, disconnect the brand."))
    lock(connection.systems.all(), [connection])
    consents.give(
        partner=connection.partner, user=connection.owner, vendor=connection.vendor, connection=connection,
        purposes=[purpose for purpose in _Purpose if purpose in purposes], kinds=[k for k in Kind if k in kinds],
        language=language, now=now,
    )  # fmt: skip
    _apply(connection, purposes, by, now)
    sharing.withhold(connection=connection, kinds=[kind for kind in Kind if kind not in kinds], by=by, now=now)


@transaction.atomic
def stop(*, connection: Connection, purpose: str, by: By, now: datetime, ending: str = Consent.Ending.STOPPED) -> None:
    """Stop sharing for one purpose; the account is disconnected where none is left."""
    lock(connection.systems.all(), [connection])
    for consent in consents.active(connection).filter(purpose=purpose):
        consents.end(consent=consent, ending=ending, by=by, now=now)
    left = list(consents.active(connection).values_list("purpose", flat=True))
    _apply(connection, left, by, now)
    if not left:
        _disconnect(connection, by, now)


@transaction.atomic
def disconnect(*, connection: Connection, by: By, now: datetime) -> None:
    """Share nothing of an account any more and let go of it.

    Its gateways stay as they are and fall silent: they belong to their wallet for good at SEN, and who connects the
    same account again goes on with them. Releasing them would make that impossible.
    """
    lock(connection.systems.all(), [connection])
    for consent in consents.active(connection):
        consents.end(consent=consent, ending=Consent.Ending.STOPPED, by=by, now=now)
    _apply(connection, (), by, now)
    _disconnect(connection, by, now)


def lock(systems: QuerySet[System], accounts: Collection[Connection]) -> list[System]:
    """Wait for whoever pulls, connects or sends for these at this moment, and let nobody else until it is done."""
    locked = list(systems.select_for_update(of=("self",)).order_by("pk"))
    list(Connection.objects.select_for_update().filter(pk__in=[one.pk for one in accounts]).order_by("pk"))
    list(GatewayQueue.objects.select_for_update().filter(gateway__system__in=locked).order_by("pk"))
    return locked


def _apply(connection: Connection, purposes: Collection[str], by: By, now: datetime) -> None:
    for system in connection.systems.order_by("pk"):
        sharing.set_sharing(
            system=system, sends=_Purpose.REWARDS in purposes, shown=_Purpose.SERVICE in purposes, by=by, now=now
        )


def _disconnect(connection: Connection, by: By, now: datetime) -> None:
    connection.refresh_from_db()
    if connection.status != Connection.Status.DISCONNECTED:
        connections.disconnect(connection=connection, by=by, now=now)
