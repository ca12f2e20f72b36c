"""Documents signed by a gateway's key, so that who gets them second-hand can tell where they come from.

`typ` and the claims differ from those of the JWT that brings readings to SEN (`ingest.sen.envelope`): SEN takes only
`typ: JWT` and a payload of times, so that nothing signed here can be sent there in the partner's name (RFC 8725, 3.11).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings

from gateways import crypto, jwks, vault
from gateways.models import Gateway
from ingest import sen


def signed(document: Mapping[str, Any], *, gateway: Gateway, subject: str, now: datetime, sn: str = "") -> bytes:
    """Return the compact JWT (ES256) of a document, with the claims iss, iat and sub, by the gateway's active key.

    `subject` is what it is about, such as "telemetry". Raises NoKey, VaultError.
    """
    key = crypto.signing_key(gateway)
    claims = {"iss": settings.PUBLIC_URL, "iat": int(now.timestamp()), "sub": gateway.serial, **document}
    parts = _header(gateway, subject, sn, key.public_key), claims
    signing = b".".join(jwks.base64url(orjson.dumps(part, option=orjson.OPT_UTC_Z)) for part in parts)
    return signing + b"." + jwks.base64url(vault.signer_for(key.uri, key.public_key).sign(signing))


def _header(gateway: Gateway, subject: str, sn: str, public_key: str) -> dict[str, str]:
    header = {
        "alg": "ES256", "typ": f"{subject}+jwt", "kid": jwks.thumbprint(public_key), "device": gateway.serial,
        "opr": sen.operation(gateway.partner.environment), "model": gateway.gateway_type.model,
        "dtype": gateway.gateway_type.dtype,
    }  # fmt: skip
    return header | ({"sn": sn} if sn else {})
