"""The model field that holds sealed text; `manage.py rotate_master_key` finds every column by this class."""

from __future__ import annotations

from typing import Any

from django.db import models

from gateways.vault import keyring


class SealedField(models.TextField):
    """Text that the vault sealed, or empty. It opens only when asked to, by its own row.

    `identity` names the field that identifies the row and is known before the row is saved.
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
