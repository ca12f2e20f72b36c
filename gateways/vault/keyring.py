"""Master keys, envelopes and what binds a sealed value to its place.

An envelope holds the value under a fresh data key, and the data key under a master key, both AES-256-GCM:

    v1.<master key id>.<base64url( wrap nonce 12 | wrapped data key 48 | nonce 12 | ciphertext and tag )>

`context` (table, column and row identity) is associated data of both layers, so a sealed value that is pasted into
another row or column does not open. Changing the master key rewrites the wrapped data key alone.
"""

from __future__ import annotations

import base64
import functools
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE = 12
_WRAPPED = 32 + 16
_SHORTEST = _NONCE + _WRAPPED + _NONCE + 16
_ENVELOPE = re.compile(r"v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_=-]+)")
_ENTRY = re.compile(r"([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)")
_HELP = "VAULT_KEYS is a comma-separated list of id:key, key being base64 of 32 random bytes; the last one seals."


class VaultError(Exception):
    """The vault cannot open, seal or sign. Whose fault: ours. Hold the gateway and alert; a retry changes nothing."""


def parse_master_keys(text: str) -> dict[str, AESGCM]:
    """Read the VAULT_KEYS setting; raise ImproperlyConfigured that names the bad entry, never its value."""
    keys: dict[str, AESGCM] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            msg = f"Entry {number} of VAULT_KEYS is not id:base64-of-32-bytes. {_HELP}"
            raise ImproperlyConfigured(msg)
        if match[1] in keys:
            msg = f"VAULT_KEYS names the id {match[1]} twice. {_HELP}"
            raise ImproperlyConfigured(msg)
        keys[match[1]] = AESGCM(base64.b64decode(match[2]))
    if not keys:
        msg = f"VAULT_KEYS is empty: private keys and vendor secrets cannot be sealed. {_HELP}"
        raise ImproperlyConfigured(msg)
    return keys


def seal(value: str, context: str) -> str:
    """Seal `value` for the place that `context` names; return the envelope."""
    data_key = AESGCM.generate_key(256)
    nonce = os.urandom(_NONCE)
    aad = context.encode()
    # An encoding error would carry the value; surrogatepass has none.
    return _envelope(
        data_key, nonce + AESGCM(data_key).encrypt(nonce, value.encode("utf-8", "surrogatepass"), aad), aad
    )


def unseal(envelope: str, context: str) -> str:
    """Open an envelope; raise VaultError if its master key is missing or it was sealed for another place or altered."""
    data_key, sealed = _open(envelope, context)
    try:
        plain = AESGCM(data_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode())
    except InvalidTag as error:
        msg = f"What is sealed for {context} was altered."
        raise VaultError(msg) from error
    return plain.decode("utf-8", "surrogatepass")


def reseal(envelope: str, context: str) -> str:
    """Return the same value under the newest master key; the envelope itself if it is under it already."""
    if key_id_of(envelope) == newest_key_id():
        return envelope
    data_key, sealed = _open(envelope, context)
    return _envelope(data_key, sealed, context.encode())


def key_id_of(envelope: str) -> str:
    """Return the id of the master key that an envelope needs; raise VaultError if it is no envelope."""
    return _match(envelope)[1]


def newest_key_id() -> str:
    """Return the id of the master key that seals."""
    return next(reversed(master_keys()))


def master_keys() -> dict[str, AESGCM]:
    """Return the master keys of the settings by id, oldest first; raise ImproperlyConfigured."""
    return _parsed(settings.VAULT_KEYS)


@functools.lru_cache(maxsize=4)
def _parsed(text: str) -> dict[str, AESGCM]:
    return parse_master_keys(text)


def _envelope(data_key: bytes, sealed: bytes, aad: bytes) -> str:
    key_id = newest_key_id()
    nonce = os.urandom(_NONCE)
    wrapped = master_keys()[key_id].encrypt(nonce, data_key, aad)
    return f"v1.{key_id}.{base64.urlsafe_b64encode(nonce + wrapped + sealed).decode()}"


def _open(envelope: str, context: str) -> tuple[bytes, bytes]:
    """Return the data key and what it seals."""
    match = _match(envelope)
    master = master_keys().get(match[1])
    if master is None:
        msg = f"Master key {match[1]} is not in VAULT_KEYS. Put it back."
        raise VaultError(msg)
    blob = _decode(match[2])
    try:
        data_key = master.decrypt(blob[:_NONCE], blob[_NONCE : _NONCE + _WRAPPED], context.encode())
    except InvalidTag as error:
        msg = f"What is sealed for {context} was altered, sealed for another place, or by another key {match[1]}."
        raise VaultError(msg) from error
    return data_key, blob[_NONCE + _WRAPPED :]


def _match(envelope: str) -> re.Match[str]:
    match = _ENVELOPE.fullmatch(envelope)
    if match is None:
        msg = "This is not an envelope of the vault: it was cut, or never sealed."
        raise VaultError(msg)
    return match


def _decode(text: str) -> bytes:
    try:
        blob = base64.urlsafe_b64decode(text)
    except ValueError as error:
        msg = "This envelope of the vault is not base64: it was cut or altered."
        raise VaultError(msg) from error
    if len(blob) < _SHORTEST:
        msg = "This envelope of the vault is too short: it was cut."
        raise VaultError(msg)
    return blob
