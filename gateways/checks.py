"""System checks: what must hold before anything starts, each with an id and a hint."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from gateways.vault import keyring


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
def vault_keys_open_what_is_sealed(**_: Any) -> list[Error]:
    """E002: every master key this installation sealed with must be there and be the right one."""
    try:
        keyring.check_master_keys()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Restore VAULT_KEYS from where the secrets of this installation are kept.", id="gateways.E002")]
    except DatabaseError:
        return []  # before the first migration there is nothing sealed
    return []
