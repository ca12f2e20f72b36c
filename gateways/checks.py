"""System checks: what must hold before anything starts, each with an id and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from simple_history.models import HistoricalChanges

from gateways.models import MasterKey
from gateways.vault import keyring, master_keys, rotation


@register(Tags.security)
def vault_keys_are_readable(**_: Any) -> list[Error]:
    """E001: VAULT_KEYS must parse."""
    try:
        keyring.parse_master_keys(settings.VAULT_KEYS)
    except ImproperlyConfigured as error:
        hint = "Make one with: python -c 'import base64,os; print(\"k1:\" + base64.b64encode(os.urandom(32)).decode())'"
        return [Error(str(error), hint=hint, id="gateways.E001")]
    return []


@register(Tags.database)
def vault_keys_open_what_is_sealed(databases: Sequence[str] | None = None, **_: Any) -> list[Error]:
    """E002: every master key this installation sealed with must be there and be the right one."""
    # Before the first migration there is nothing sealed.
    table = MasterKey._meta.db_table
    if "default" not in (databases or ()) or table not in connections["default"].introspection.table_names():
        return []
    try:
        master_keys.check_master_keys()
    except ImproperlyConfigured as error:
        hint = "Restore VAULT_KEYS from where the secrets of this installation are kept."
        return [Error(str(error), hint=hint, id="gateways.E002")]
    return []


@register(Tags.security)
def history_keeps_no_secrets(**_: Any) -> list[Error]:
    """E003: a copy of a sealed value in a history table could never be opened, nor moved to another master key."""
    return [
        Error(
            f"{column.model.__name__} keeps the history of the sealed column {column.name}.",
            hint=f"Add it to the model: HistoricalRecords(excluded_fields=[{column.name!r}]).",
            obj=column.model,
            id="gateways.E003",
        )
        for column in rotation.sealed_columns()
        if issubclass(column.model, HistoricalChanges)
    ]
