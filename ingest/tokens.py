"""Tokens of owners' consents: kept sealed, renewed at half of their life, never lost.

Many vendors hand out a refresh token that works once. So one worker at a time renews an account's tokens, under a
lease; what it receives goes to the receipts on disk before anything else, and from there to the database. A worker that
is killed between the two leaves a receipt, which the next one takes up instead of asking with a token that is dead.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
import structlog
from django.db import transaction
from django.db.models import Q

from gateways import events
from gateways.vault.fields import sealed_field
from ingest import receipts, sealing
from ingest.models import Connection
from ingest.vendors.base import ConsentAdapter, Tokens
from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorUnavailable, VendorUnsupported

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=40)  # longer than the one request it covers may take
_PATIENCE_S = 15.0  # for another worker that renews the same tokens
_STEP_S = 0.2
_YOUNG = timedelta(minutes=2)  # a token this young is not refused for its age: the vendor means something else
_REVOKE_AGAIN, _REVOKE_UNTIL = timedelta(hours=1), timedelta(days=7)


@dataclass(frozen=True)
class _Held:
    """The tokens of a row, open."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    received_at: datetime
    refresh_at: datetime
    expire_at: datetime

    def wants_renewal(self, refused: str | None, now: datetime) -> bool:
        if refused is not None and refused == self.access_token:
            return now - self.received_at > _YOUNG
        return now >= self.refresh_at


def has_some(connection: Connection) -> bool:
    """Return whether the account is read with its owner's consent."""
    return connection.tokens_received_at is not None


def put(connection: Connection, given: Tokens, now: datetime) -> None:
    """Seal tokens into the row (not saved)."""
    sealed_field(Connection, "secrets").seal(
        connection, orjson.dumps({"access_token": given.access_token, "refresh_token": given.refresh_token}).decode()
    )
    connection.account = given.account or connection.account
    connection.tokens_received_at = now
    connection.tokens_refresh_at, connection.tokens_expire_at = now + given.lifetime / 2, now + given.lifetime


def access_token(
    connection: Connection,
    open_adapter: Callable[[], ConsentAdapter],
    *,
    clock: Callable[[], datetime],
    refused: str | None = None,
) -> str:
    """Return an access token, renewed if half of its life is over or if it is the one that was `refused`.

    While a token still works, trouble with renewing it is logged and tried again later. Raises VendorAuthFailed when
    only a new consent helps, VendorError, VaultError.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        row = Connection.objects.get(pk=connection.pk)
        held = _open(row)
        if not held.wants_renewal(refused, clock()):
            return held.access_token
        if lease := _claim(row, clock()):
            return _renew(row, lease, open_adapter, refused, clock)
        if held.access_token != refused and held.expire_at > clock():
            return held.access_token
        if time.monotonic() > deadline:
            msg = "another worker is renewing this account's tokens"
            raise VendorUnavailable(msg)
        time.sleep(_STEP_S)


def take_up_receipt(row: Connection, now: datetime) -> bool:
    """Put the receipt that a killed worker left behind into the database; return whether it was news."""
    lease = _claim(row, now)
    if lease is None:
        return False
    try:
        row.refresh_from_db()
        return _take_up(row, now)
    finally:
        _release(row, lease)


def revoke(connection: Connection, adapter: ConsentAdapter, *, now: datetime) -> None:
    """Give a disconnected account's consent back at the vendor and forget its tokens.

    A vendor in trouble is asked again every hour for a week; then the tokens are forgotten without. While somebody
    renews them nothing is done: the next tick comes again.
    """
    lease = _claim(connection, now)
    if lease is None:
        return
    try:
        row = Connection.objects.select_related("partner").get(pk=connection.pk)
        if row.status == Connection.Status.DISCONNECTED and row.revoke_due_at:
            _take_up(row, now)
            _give_back(row, adapter, now)
    finally:
        _release(connection, lease)


def _give_back(row: Connection, adapter: ConsentAdapter, now: datetime) -> None:
    at_vendor = True
    try:
        adapter.revoke(_open(row).refresh_token)
    except (VendorUnsupported, VendorAuthFailed):
        at_vendor = False  # there is no such call, or the vendor does not know the token any more
    except VendorError as error:
        if row.disconnected_at and now - row.disconnected_at < _REVOKE_UNTIL:
            Connection.objects.filter(pk=row.pk).update(revoke_due_at=now + _REVOKE_AGAIN)
            log.warning("consent not given back yet", connection=str(row.uid), error=str(error))
            return
        at_vendor = False
    _forget(row, now, at_vendor=at_vendor)


@transaction.atomic
def _forget(row: Connection, now: datetime, *, at_vendor: bool) -> None:
    """Forget the tokens that were given back; whoever connected the account again meanwhile keeps the new ones."""
    same = Connection.objects.filter(
        pk=row.pk, status=Connection.Status.DISCONNECTED, tokens_received_at=row.tokens_received_at
    )
    forgotten = same.update(
        secrets="",
        credential=None,
        revoke_due_at=None,
        tokens_received_at=None,
        tokens_refresh_at=None,
        tokens_expire_at=None,
    )
    if forgotten:
        events.note(row, events.CONNECTION_REVOKED, "pull", now, at_vendor=at_vendor)


def _renew(
    row: Connection,
    lease: uuid.UUID,
    open_adapter: Callable[[], ConsentAdapter],
    refused: str | None,
    clock: Callable[[], datetime],
) -> str:
    """Renew the tokens under the lease, unless somebody did so just before."""
    try:
        row.refresh_from_db()
        _take_up(row, clock())
        held = _open(row)
        if not held.wants_renewal(refused, clock()):
            return held.access_token
        try:
            given = open_adapter().refresh(held.refresh_token)
        except VendorAuthFailed:
            raise
        except VendorError as error:
            if held.access_token == refused or held.expire_at <= clock():
                raise
            log.warning("tokens not renewed yet", connection=str(row.uid), error=str(error))
            return held.access_token
        put(row, given, clock())
        receipts.keep(row, renews=held.received_at)
        _commit(row, renews=held.received_at)
        return given.access_token
    finally:
        _release(row, lease)


def _take_up(row: Connection, now: datetime) -> bool:
    """Take the receipt of a killed worker, if there is one and the row still has the tokens that it renews."""
    receipt = receipts.read(row.uid)
    if receipt is None:
        return False
    news = row.tokens_received_at == receipt.renews
    if news:
        row.secrets, row.tokens_received_at = receipt.secrets, receipt.received_at
        row.tokens_refresh_at, row.tokens_expire_at = receipt.refresh_at, receipt.expire_at
        log.warning(
            "tokens taken up from a receipt", connection=str(row.uid), age_s=(now - receipt.received_at).seconds
        )
        _commit(row, renews=receipt.renews)
    receipts.forget(row.uid)
    return news


def _commit(row: Connection, *, renews: datetime) -> None:
    """Write the row's tokens in place of those they renew, unless the owner gave others meanwhile.

    A consent that is newer than our question may be older than the vendor's answer to it: times alone do not tell.
    """
    renewed = Connection.objects.filter(pk=row.pk, tokens_received_at=renews)
    renewed.update(
        secrets=row.secrets,
        tokens_received_at=row.tokens_received_at,
        tokens_refresh_at=row.tokens_refresh_at,
        tokens_expire_at=row.tokens_expire_at,
    )
    receipts.forget(row.uid)


def _claim(row: Connection, now: datetime) -> uuid.UUID | None:
    lease = uuid.uuid4()
    free = Connection.objects.filter(_free(now), pk=row.pk)
    return lease if free.update(refresh_lease=lease, refresh_leased_until=now + LEASE) else None


def _release(row: Connection, lease: uuid.UUID) -> None:
    Connection.objects.filter(pk=row.pk, refresh_lease=lease).update(refresh_lease=None, refresh_leased_until=None)


def _free(now: datetime) -> Q:
    return Q(refresh_lease__isnull=True) | Q(refresh_leased_until__lt=now)


def _open(row: Connection) -> _Held:
    received_at, refresh_at, expire_at = row.tokens_received_at, row.tokens_refresh_at, row.tokens_expire_at
    if not (row.secrets and received_at and refresh_at and expire_at):
        msg = "This account has no consent of its owner."
        raise VendorAuthFailed(msg)
    plain = sealing.unseal(row)
    return _Held(plain["access_token"], plain["refresh_token"], received_at, refresh_at, expire_at)
