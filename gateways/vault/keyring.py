"""Master keys, envelopes and what binds a sealed value to its place.

An envelope holds the value under a fresh data key, and the data key under a master key, both AES-256-GCM:

    v1.<master key id>.<base64url( wrap nonce 12 | wrapped data key 48 | nonce 12 | ciphertext and tag )>

`context` (table, column and row identity) is associated data of both layers, so a sealed value that is pasted into
another row or column does not open. Changing the master key rewrites the wrapped data key alone.
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE = 12
_WRAPPED = 32 + 16
_HELP = "VAULT_KEYS is a comma-separated list of id:key, key being base64 of 32 random bytes; the last one seals."
_PROBE = "this master key opens what this installation sealed"


class VaultError(Exception):
    """The vault cannot open, seal or sign. Whose fault: ours. Hold the gateway and alert; a retry changes nothing."""


def parse_master_keys(text: str) -> dict[str, AESGCM]:
    """Read the VAULT_KEYS setting; raise ImproperlyConfigured that names the bad entry, never its value."""
    keys: dict[str, AESGCM] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        key_id, separator, encoded = entry.partition(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        if not separator or not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id) or len(raw) != 32:
            msg = f"Entry {number} of VAULT_KEYS is not id:base64-of-32-bytes. {_HELP}"
            raise ImproperlyConfigured(msg)
        if key_id in keys:
            msg = f"VAULT_KEYS names the id {key_id} twice. {_HELP}"
            raise ImproperlyConfigured(msg)
        keys[key_id] = AESGCM(raw)
    if not keys:
        msg = f"VAULT_KEYS is empty: private keys and vendor secrets cannot be sealed. {_HELP}"
        raise ImproperlyConfigured(msg)
    return keys


def seal(value: str, context: str) -> str:
    """Seal `value` for the place that `context` names; return the envelope."""
    data_key = AESGCM.generate_key(256)
    nonce = os.urandom(_NONCE)
    aad = context.encode()
    return _envelope(data_key, nonce + AESGCM(data_key).encrypt(nonce, value.encode(), aad), aad)


def unseal(envelope: str, context: str) -> str:
    """Open an envelope; raise VaultError if the master key is missing or the value was sealed for another place."""
    aad = context.encode()
    data_key, sealed = _open(envelope, aad)
    try:
        return AESGCM(data_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], aad).decode()
    except InvalidTag as error:
        msg = f"What is sealed for {context} was altered or sealed for another place."
        raise VaultError(msg) from error


def reseal(envelope: str, context: str) -> str:
    """Return the same value under the newest master key; the envelope itself if it is under it already."""
    if key_id_of(envelope) == newest_key_id():
        return envelope
    data_key, sealed = _open(envelope, context.encode())
    return _envelope(data_key, sealed, context.encode())


def key_id_of(envelope: str) -> str:
    """Return the id of the master key that an envelope needs."""
    parts = envelope.split(".")
    if len(parts) != 3 or parts[0] != "v1":
        msg = "This is not an envelope of the vault."
        raise VaultError(msg)
    return parts[1]


def newest_key_id() -> str:
    """Return the id of the master key that seals."""
    return next(reversed(_master_keys(settings.VAULT_KEYS)))


def check_master_keys() -> None:
    """Check VAULT_KEYS against what this installation has sealed before, and remember keys that are new.

    Raises ImproperlyConfigured when a master key is missing or mistyped: nothing sealed with it would open.
    """
    from gateways.models import MasterKey  # noqa: PLC0415  models need the app registry, settings do not

    keys = _master_keys(settings.VAULT_KEYS)
    probes = dict(MasterKey.objects.values_list("key_id", "probe"))
    for key_id, probe in probes.items():
        if key_id not in keys:
            msg = (
                f"Master key {key_id} is not in VAULT_KEYS, but values sealed with it may remain. Put it back; "
                f"to retire it run `manage.py rotate_master_key` first, which forgets keys that nothing needs."
            )
            raise ImproperlyConfigured(msg)
        try:
            unseal(probe, _probe_context(key_id))
        except VaultError as error:
            msg = f"Master key {key_id} in VAULT_KEYS is not the key this installation sealed with. Restore the right one."
            raise ImproperlyConfigured(msg) from error
    newest = newest_key_id()
    if newest not in probes:
        MasterKey.objects.get_or_create(key_id=newest, defaults={"probe": seal(_PROBE, _probe_context(newest))})


def _probe_context(key_id: str) -> str:
    return f"gateways_masterkey:probe:{key_id}"


@functools.lru_cache(maxsize=4)
def _master_keys(text: str) -> dict[str, AESGCM]:
    return parse_master_keys(text)


def _envelope(data_key: bytes, sealed: bytes, aad: bytes) -> str:
    key_id = newest_key_id()
    nonce = os.urandom(_NONCE)
    wrapped = _master_keys(settings.VAULT_KEYS)[key_id].encrypt(nonce, data_key, aad)
    return f"v1.{key_id}.{base64.urlsafe_b64encode(nonce + wrapped + sealed).decode()}"


def _open(envelope: str, aad: bytes) -> tuple[bytes, bytes]:
    key_id = key_id_of(envelope)
    master = _master_keys(settings.VAULT_KEYS).get(key_id)
    if master is None:
        msg = f"Master key {key_id} is not in VAULT_KEYS. Put it back."
        raise VaultError(msg)
    blob = base64.urlsafe_b64decode(envelope.rsplit(".", 1)[1])
    wrapped, sealed = blob[_NONCE : _NONCE + _WRAPPED], blob[_NONCE + _WRAPPED :]
    try:
        return master.decrypt(blob[:_NONCE], wrapped, aad), sealed
    except InvalidTag as error:
        msg = f"What is sealed for {aad.decode()} was altered, sealed for another place, or needs another master key {key_id}."
        raise VaultError(msg) from error
