"""What a gateway signs when its owner's app asks: the rule of the hardware's `api/crypto/sign` (sen.md 8).

The key that signs here also signs data for SEN, so what is asked for must never pass for anything else:

- `MESSAGE|NONCE|TIMESTAMP|SERIAL` has two pipes or three. Inception's `ID:WALLET` has none; `ID:TIMESTAMP` and
  `ID|TIMESTAMP`, with which a device reads its configuration, have one at most.
- A JWT is signed over two parts with a dot between them, and there is no dot in it. The pipes alone would not do:
  base64 decoders skip them or stop at a `=` before them, and an unencoded payload (RFC 7797) may hold any character.
- A claim of the newer network, `IDENTITY|NONCE|SECONDS|SERIAL`, has the same four parts; its time is a number.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from django.db import transaction

from gateways import events, queries, vault
from gateways.actions import base
from gateways.events import By
from gateways.models import Client, Gateway, GatewayKey

MOST_BYTES = 512  # the buffer that hardware has for it
TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Unsignable(ValueError):
    """Asked for is a text that is signed for nobody; says why."""


class NoKey(Exception):
    """Nothing signs for the gateway now."""


def signing_key(gateway: Gateway) -> GatewayKey:
    """Return the key that signs for a gateway. Raises NoKey."""
    key = queries.active_key(gateway)
    if key is None:
        msg = "No key signs for this gateway now"
        raise NoKey(msg)
    return key


@transaction.atomic
def sign(
    *, gateway: Gateway, message: str, client: Client, by: By, now: datetime, timestamp: str | None = None
) -> tuple[str, str]:
    """Sign a message and return what was signed, as `compose` makes it, and the signature, r‖s as 128 hex digits.

    Without a `timestamp` it is now. Raises Unsignable, NoKey, VaultError.
    """
    signed = compose(message, stamp(now) if timestamp is None else timestamp, gateway.serial)
    base.begin(gateway)
    key = signing_key(gateway)
    signature = vault.signer_for(key.uri, key.public_key).sign(signed.encode())
    events.note(gateway, events.GATEWAY_SIGNED, by, now, message=signed, client=client.client_id)
    return signed, signature.hex()


def compose(message: str, timestamp: str, serial: str) -> str:
    """Return `MESSAGE|NONCE|TIMESTAMP|SERIAL`, without a message `NONCE|TIMESTAMP|SERIAL`. Raises Unsignable.

    The nonce has six digits. The timestamp has the form `2025-01-17T18:20:12Z` and may be of any time.
    """
    _check_message(message)
    if "|" in timestamp:
        _refuse("Timestamp cannot contain | characters")
    if not TIMESTAMP.fullmatch(timestamp):
        _refuse("Timestamp must be in UTC Y-m-dTH:M:SZ format")
    nonce = 100_000 + secrets.randbelow(900_000)
    return "|".join([*([message] if message else []), str(nonce), timestamp, serial])


def stamp(moment: datetime) -> str:
    """Return an aware time as hardware writes it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_message(message: str) -> None:
    if "|" in message:
        _refuse("Message cannot contain | characters")
    if "." in message:  # see above; a wallet, which this is for, has none
        _refuse("Message cannot contain . characters")
    if re.search(r"[\x00\ud800-\udfff]", message):  # databases keep no NUL, UTF-8 has no halves of characters
        _refuse("Message must be text")
    if len(message.encode()) > MOST_BYTES:
        _refuse(f"Message cannot be longer than {MOST_BYTES} bytes")


def _refuse(reason: str) -> None:
    raise Unsignable(reason)
