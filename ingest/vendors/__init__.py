"""The registry: one line a vendor. A class is imported when it is first asked for."""

from __future__ import annotations

import functools
import importlib

from ingest.vendors.base import VendorAdapter
from ingest.vendors.errors import VendorUnsupported

VENDORS = {
    "enphase": "ingest.vendors.enphase.Enphase",
    "solaredge": "ingest.vendors.solaredge.SolarEdge",
    "solis": "ingest.vendors.solis.Solis",
}


@functools.cache
def adapter_class(slug: str) -> type[VendorAdapter]:
    """Return the adapter of a vendor; raise VendorUnsupported for an unknown slug."""
    if slug not in VENDORS:
        msg = f"There is no vendor {slug!r}; known are {', '.join(sorted(VENDORS))}."
        raise VendorUnsupported(msg)
    module, _, name = VENDORS[slug].rpartition(".")
    loaded: type[VendorAdapter] = getattr(importlib.import_module(module), name)
    return loaded


def choices() -> list[tuple[str, str]]:
    """Return (slug, label) of every vendor, for forms and models."""
    return [(slug, adapter_class(slug).label) for slug in VENDORS]
