"""What partners have from vendors: kept, renewed, and shown to those who may see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from gateways import events
from gateways.events import By
from gateways.models import Partner
from ingest import connections, sealing, vendors
from ingest.models import Connection, VendorCredential


@transaction.atomic
def add(
    *,
    partner: Partner,
    vendor: str,
    name: str,
    secrets: Mapping[str, str],
    by: By,
    now: datetime,
    scheme: str = "",
    expires_at: datetime | None = None,
) -> VendorCredential:
    """Keep what the partner has from a vendor, sealed. Raises ValidationError if a field is missing.

    `scheme` is one of the vendor's ways in, its first if not given.
    """
    events.lock(partner.pk)
    credential = VendorCredential(
        partner=partner, vendor=vendor, scheme=vendors.scheme_of(vendor, scheme).name, name=name, expires_at=expires_at
    )
    sealing.seal(credential, secrets)
    credential.full_clean()
    credential.save()
    events.note(credential, events.CREDENTIAL_CREATED, by, now, vendor=vendor, scheme=credential.scheme, name=name)
    return credential


@transaction.atomic
def renew(*, credential: VendorCredential, secrets: Mapping[str, str], by: By, now: datetime) -> VendorCredential:
    """Give a credential new secrets; the accounts that are read with it and waited for them are pulled at once."""
    waiting = credential.connections.filter(status=Connection.Status.NEEDS_RECONNECT).select_related("partner")
    lost = list(waiting.select_for_update(of=("self",)).order_by("pk"))  # accounts before their partner
    credential = _locked(credential)
    sealing.seal(credential, secrets)
    credential.save()
    events.note(credential, events.CREDENTIAL_RENEWED, by, now)
    for connection in lost:
        connections.recover(connection=connection, by=by, now=now)
    return credential


@transaction.atomic
def change(
    *,
    credential: VendorCredential,
    by: By,
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    **changes: Any,
) -> VendorCredential:
    """Give a credential another `name` or `expires_at`, and new secrets if there are some. Raises ValidationError."""
    if secrets is not None:
        renew(credential=credential, secrets=secrets, by=by, now=now)
    credential = _locked(credential)
    for field, value in changes.items():
        setattr(credential, field, value)
    credential.full_clean()
    credential.save(update_fields=list(changes))
    if changes:
        events.note(credential, events.CREDENTIAL_CHANGED, by, now, changed=sorted(changes))
    return credential


@transaction.atomic
def delete(*, credential: VendorCredential, by: By, now: datetime) -> None:
    """Forget a credential and its secrets. Raises ValidationError while an account or a Join flow needs it."""
    credential = _locked(credential)
    try:
        credential.delete()
    except ProtectedError as error:
        msg = "An account or a Join flow still uses this credential: disconnect or delete those first."
        raise ValidationError(msg) from error
    events.note(credential, events.CREDENTIAL_DELETED, by, now, vendor=credential.vendor, name=credential.name)


@transaction.atomic
def reveal(*, credential: VendorCredential, by: By, now: datetime) -> dict[str, str]:
    """Return the fields of a credential in plain text; that somebody saw them is an Event. Raises VaultError."""
    events.note(credential, events.CREDENTIAL_REVEALED, by, now)
    return sealing.unseal(credential)


def _locked(credential: VendorCredential) -> VendorCredential:
    """Return a credential as it is now, behind its partner's lock: whoever connects with it has that, too."""
    events.lock(credential.partner_id)
    return VendorCredential.objects.select_related("partner").get(pk=credential.pk)
