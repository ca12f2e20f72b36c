"""What proves that a request is ours, and that an endpoint knows its secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

DELIVERY, TIMESTAMP, SIGNATURE = "Portal-Delivery", "Portal-Timestamp", "Portal-Signature"


def signature(body: bytes, *, timestamp: int, secrets: Iterable[str]) -> str:
    """Return `v1=<hex>` for each secret: the HMAC-SHA256 of `<timestamp>.<body>`, Unix seconds and the raw bytes."""
    signed = b"%d.%s" % (timestamp, body)
    return ",".join(f"v1={_hmac(secret, signed)}" for secret in secrets)


def response(challenge: str, secret: str) -> str:
    """Return the hex that an endpoint answers a challenge with.

    An endpoint that merely sends back what it gets cannot know it. It begins with a word, as no signature of ours does:
    else whoever asks an endpoint to answer a challenge would get the signature of a delivery.
    """
    return _hmac(secret, b"challenge." + challenge.encode())


def _hmac(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
