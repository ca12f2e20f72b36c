"""Secrets of accounts and of partners' credentials, in the fields that their way in names: sealed and opened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson
from django.core.exceptions import ValidationError

from gateways.vault.fields import SealedField, sealed_field
from ingest import vendors
from ingest.models import Connection, VendorCredential


def seal(row: VendorCredential | Connection, secrets: Mapping[str, str]) -> None:
    """Seal the fields that the row's scheme names into the row (not saved); refuse missing ones."""
    wanted = vendors.scheme_of(row.vendor, row.scheme).fields
    missing = [field.label for field in wanted if not secrets.get(field.name, "").strip()]
    if missing:
        msg = f"Fill in: {', '.join(missing)}."
        raise ValidationError({"secrets": msg})
    plain = {field.name: secrets[field.name].strip() for field in wanted}
    _field_of(row).seal(row, orjson.dumps(plain).decode())
    if isinstance(row, Connection):
        row.account = _account_of(row.vendor, plain)


def unseal(row: VendorCredential | Connection) -> dict[str, str]:
    """Return a row's secrets by the names of their fields. Raises VaultError."""
    secrets: dict[str, str] = orjson.loads(_field_of(row).unseal(row))
    return secrets


def _field_of(row: VendorCredential | Connection) -> SealedField:
    return sealed_field(type(row), "secrets")


def _account_of(vendor: str, secrets: Mapping[str, str]) -> str:
    """Return what tells an account with its own keys from others and does not give them away: a hash of the first."""
    first = next((value.strip() for value in secrets.values() if value.strip()), "")
    return hashlib.sha256(f"{vendor}:{first}".encode()).hexdigest()[:32] if first else ""
