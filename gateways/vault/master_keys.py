"""Which master keys this installation has sealed with: a sealed probe of each shows a lost or mistyped key at start."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from gateways.vault import keyring
from gateways.vault.keyring import VaultError

if TYPE_CHECKING:
    from gateways.models import MasterKey

_PROBE = "this master key opens what this installation sealed"


def check_master_keys() -> None:
    """Check VAULT_KEYS against what this installation has sealed before, and remember the newest key.

    Raises ImproperlyConfigured when a master key is missing or mistyped: nothing sealed with it would open.
    """
    known = dict(_model().objects.values_list("key_id", "probe"))
    for key_id, probe in known.items():
        _check(key_id, probe)
    newest = keyring.newest_key_id()
    if newest not in known:
        probe = keyring.seal(_PROBE, _context(newest))
        _model().objects.get_or_create(key_id=newest, defaults={"probe": probe})


def forget_all_but(needed: Collection[str]) -> list[str]:
    """Forget the master keys that nothing needs any more, except the newest; return their ids."""
    idle = _model().objects.exclude(key_id__in={*needed, keyring.newest_key_id()})
    forgotten = sorted(idle.values_list("key_id", flat=True))
    idle.delete()
    return forgotten


def _check(key_id: str, probe: str) -> None:
    if key_id not in keyring.master_keys():
        msg = (
            f"Master key {key_id} is not in VAULT_KEYS, but values sealed with it may remain. Put it back; "
            f"to retire it run `manage.py rotate_master_key` first, which forgets keys that nothing needs."
        )
        raise ImproperlyConfigured(msg)
    try:
        keyring.unseal(probe, _context(key_id))
    except VaultError as error:
        msg = f"Master key {key_id} in VAULT_KEYS is not the key this installation sealed with. Restore the right one."
        raise ImproperlyConfigured(msg) from error


def _context(key_id: str) -> str:
    return f"gateways_masterkey:probe:{key_id}"


def _model() -> type[MasterKey]:
    # The models import the vault; importing them from here would close a circle.
    return apps.get_model("gateways", "MasterKey")
