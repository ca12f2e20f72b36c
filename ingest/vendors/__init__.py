"""The registry: one line a vendor. A class is imported when it is first asked for."""

from __future__ import annotations

import functools
import importlib

from ingest.vendors import announced
from ingest.vendors.base import AuthScheme, VendorAdapter
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
        msg = f"There is no adapter for {slug!r} yet; there are {', '.join(sorted(VENDORS))}."
        raise VendorUnsupported(msg)
    module, _, name = VENDORS[slug].rpartition(".")
    loaded: type[VendorAdapter] = getattr(importlib.import_module(module), name)
    return loaded


def schemes(slug: str) -> tuple[AuthScheme, ...]:
    """Return a vendor's ways in, those that its adapter uses first; raise VendorUnsupported for an unknown slug."""
    used = () if slug in announced.LABELS else tuple(adapter_class(slug).schemes)
    return (*used, *announced.SCHEMES.get(slug, ()))


def scheme_of(slug: str, name: str = "") -> AuthScheme:
    """Return a vendor's way in by name, the first if there is no name. Raises VendorUnsupported."""
    for way in schemes(slug):
        if name in {"", way.name}:
            return way
    msg = f"{slug} has no way in called {name!r}."
    raise VendorUnsupported(msg)


def is_used(slug: str, scheme: str) -> bool:
    """Return whether an adapter uses this way in, or its keys are only kept until one does."""
    return scheme not in {way.name for way in announced.SCHEMES.get(slug, ())}


def choices() -> list[tuple[str, str]]:
    """Return (slug, label) of every vendor that is read, for forms and models."""
    return [(slug, adapter_class(slug).label) for slug in VENDORS]


def credential_choices() -> list[tuple[str, str]]:
    """Return (slug, label) of every vendor that partners may have keys of, in the order of their labels."""
    return sorted([*choices(), *announced.LABELS.items()], key=lambda choice: choice[1].lower())
