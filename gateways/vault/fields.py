"""The model field that holds sealed text; `manage.py rotate_master_key` finds every column by this class."""

from __future__ import annotations

from typing import Any

from django.db import models

from gateways.vault import keyring

_SCHEME = "sealed:"  # what a column of URIs has before an envelope


class SealedField(models.TextField):  # type: ignore[type-arg]  # has a type argument in the stubs only
    """Text that the vault sealed, or empty. It opens only when asked to, by its own row.

    `identity` names the field that identifies the row, is known before the row is saved and never changes. Table,
    column and identity are bound into what is sealed: a migration that renames one of them has to seal anew.
    """

    def __init__(self, *args: Any, identity: str = "uid", **kwargs: Any) -> None:
        self.identity = identity
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "identity": self.identity}

    def context(self, row: models.Model) -> str:
        """Return table:column:identity, which is bound into what is sealed."""
        return f"{self.model._meta.db_table}:{self.column}:{getattr(row, self.identity)}"

    def seal(self, row: models.Model, value: str) -> None:
        """Seal `value` into the row (not saved)."""
        setattr(row, self.attname, keyring.seal(value, self.context(row)))

    def unseal(self, row: models.Model) -> str:
        """Open the row's value; raises VaultError."""
        return keyring.unseal(getattr(row, self.attname), self.context(row))

    def key_id(self, row: models.Model) -> str | None:
        """Return the master key the row's value needs, None if it is empty or a URI of another key store."""
        envelope = self._envelope(row)
        return keyring.key_id_of(envelope) if envelope else None

    def resealed(self, row: models.Model) -> str:
        """Return the row's value under the newest master key; raises VaultError."""
        value: str = getattr(row, self.attname)
        envelope = self._envelope(row)
        if not envelope:
            return value
        return value.removesuffix(envelope) + keyring.reseal(envelope, self.context(row))

    def _envelope(self, row: models.Model) -> str:
        value: str = getattr(row, self.attname)
        scheme, colon, _ = value.partition(":")
        return "" if colon and scheme + colon != _SCHEME else value.removeprefix(_SCHEME)


def sealed_field(model: type[models.Model], name: str) -> SealedField:
    """Return a model's sealed field."""
    field = model._meta.get_field(name)
    assert isinstance(field, SealedField)  # noqa: S101  the caller knows the model
    return field
