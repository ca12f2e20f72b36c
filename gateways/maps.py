"""Maps in forms: where their ground comes from."""

from __future__ import annotations

from django.conf import settings


def context() -> dict[str, str]:
    """Return what a template with a map needs; without a tile server the map shows coastlines of our own."""
    return {"map_tiles": settings.MAP_TILES_URL, "map_attribution": settings.MAP_ATTRIBUTION}
