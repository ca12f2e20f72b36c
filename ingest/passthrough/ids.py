"""Ids of what vendors have, `<vendor>:<what the vendor calls it>`: callers take them as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from gateways import jwks
from ingest.readings import DerKey, Kind, ReadingInvalid

PATTERN = "[a-z0-9]{1,30}:[A-Za-z0-9_-]{1,600}"
_OF_SYSTEM = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,100}")
"""the native id stands in addresses of the vendor, and must not lead anywhere else there"""


@dataclass(frozen=True)
class Native:
    """What an id names: a site of a vendor, or a device there."""

    vendor: str
    system: str
    key: DerKey | None = None


def encode(native: Native) -> str:
    """Return the id, which an address takes as it is."""
    parts = [native.system, *([native.key.kind, native.key.sn] if native.key else [])]
    return f"{native.vendor}:{jwks.base64url(orjson.dumps(parts)).decode()}"


def decode(text: str) -> Native | None:
    """Return what an id names; None for one that is none of ours."""
    vendor, _, packed = text.partition(":")
    try:
        parts = orjson.loads(jwks.of_base64url(packed))
    except ValueError:
        return None
    match parts:
        case [str(system)] if _OF_SYSTEM.fullmatch(system):
            return Native(vendor, system)
        case [str(system), str(kind), str(sn)] if _OF_SYSTEM.fullmatch(system) and kind in set(Kind):
            try:
                return Native(vendor, system, DerKey(Kind(kind), sn))
            except ReadingInvalid:
                return None
    return None
