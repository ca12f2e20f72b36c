"""What comes of a flow's trip: the account is read for the partner's own user, from the vendor's yes to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import translation

from gateways import events
from gateways.events import By
from gateways.models import Event, GatewayType, Partner
from ingest import duplicates, locks
from ingest.models import Connection, System
from onboarding import actions, consents, linking, my_sharing
from onboarding.models import Consent, Enrollment, JoinFlow, JoinPage, JoinSession

log = structlog.get_logger(__name__)

_FORGOTTEN_AFTER = timedelta(days=30)
_Status = Enrollment.Status
_Account = Connection.Status
_NAMES = {
    _Status.ACTIVE: events.ENROLLMENT_ACTIVATED,
    _Status.REJECTED: events.ENROLLMENT_REJECTED,
    _Status.ENDED: events.ENROLLMENT_ENDED,
}


def complete(*, session: JoinSession, connection: Connection, clock: Callable[[], datetime]) -> Enrollment:
    """Enroll the account that a flow's trip connected, look what is there, and give each home its gateway.

    What the vendor does not tell right now comes with the ticks.
    """
    enrollment = _enroll(session=session, connection=connection, now=clock())
    if enrollment.status == _Status.ACTIVE:
        linking.look_around(connection, clock=clock)
        take_in_homes(enrollment=enrollment, by="homeowner", now=clock())
    return enrollment


def settle(*, now: datetime, until: float) -> int:
    """Let enrollments follow their accounts: approved, rejected, ended, and homes that were found since.

    Works until `until` (time.monotonic); the rest comes with the next tick. Returns how many moved on.
    """
    ended = Q(connection__status=_Account.DISCONNECTED)
    approved = Q(status=_Status.PENDING_VENDOR) & ~Q(connection__status=_Account.PENDING)
    moved = 0
    for enrollment in _some(_living().filter(ended | approved), until):
        _follow(enrollment, now)
        moved += 1
    homeless = _living().filter(status=_Status.ACTIVE, connection__in=_new_homes().values("connection"))
    for enrollment in _some(homeless, until):
        take_in_homes(enrollment=enrollment, by="onboarding", now=now)
    return moved


@transaction.atomic
def end(*, enrollment: Enrollment, by: By, now: datetime) -> None:
    """End an enrollment: nothing of its account is shared any more, and it is disconnected.

    One that has ended stays as it is: somebody else may have the account by now.
    """
    connection = enrollment.connection
    locks.lock(connection.systems.all(), [connection])
    events.lock(enrollment.partner_id)
    living = _living().filter(pk=enrollment.pk).first()
    if living:
        _move(living, _Status.ENDED, by, now)
        my_sharing.disconnect(connection=connection, by=by, now=now)


def forget_trips(*, now: datetime) -> int:
    """Delete flows' trips that nothing came of, a month after their end; return how many."""
    stale = JoinSession.objects.filter(flow__isnull=False, enrollment=None, expires_at__lt=now - _FORGOTTEN_AFTER)
    return stale.delete()[0]


def take_in_homes(*, enrollment: Enrollment, by: By, now: datetime) -> None:
    """Give each home of the account that has none a gateway, and let its readings go where the consents say."""
    connection = enrollment.connection
    for system in _new_homes().filter(connection=connection):
        if duplicates.linked_elsewhere(system):  # it stays there; the admin shows it without a gateway here
            continue
        try:
            gateway_type = gateway_type_of(enrollment.partner)
            actions.give_gateway(system=system, gateway_type=gateway_type, by=by, now=now)
        except ValidationError as error:
            log.info(
                "home not taken in", enrollment=str(enrollment.uid), system=system.pk, why="; ".join(error.messages)
            )
    consents.enforce(connection=connection, by=by, now=now)


def gateway_type_of(partner: Partner) -> GatewayType:
    """Return the type of the gateways that a partner's homes get. Raises ValidationError where nobody has said."""
    page = JoinPage.objects.filter(partner=partner).select_related("gateway_type").first()
    types = [page.gateway_type] if page else list(GatewayType.objects.filter(partner=partner)[:2])
    if len(types) == 1:
        return types[0]
    msg = "Say on the partner's join page of which type the gateways of its homes are."
    raise ValidationError(msg)


@transaction.atomic
def _enroll(*, session: JoinSession, connection: Connection, now: datetime) -> Enrollment:
    """Write down the consent and the enrollment.

    The same user with the same account through the same flow keeps the enrollment, so that the partner finds what it
    knows; through another flow it is a new one, because what is agreed to is another thing.
    """
    flow = session.flow
    assert flow is not None  # noqa: S101  other trips do not come here
    locks.lock(connection.systems.all(), [connection])
    events.lock(session.partner_id)
    connection.refresh_from_db()
    _agree(session, flow, connection, now)
    same = {"flow": flow, "connection": connection, "user_reference": session.user_reference}
    enrollment = Enrollment.objects.filter(**same).first()
    for other in _living().filter(connection=connection):
        if other != enrollment:
            _move(other, _Status.ENDED, "homeowner", now)
    name = events.ENROLLMENT_RENEWED if enrollment else events.ENROLLMENT_CREATED
    enrollment = enrollment or Enrollment(partner=session.partner, created_at=now, **same)
    pending = connection.status == _Account.PENDING
    enrollment.session, enrollment.settled_at = session, None if pending else now
    enrollment.status = _Status.PENDING_VENDOR if pending else _Status.ACTIVE
    enrollment.full_clean()
    enrollment.save()
    _record(enrollment, name, "homeowner", now)
    return enrollment


def _agree(session: JoinSession, flow: JoinFlow, connection: Connection, now: datetime) -> None:
    """Record the consents that the flow asks for; those of whoever had the account before are over."""
    for before in consents.active(connection):
        consents.end(consent=before, ending=Consent.Ending.REPLACED, by="homeowner", now=now)
    consents.give(
        partner=session.partner, vendor=session.vendor, purposes=flow.purposes, kinds=flow.kinds,
        language=translation.get_language() or "en", subject=session.user_reference, connection=connection, now=now,
    )  # fmt: skip


@transaction.atomic
def _follow(seen: Enrollment, now: datetime) -> None:
    """Move an enrollment on to where its account is; a rejected or ended one has no consents left."""
    locks.lock(seen.connection.systems.all(), [seen.connection])
    events.lock(seen.partner_id)  # whoever joins again at this moment is through, or comes after us
    enrollment = _living().filter(pk=seen.pk).first()
    if enrollment is None:
        return
    connection = enrollment.connection
    if connection.status == _Account.DISCONNECTED:
        rejected = enrollment.status == _Status.PENDING_VENDOR and _was_rejected(enrollment)
        _move(enrollment, _Status.REJECTED if rejected else _Status.ENDED, "vendor" if rejected else "onboarding", now)
        for consent in consents.active(connection):
            consents.end(consent=consent, ending=Consent.Ending.STOPPED, by="onboarding", now=now)
    elif connection.status != _Account.PENDING:
        _move(enrollment, _Status.ACTIVE, "vendor", now)


def _move(enrollment: Enrollment, status: Enrollment.Status, by: By, now: datetime) -> None:
    if enrollment.status != status:
        Enrollment.objects.filter(pk=enrollment.pk).update(status=status, settled_at=now)
        _record(enrollment, _NAMES[status], by, now)


def _was_rejected(enrollment: Enrollment) -> bool:
    said = Event.objects.filter(partner=enrollment.partner_id, subject=enrollment.connection.event_subject)
    return said.filter(name=events.CONNECTION_REJECTED, at__gte=enrollment.session.created_at).exists()


def _living() -> QuerySet[Enrollment]:
    return Enrollment.objects.filter(status__in=Enrollment.LIVING).select_related("partner", "connection", "session")


def _some(rows: QuerySet[Enrollment], until: float) -> Iterator[Enrollment]:
    for row in rows.order_by("?")[:500]:  # else homes that cannot be taken in would keep the others waiting
        if time.monotonic() > until:
            return
        yield row


def _new_homes() -> QuerySet[System]:
    """Return homes that the vendor has told all about and that send through no gateway yet."""
    return System.objects.filter(gateway=None, gone_at=None, described_at__isnull=False)


def _record(enrollment: Enrollment, name: str, by: By, now: datetime) -> None:
    events.note(enrollment, name, by, now, connection=str(enrollment.connection.uid))
