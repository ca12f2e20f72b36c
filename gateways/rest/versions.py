"""Dated versions: a client keeps the one it began with; a request may ask for another (`Portal-Version`)."""

from __future__ import annotations

from gateways.rest.problems import invalid

HEADER = "Portal-Version"
LATEST = "2026-11-21"
VERSIONS = (LATEST,)


def chosen(asked: str, pinned: str) -> str:
    """Return the version a request gets. Raises Problem for one that there is not."""
    version = asked or pinned
    if version not in VERSIONS:
        msg = f"There is no version {version!r} of the API; there are {', '.join(VERSIONS)}."
        raise invalid(msg, field=HEADER)
    return version
