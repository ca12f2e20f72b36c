"""Accounts at vendors: connect, test, open for talking, note that they need the owner, disconnect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from gateways import events
from gateways.events import By
from gateways.models import Partner
from gateways.vault.fields import SealedField
from ingest import budget, vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import VendorAdapter, VendorSystem
from ingest.vendors.http import VendorHttp


@transaction.atomic
def add_credential(
    *,
    partner: Partner,
    vendor: str,
    name: str,
    secrets: Mapping[str, str],
    by: By,
    now: datetime,
    expires_at: datetime | None = None,
) -> VendorCredential:
    """Keep what the partner has from a vendor, sealed. Raises ValidationError if a field is missing."""
    credential = VendorCredential(partner=partner, vendor=vendor, name=name, expires_at=expires_at)
    seal_secrets(credential, secrets)
    credential.full_clean()
    credential.save()
    events.record(
        partner=partner, name=events.CREDENTIAL_CREATED, subject=f"credential:{credential.uid}", by=by, now=now,
        data={"vendor": vendor, "name": name},
    )  # fmt: skip
    return credential


@transaction.atomic
def connect(
    *,
    partner: Partner,
    vendor: str,
    label: str,
    by: By,
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    credential: VendorCredential | None = None,
) -> Connection:
    """Connect an account with its own secrets or with a credential of the partner; it is pulled at once."""
    if (secrets is None) == (credential is None):
        msg = "Give either the account's own keys or one of the partner's credentials."
        raise ValidationError(msg)
    if credential and (credential.partner_id, credential.vendor) != (partner.pk, vendor):
        msg = "This credential belongs to another partner or vendor."
        raise ValidationError(msg)
    connection = Connection(partner=partner, vendor=vendor, label=label, credential=credential, next_pull_at=now)
    if secrets is not None:
        seal_secrets(connection, secrets)
    connection.full_clean()
    connection.save()
    _record(connection, events.CONNECTION_CREATED, by, now, vendor=vendor)
    return connection


def seal_secrets(row: VendorCredential | Connection, secrets: Mapping[str, str]) -> None:
    """Seal the fields that the vendor's scheme names into the row (not saved); refuse missing ones."""
    wanted = vendors.adapter_class(row.vendor).auth.fields
    missing = [field.label for field in wanted if not secrets.get(field.name, "").strip()]
    if missing:
        msg = f"Fill in: {', '.join(missing)}."
        raise ValidationError(msg)
    plain = {field.name: secrets[field.name].strip() for field in wanted}
    _secrets_field(row).seal(row, orjson.dumps(plain).decode())


@transaction.atomic
def reconnect(*, connection: Connection, secrets: Mapping[str, str], by: By, now: datetime) -> Connection:
    """Give an account new secrets; it keeps its systems and history and is pulled at once, from where it stopped."""
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    seal_secrets(connection, secrets)
    connection.credential = None  # a credential would win over the account's own secrets
    connection.status, connection.next_pull_at, connection.failures = Connection.Status.ACTIVE, now, 0
    connection.round_began_at = connection.lease = connection.leased_until = (
        None  # a pull under way has the old secrets
    )
    connection.save()
    _record(connection, events.CONNECTION_RECOVERED, by, now)
    return connection


@transaction.atomic
def renew_credential(
    *, credential: VendorCredential, secrets: Mapping[str, str], by: By, now: datetime
) -> VendorCredential:
    """Give a credential new secrets; the accounts that are read with it and waited for them are pulled at once."""
    credential = VendorCredential.objects.select_for_update().get(pk=credential.pk)
    seal_secrets(credential, secrets)
    credential.save()
    events.record(
        partner=credential.partner,
        name=events.CREDENTIAL_RENEWED,
        subject=f"credential:{credential.uid}",
        by=by,
        now=now,
    )
    waiting = credential.connections.filter(status=Connection.Status.NEEDS_RECONNECT)
    for connection in waiting.select_related("partner"):
        _go_on(connection, events.CONNECTION_RECOVERED, by, now)
    return credential


@transaction.atomic
def pause(*, connection: Connection, by: By, now: datetime) -> None:
    """Stop reading an account until somebody resumes it."""
    active = Connection.objects.filter(pk=connection.pk, status=Connection.Status.ACTIVE)
    if not active.update(status=Connection.Status.PAUSED, next_pull_at=None):
        msg = "Only an active account is paused."
        raise ValidationError(msg)
    _record(connection, events.CONNECTION_PAUSED, by, now)


@transaction.atomic
def resume(*, connection: Connection, by: By, now: datetime) -> None:
    """Read a paused account again, at once and from where it stopped."""
    if Connection.objects.select_for_update().get(pk=connection.pk).status != Connection.Status.PAUSED:
        msg = "Only a paused account is resumed. One that needs to be reconnected wants new keys."
        raise ValidationError(msg)
    _go_on(connection, events.CONNECTION_RESUMED, by, now)


def pull_soon(*, connection: Connection, now: datetime) -> None:
    """Pull an account with the next tick, whatever it waits for."""
    active = Connection.objects.filter(pk=connection.pk, status=Connection.Status.ACTIVE)
    if not active.update(next_pull_at=now, round_began_at=None):
        msg = "Only an active account is pulled: resume or reconnect it first."
        raise ValidationError(msg)


def test_credentials(row: VendorCredential | Connection, *, clock: Callable[[], datetime]) -> list[VendorSystem]:
    """Ask the vendor what the secrets can see; raises VendorError or VaultError. Writes nothing."""
    connection = (
        row if isinstance(row, Connection) else Connection(partner=row.partner, vendor=row.vendor, credential=row)
    )
    return open_adapter(connection, clock=clock, count=False).systems()


def open_adapter(connection: Connection, *, clock: Callable[[], datetime], count: bool = True) -> VendorAdapter:
    """Return the vendor's adapter with the connection's secrets opened; raises VaultError.

    With `count`, every request is taken from the vendor's budget (and may raise VendorThrottled).
    """
    cls = vendors.adapter_class(connection.vendor)
    quotas = tuple(cls.policy.quotas)
    http = VendorHttp(
        user_agent=settings.USER_AGENT,
        proxy=settings.OUTGOING_PROXY,
        ca_bundle=settings.OUTGOING_CA_BUNDLE,
        before_request=(lambda: budget.take(connection, quotas, clock=clock)) if count else (lambda: None),
    )
    return cls(secrets=_open_secrets(connection), urls=urls(connection), http=http, clock=clock)


def urls(connection: Connection) -> Mapping[str, str]:
    """Return the vendor's hosts by role: the sandbox's for sandbox partners, else the real ones."""
    cls = vendors.adapter_class(connection.vendor)
    if connection.partner.environment == Partner.Environment.SANDBOX:
        return {role: f"{settings.SANDBOX_URL}/{cls.slug}/{role}" for role in cls.base_urls}
    return {**cls.base_urls, **settings.VENDOR_URLS.get(cls.slug, {})}


@transaction.atomic
def mark_needs_reconnect(*, connection: Connection, reason: str, now: datetime) -> None:
    """Stop pulling an account until its owner gives a new key or consent."""
    changed = Connection.objects.filter(pk=connection.pk, status=Connection.Status.ACTIVE).update(
        status=Connection.Status.NEEDS_RECONNECT, next_pull_at=None
    )
    if changed:
        _record(connection, events.CONNECTION_NEEDS_RECONNECT, "pull", now, reason=reason[:300])


@transaction.atomic
def disconnect(*, connection: Connection, by: By, now: datetime) -> None:
    """Stop reading an account for good and forget its secrets; its readings stay."""
    Connection.objects.filter(pk=connection.pk).update(
        status=Connection.Status.DISCONNECTED, next_pull_at=None, secrets="", credential=None
    )
    _record(connection, events.CONNECTION_DISCONNECTED, by, now)


def _open_secrets(connection: Connection) -> dict[str, str]:
    row: VendorCredential | Connection = connection.credential or connection
    if not row.secrets:
        return {}
    secrets: dict[str, str] = orjson.loads(_secrets_field(row).unseal(row))
    return secrets


def _secrets_field(row: VendorCredential | Connection) -> SealedField:
    field = row._meta.get_field("secrets")
    assert isinstance(field, SealedField)  # noqa: S101  both models declare it so
    return field


def _go_on(connection: Connection, name: str, by: By, now: datetime) -> None:
    Connection.objects.filter(pk=connection.pk).update(
        status=Connection.Status.ACTIVE,
        next_pull_at=now,
        round_began_at=None,
        lease=None,
        leased_until=None,
        failures=0,
    )
    _record(connection, name, by, now)


def _record(connection: Connection, name: str, by: By, now: datetime, **data: Any) -> None:
    subject = f"connection:{connection.uid}"
    events.record(partner=connection.partner, name=name, subject=subject, by=by, now=now, data=data)
