"""What a homeowner decides about an account after it was connected: share more or less, stop a purpose, disconnect."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from gateways.events import By
from ingest import connections, locks
from ingest.models import Connection
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
    locks.lock(connection.systems.all(), [connection])
    consents.give(
        partner=connection.partner, user=connection.owner, vendor=connection.vendor, connection=connection,
        purposes=[purpose for purpose in _Purpose if purpose in purposes], kinds=[k for k in Kind if k in kinds],
        language=language, now=now,
    )  # fmt: skip
    consents.enforce(connection=connection, by=by, now=now)


@transaction.atomic
def stop(*, connection: Connection, purpose: str, by: By, now: datetime, ending: str = Consent.Ending.STOPPED) -> None:
    """Stop sharing for one purpose; the account is disconnected where none is left."""
    locks.lock(connection.systems.all(), [connection])
    for consent in consents.active(connection).filter(purpose=purpose):
        consents.end(consent=consent, ending=ending, by=by, now=now)
    consents.enforce(connection=connection, by=by, now=now)
    if not consents.active(connection).exists():
        _disconnect(connection, by, now)


@transaction.atomic
def disconnect(*, connection: Connection, by: By, now: datetime) -> None:
    """Share nothing of an account any more and let go of it.

    Its gateways stay as they are and fall silent: they belong to their wallet for good at SEN, and who connects the
    same account again goes on with them. Releasing them would make that impossible.
    """
    locks.lock(connection.systems.all(), [connection])
    for consent in consents.active(connection):
        consents.end(consent=consent, ending=Consent.Ending.STOPPED, by=by, now=now)
    consents.enforce(connection=connection, by=by, now=now)
    _disconnect(connection, by, now)


def _disconnect(connection: Connection, by: By, now: datetime) -> None:
    connection.refresh_from_db()
    if connection.status != Connection.Status.DISCONNECTED:
        connections.disconnect(connection=connection, by=by, now=now)
