"""Secrets are tried at the vendor before they are kept: a mistyped key replaces none that works.

The vendor is asked outside any transaction. All of these raise VendorError and VaultError beside what the action does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from gateways.events import By
from gateways.models import Partner
from ingest import connections, credentials, sealing, vendors
from ingest.adapters import Clock
from ingest.models import Connection, VendorCredential
from ingest.vendors.errors import VendorUnsupported


def try_secrets(row: VendorCredential | Connection, secrets: Mapping[str, str], *, clock: Clock) -> None:
    """Ask the vendor what these secrets can see, with a row that is not kept; what nothing uses yet is not tried.

    A name that the way in does not ask for is refused: it is a mistake that would be noticed late.
    """
    asked = [field.name for field in vendors.scheme_of(row.vendor, row.scheme).fields]
    if unknown := set(secrets) - set(asked):
        msg = f"There is no {', '.join(sorted(unknown))} here, but {', '.join(asked)}."
        raise ValidationError({"secrets": msg})
    sealing.seal(row, secrets)
    if vendors.is_used(row.vendor, row.scheme):
        connections.test_credentials(row, clock=clock)


def add_credential(
    *, partner: Partner, vendor: str, scheme: str, secrets: Mapping[str, str], by: By, clock: Clock, **more: Any
) -> VendorCredential:
    """Do what `credentials.add` does, with secrets that work."""
    used = _known(vendor, scheme)
    try_secrets(VendorCredential(partner=partner, vendor=vendor, scheme=used), secrets, clock=clock)
    return credentials.add(partner=partner, vendor=vendor, scheme=used, secrets=secrets, by=by, now=clock(), **more)


def change_credential(*, credential: VendorCredential, by: By, clock: Clock, **changes: Any) -> VendorCredential:
    """Do what `credentials.change` does, with secrets that work."""
    if (secrets := changes.get("secrets")) is not None:
        try_secrets(_unsaved(credential), secrets, clock=clock)
    return credentials.change(credential=credential, by=by, now=clock(), **changes)


def connect(
    *,
    partner: Partner,
    vendor: str,
    label: str,
    by: By,
    clock: Clock,
    scheme: str = "",
    secrets: Mapping[str, str] | None = None,
    credential: VendorCredential | None = None,
) -> Connection:
    """Do what `connections.connect` does, with secrets or a credential that work."""
    _known(vendor, scheme)
    used = connections.check_keys(partner=partner, vendor=vendor, scheme=scheme, secrets=secrets, credential=credential)
    _try_given(Connection(partner=partner, vendor=vendor, scheme=used), secrets, credential, clock)
    return connections.connect(
        partner=partner, vendor=vendor, label=label, scheme=scheme, secrets=secrets, credential=credential, by=by,
        now=clock(),
    )  # fmt: skip


def reconnect(
    *,
    connection: Connection,
    by: By,
    clock: Clock,
    secrets: Mapping[str, str] | None = None,
    credential: VendorCredential | None = None,
) -> Connection:
    """Do what `connections.reconnect` does, with secrets or a credential that work."""
    whose: dict[str, Any] = {name: getattr(connection, name) for name in ("partner", "vendor", "scheme")}
    connections.check_keys(secrets=secrets, credential=credential, **whose)
    _try_given(Connection(**whose), secrets, credential, clock)
    return connections.reconnect(connection=connection, secrets=secrets, credential=credential, by=by, now=clock())


def _try_given(
    row: Connection, secrets: Mapping[str, str] | None, credential: VendorCredential | None, clock: Clock
) -> None:
    if credential is not None:
        connections.test_credentials(credential, clock=clock)
    elif secrets is not None:
        try_secrets(row, secrets, clock=clock)


def _known(vendor: str, scheme: str) -> str:
    """Return the name of a way in that there is: no adapter has to use it. Raises ValidationError."""
    try:
        return vendors.scheme_of(vendor, scheme).name
    except VendorUnsupported as error:
        raise ValidationError({"scheme": str(error)}) from error


def _unsaved(known: VendorCredential) -> VendorCredential:
    return VendorCredential(partner=known.partner, vendor=known.vendor, scheme=known.scheme)
