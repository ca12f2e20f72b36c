"""A flow's trip to our own form, for vendors whose owners have keys: it works once, for a day, in one browser."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from ingest.models import Connection
from onboarding import flows, linking, vendor_oauth
from onboarding.models import JoinFlow, JoinSession
from onboarding.vendor_oauth import JoinFailed


def depart(*, flow: JoinFlow, vendor: str, partner_state: str, user_reference: str, now: datetime) -> JoinSession:
    """Begin a trip to the form."""
    session = JoinSession(
        partner=flow.partner, flow=flow, vendor=vendor, partner_state=partner_state, user_reference=user_reference,
        state_hash=vendor_oauth.hash_of(secrets.token_urlsafe(32)),  # no vendor will ever echo it
        created_at=now, expires_at=now + vendor_oauth.LIFETIME,
    )  # fmt: skip
    session.full_clean()
    session.save()
    return session


def of_browser(uid: uuid.UUID, own: Collection[str]) -> JoinSession | None:
    """Return a trip to the form that this browser began; `own` are the sessions it began."""
    rows = JoinSession.objects.select_related("partner", "flow__partner").filter(flow__isnull=False, credential=None)
    return rows.filter(uid=uid).first() if str(uid) in own else None


def check(session: JoinSession, now: datetime) -> None:
    """Raise JoinFailed if the form is answered, too old, or its flow deleted."""
    if session.used_at:
        raise JoinFailed(vendor_oauth.answered_already(), "invalid_request", session)
    vendor_oauth.check_open(session, now)


def arrive(*, session: JoinSession, keys: Mapping[str, str], clock: Callable[[], datetime]) -> Connection:
    """Try the keys at the vendor and connect the account, which ends the trip.

    Raises JoinFailed where the trip has ended without; VendorError, ValidationError, VaultError for keys that were not
    accepted: others can be tried.
    """
    check(session, clock())
    scheme = flows.key_scheme(session.vendor)
    assert scheme is not None  # noqa: S101  the flow was made for keys
    try:
        connection = linking.link_keys(
            partner=session.partner, vendor=session.vendor, scheme=scheme.name, secrets=keys, owner=None,
            label=linking.label_of(session), by="homeowner", clock=clock, reference=session.user_reference,
        )  # fmt: skip
    except linking.LinkRefused as error:
        _end(session, clock())
        raise vendor_oauth.failed(session, error.code, str(error)) from error
    _end(session, clock())
    return connection


def decline(*, session: JoinSession, now: datetime) -> JoinFailed:
    """End the trip because the homeowner does not want to share; return that as an exception."""
    check(session, now)
    _end(session, now)
    return vendor_oauth.failed(session, "access_denied", _("You did not agree. Nothing was linked."))


def _end(session: JoinSession, now: datetime) -> None:
    JoinSession.objects.filter(pk=session.pk, used_at=None).update(used_at=now)
