"""From what a homeowner brings (a consent, or keys) to a connected account, whoever asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from gateways.events import By
from gateways.models import Partner
from ingest import adapters, connections, discovery, sealing, vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import OAuth2Code, Tokens
from ingest.vendors.errors import VendorError
from onboarding.models import Enrollment, JoinSession

log = structlog.get_logger(__name__)

_Status = Connection.Status


class LinkRefused(Exception):
    """The account cannot be linked; `code` is what a partner is told, the text what the homeowner reads."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


def offered(partner: Partner, now: datetime) -> dict[str, VendorCredential | None]:
    """Return the vendors that a partner's homeowners can join with, and the partner's application where one is needed.

    Of several applications for the same vendor the newest that is not past its end counts.
    """
    applications: dict[str, VendorCredential] = {}
    for credential in VendorCredential.objects.filter(partner=partner).order_by("created_at", "pk"):
        if not (credential.expires_at and credential.expires_at <= now):
            applications[f"{credential.vendor} {credential.scheme}"] = credential
    found: dict[str, VendorCredential | None] = {}
    for slug in vendors.VENDORS:
        for scheme in vendors.adapter_class(slug).schemes:
            application = applications.get(f"{slug} {scheme.name}")
            if scheme.for_homeowners and (application or not isinstance(scheme, OAuth2Code)):
                found.setdefault(slug, application if isinstance(scheme, OAuth2Code) else None)
    return found


def link_consent(session: JoinSession, given: Tokens, *, clock: Callable[[], datetime]) -> Connection:
    """Connect the account that a consent is for, or reconnect it where it is known. Raises LinkRefused."""
    assert session.credential is not None  # noqa: S101  a session of a vendor with consents has the application
    known = connections.known_account(partner=session.partner, vendor=session.vendor, account=given.account)
    target = session.connection or known
    if target and session.connection is None:
        _refuse_foreign(target, session.user_id, session.user_reference)
    try:
        if target is None:
            return connections.connect(
                partner=session.partner, vendor=session.vendor, label=label_of(session), credential=session.credential,
                given=given, owner=session.user, by=_by(session), now=clock(),
                approved=not vendors.scheme_of(session.vendor, session.credential.scheme).approved_by_vendor,
            )  # fmt: skip
        return connections.reconnect(
            connection=target, given=given, credential=session.credential, by=_by(session), now=clock()
        )
    except connections.AlreadyConnected as error:
        raise _elsewhere(session.user_id) from error


def link_keys(  # noqa: PLR0913  all there is to say of the account, by keyword
    *,
    partner: Partner,
    vendor: str,
    scheme: str,
    secrets: Mapping[str, str],
    owner: User | None,
    label: str,
    by: By,
    clock: Callable[[], datetime],
    target: Connection | None = None,
    reference: str = "",
) -> Connection:
    """Try keys at the vendor and connect the account, or reconnect it; keys that are not accepted are not kept.

    `reference` is what the partner calls a homeowner who has no account here (a Join flow). Raises LinkRefused,
    ValidationError, VendorError, VaultError.
    """
    owner_id = owner.pk if owner else None
    trial = Connection(partner=partner, vendor=vendor, scheme=scheme)
    sealing.seal(trial, secrets)
    connections.test_credentials(trial, clock=clock)
    known = target or connections.known_account(partner=partner, vendor=vendor, account=trial.account)
    if known:
        _refuse_foreign(known, owner_id, reference)
    try:
        if known is None:
            return connections.connect(
                partner=partner, vendor=vendor, scheme=scheme, label=label, secrets=secrets, owner=owner, by=by,
                now=clock(),
            )  # fmt: skip
        return connections.reconnect(connection=known, secrets=secrets, scheme=scheme, by=by, now=clock())
    except connections.AlreadyConnected as error:
        if known:
            raise _elsewhere(owner_id) from error
        _refuse_foreign(error.connection, owner_id, reference)
        return error.connection  # while the vendor was asked: the form was sent twice


def look_around(connection: Connection, *, clock: Callable[[], datetime]) -> list[str]:
    """List and describe the account's systems now; return what went wrong, in the vendors' words, for the homeowner."""
    adapter = adapters.open_account(connection, clock=clock)
    try:
        discovery.discover(connection, adapter, clock())
        discovery.describe_new(connection, adapter, clock)
    except VendorError as error:
        log.warning("account not looked at", connection=str(connection.uid), error=str(error))
        return [str(error)]
    return []


def label_of(session: JoinSession) -> str:
    """Return what staff see of the account that a session connects."""
    return (session.user.email if session.user else session.user_reference or str(session.uid)[:8])[:100]


def _refuse_foreign(known: Connection, owner_id: int | None, reference: str) -> None:
    """Refuse an account that somebody else of the same partner has."""
    living = Enrollment.objects.filter(connection=known, status__in=Enrollment.LIVING)
    enrolled = known.status != _Status.DISCONNECTED and living.exclude(user_reference=reference).exists()
    if enrolled or known.owner_id != owner_id:
        raise _elsewhere(owner_id)


def _elsewhere(owner_id: int | None) -> LinkRefused:
    if owner_id is None:  # a Join flow: nobody signs in here
        return LinkRefused(_("This account is linked already, for another user."), "already_linked")
    text = _("This account is linked already, under another sign-in. Sign in with the e-mail address you used then.")
    return LinkRefused(text, "already_linked")


def _by(session: JoinSession) -> By:
    return session.user or "homeowner"
