"""Public keys of gateways as JSON Web Keys (RFC 7517), for whoever verifies what a gateway signed."""

from __future__ import annotations

import hashlib
from base64 import b64decode, urlsafe_b64encode

import orjson

from gateways.models import Gateway, GatewayKey

_VALID = (GatewayKey.State.ACTIVE, GatewayKey.State.RETIRED)


def keys_of(gateway: Gateway) -> list[dict[str, str]]:
    """Return the keys that a gateway signs or signed with, its own and its type's, as JWKs; none that is banned."""
    own = GatewayKey.objects.filter(gateway=gateway)
    shared = GatewayKey.objects.filter(gateway_type=gateway.gateway_type_id)
    found = (own | shared).filter(state__in=_VALID).order_by("created_at", "pk")
    return [jwk(public_key) for public_key in found.values_list("public_key", flat=True)]


def jwk(public_key: str) -> dict[str, str]:
    """Return a public key (x‖y in 128 hex digits) as a JWK."""
    return {**_required(public_key), "kid": thumbprint(public_key), "use": "sig", "alg": "ES256"}


def thumbprint(public_key: str) -> str:
    """Return the SHA-256 thumbprint of a public key (RFC 7638), which is its `kid`."""
    canonical = orjson.dumps(_required(public_key), option=orjson.OPT_SORT_KEYS)
    return base64url(hashlib.sha256(canonical).digest()).decode()


def base64url(raw: bytes) -> bytes:
    """Return bytes in base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=")


def of_base64url(text: str) -> bytes:
    """Return the bytes that a text in base64url without padding stands for. Raises ValueError."""
    return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _required(public_key: str) -> dict[str, str]:
    x, y = (base64url(bytes.fromhex(half)).decode() for half in (public_key[:64], public_key[64:]))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
