"""Accounts at vendors: connect, test, note that they need the owner, disconnect."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from gateways import events
from gateways.events import By
from gateways.models import Partner
from ingest import adapters, locks, sealing, tokens, vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import Approval, OAuth2Code, Tokens, VendorSystem

_Status = Connection.Status
_CONNECTED = (_Status.PENDING, _Status.ACTIVE, _Status.PAUSED)
_BY_ITS_OWNER = "An account of this kind is connected by its owner's consent on the vendor's page."


class AlreadyConnected(ValidationError):
    """The same account at the vendor is connected already; `connection` is the one there is."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(f"This account is connected already, as “{connection.label}”: reconnect that one instead.")
        self.connection = connection


@transaction.atomic
def connect(  # noqa: PLR0913  all there is to say of an account, by keyword
    *,
    partner: Partner,
    vendor: str,
    label: str,
    by: By,
    now: datetime,
    scheme: str = "",
    secrets: Mapping[str, str] | None = None,
    credential: VendorCredential | None = None,
    given: Tokens | None = None,
    owner: User | None = None,
    approved: bool = True,
) -> Connection:
    """Connect an account with its own secrets, with a credential of the partner, or with its owner's consent to one.

    It is pulled at once, unless the vendor has yet to approve it. Raises AlreadyConnected, ValidationError.
    """
    _check_given(partner, vendor, secrets, credential)
    events.lock(partner.pk)  # else two with the same account could both find that it is nowhere yet
    connection = Connection(
        partner=partner, vendor=vendor, label=label, credential=credential, owner=owner, next_pull_at=now,
        scheme=_used_scheme(vendor, credential.scheme if credential else scheme),
        status=_Status.ACTIVE if approved else _Status.PENDING,
    )  # fmt: skip
    _take_what_is_given(connection, secrets, given, now)
    _refuse_twice(connection)
    connection.full_clean()
    connection.save()
    events.note(connection, events.CONNECTION_CREATED, by, now, vendor=vendor)
    return connection


@transaction.atomic
def reconnect(
    *,
    connection: Connection,
    by: By,
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    given: Tokens | None = None,
    credential: VendorCredential | None = None,
    scheme: str = "",
) -> Connection:
    """Give an account new secrets or a new consent; it keeps its systems and history and goes on where it stopped.

    One that its vendor approves is read when the vendor has said so again. Raises AlreadyConnected, and ValidationError
    for the consent of another account.
    """
    connection = locks.account(connection)
    events.lock(connection.partner_id)
    before = connection.account
    _check_given(connection.partner, connection.vendor, secrets, credential)
    connection.credential = credential
    if credential or scheme:
        connection.scheme = _used_scheme(connection.vendor, credential.scheme if credential else scheme)
    _take_what_is_given(connection, secrets, given, now)
    if given and before and connection.account != before:
        msg = "This is the consent of another account. Sign in at the vendor with the account that was connected."
        raise ValidationError(msg)
    _refuse_twice(connection)
    approved = not vendors.scheme_of(connection.vendor, connection.scheme).approved_by_vendor
    connection.status = _Status.ACTIVE if approved else _Status.PENDING
    connection.next_pull_at, connection.failures = now, 0
    connection.needs_reconnect_at = connection.disconnected_at = connection.revoke_due_at = None
    connection.round_began_at = connection.lease = connection.leased_until = (
        None  # a pull under way has the old secrets
    )
    connection.save()
    events.note(connection, events.CONNECTION_RECOVERED, by, now)
    return connection


def check_keys(
    *,
    partner: Partner,
    vendor: str,
    scheme: str = "",
    secrets: Mapping[str, str] | None = None,
    credential: VendorCredential | None = None,
) -> str:
    """Return the way in by which an account is connected with keys. Raises ValidationError, VendorUnsupported."""
    _check_given(partner, vendor, secrets, credential)
    used = _used_scheme(vendor, credential.scheme if credential else scheme)
    if isinstance(vendors.scheme_of(vendor, used), OAuth2Code):
        raise ValidationError(_BY_ITS_OWNER)
    return used


def known_account(*, partner: Partner, vendor: str, account: str) -> Connection | None:
    """Return the connection of a vendor's account; if it was disconnected, the newest there was."""
    if not account:
        return None
    known = Connection.objects.filter(partner=partner, vendor=vendor, account=account).order_by("-created_at")
    return known.exclude(status=_Status.DISCONNECTED).first() or known.first()


@transaction.atomic
def rename(*, connection: Connection, label: str, by: By, now: datetime) -> Connection:
    """Give an account another label, for staff. It may be a person's name, so the log does not have it."""
    connection = locks.account(connection)
    connection.label = label
    connection.full_clean()
    connection.save(update_fields=["label"])
    events.note(connection, events.CONNECTION_RENAMED, by, now)
    return connection


@transaction.atomic
def pause(*, connection: Connection, by: By, now: datetime) -> None:
    """Stop reading an account until somebody resumes it."""
    active = Connection.objects.filter(pk=connection.pk, status=_Status.ACTIVE)
    if not active.update(status=_Status.PAUSED, next_pull_at=None):
        msg = "Only an active account is paused."
        raise ValidationError(msg)
    events.note(connection, events.CONNECTION_PAUSED, by, now)


@transaction.atomic
def resume(*, connection: Connection, by: By, now: datetime) -> None:
    """Read a paused account again, at once and from where it stopped."""
    if Connection.objects.select_for_update().get(pk=connection.pk).status != _Status.PAUSED:
        msg = "Only a paused account is resumed. One that needs to be reconnected wants new keys."
        raise ValidationError(msg)
    _go_on(connection, events.CONNECTION_RESUMED, by, now)


def pull_soon(*, connection: Connection, now: datetime) -> None:
    """Pull an account with the next tick, whatever it waits for."""
    active = Connection.objects.filter(pk=connection.pk, status=_Status.ACTIVE)
    if not active.update(next_pull_at=now, round_began_at=None):
        msg = "Only an active account is pulled: resume or reconnect it first."
        raise ValidationError(msg)


def test_credentials(row: VendorCredential | Connection, *, clock: Callable[[], datetime]) -> list[VendorSystem]:
    """Ask the vendor what the secrets can see; raises VendorError, VaultError, ValidationError. Writes nothing.

    A partner's application for consents sees nothing by itself: the vendor is asked whether it knows it.
    """
    if isinstance(row, VendorCredential):
        if isinstance(vendors.scheme_of(row.vendor, row.scheme), OAuth2Code):
            adapters.open_application(row, clock=clock).test_application()
            return []
        row = adapters.account_with(row)
    if row.status == _Status.DISCONNECTED:
        msg = "This account is disconnected, and its secrets are forgotten: reconnect it first."
        raise ValidationError(msg)
    return adapters.open_account(row, clock=clock, count=False).systems()


def renew_tokens(*, connection: Connection, clock: Callable[[], datetime]) -> None:
    """Renew an account's tokens if half of their life is over. Raises VendorAuthFailed, VendorError, VaultError."""
    tokens.access_token(connection, functools.partial(adapters.open_uncounted, connection, clock=clock), clock=clock)


def revoke(*, connection: Connection, clock: Callable[[], datetime]) -> None:
    """Give a disconnected account's consent back at the vendor and forget its tokens. Raises VaultError."""
    tokens.revoke(connection, adapters.open_uncounted(connection, clock=clock), now=clock())


@transaction.atomic
def mark_needs_reconnect(*, connection: Connection, reason: str, now: datetime) -> None:
    """Stop pulling an account until its owner gives a new key or consent; a paused one is not resumed without."""
    connected = Connection.objects.filter(pk=connection.pk, status__in=_CONNECTED)
    changed = connected.update(status=_Status.NEEDS_RECONNECT, next_pull_at=None, needs_reconnect_at=now)
    if changed:
        events.note(connection, events.CONNECTION_NEEDS_RECONNECT, "pull", now, reason=reason[:300])


@transaction.atomic
def recover(*, connection: Connection, by: By, now: datetime) -> None:
    """Go on with an account that was taken for lost and is not; one that is not so stays as it is."""
    if Connection.objects.select_for_update().get(pk=connection.pk).status == _Status.NEEDS_RECONNECT:
        _go_on(connection, events.CONNECTION_RECOVERED, by, now)


@transaction.atomic
def settle_approval(*, connection: Connection, approval: Approval, now: datetime) -> None:
    """Note what the vendor says of an account it has to approve; while it has not said, ask again later."""
    pending = Connection.objects.filter(pk=connection.pk, status=_Status.PENDING)
    match approval:
        case Approval.PENDING:
            pending.update(next_pull_at=now + vendors.adapter_class(connection.vendor).approval_every)
        case Approval.GRANTED if pending.update(status=_Status.ACTIVE, next_pull_at=now):
            events.note(connection, events.CONNECTION_APPROVED, "vendor", now)
        case Approval.REJECTED if row := pending.select_for_update().first():
            _end(row, now)
            events.note(connection, events.CONNECTION_REJECTED, "vendor", now)


@transaction.atomic
def disconnect(*, connection: Connection, by: By, now: datetime) -> None:
    """Stop reading an account for good and forget its secrets; its readings stay. One that ended stays as it is.

    An owner's consent is given back at the vendor first, by the next tick: until then its tokens are kept.
    """
    connection = locks.account(connection)
    if connection.status == _Status.DISCONNECTED:
        return
    _end(connection, now)
    events.note(connection, events.CONNECTION_DISCONNECTED, by, now)


def _end(connection: Connection, now: datetime) -> None:
    connection.status, connection.next_pull_at, connection.disconnected_at = _Status.DISCONNECTED, None, now
    connection.round_began_at = connection.lease = connection.leased_until = None
    connection.revoke_due_at = now if tokens.has_some(connection) else None
    if connection.revoke_due_at is None:
        connection.secrets, connection.credential = "", None
    connection.save()


def _used_scheme(vendor: str, name: str) -> str:
    """Return the name of a way in that an adapter uses. Raises VendorUnsupported."""
    adapter = vendors.adapter_class(vendor)
    return (adapter.scheme_named(name) if name else adapter.schemes[0]).name


def _check_given(
    partner: Partner, vendor: str, secrets: Mapping[str, str] | None, credential: VendorCredential | None
) -> None:
    if (secrets is None) == (credential is None):
        msg = "Give either the account's own keys or one of the partner's credentials."
        raise ValidationError(msg)
    if credential and (credential.partner_id, credential.vendor) != (partner.pk, vendor):
        msg = "This credential belongs to another partner or vendor."
        raise ValidationError({"credential": msg})


def _take_what_is_given(
    connection: Connection, secrets: Mapping[str, str] | None, given: Tokens | None, now: datetime
) -> None:
    """Put the account's new secrets in place of those before (not saved)."""
    connection.secrets = ""
    connection.tokens_received_at = connection.tokens_refresh_at = connection.tokens_expire_at = None
    if given is not None:
        tokens.put(connection, given, now)
    elif isinstance(vendors.scheme_of(connection.vendor, connection.scheme), OAuth2Code):
        raise ValidationError(_BY_ITS_OWNER)
    elif secrets is not None:
        sealing.seal(connection, secrets)


def _refuse_twice(connection: Connection) -> None:
    known = Connection.objects.filter(
        partner=connection.partner_id, vendor=connection.vendor, account=connection.account
    ).exclude(status=_Status.DISCONNECTED)
    if connection.account and (other := known.exclude(pk=connection.pk).first()):
        raise AlreadyConnected(other)


def _go_on(connection: Connection, name: str, by: By, now: datetime) -> None:
    Connection.objects.filter(pk=connection.pk).update(
        status=_Status.ACTIVE,
        next_pull_at=now,
        needs_reconnect_at=None,
        round_began_at=None,
        lease=None,
        leased_until=None,
        failures=0,
    )
    events.note(connection, name, by, now)
