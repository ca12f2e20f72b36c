"""Deleting tokens and codes that are over."""

from __future__ import annotations

from oauth2_provider.models import clear_expired


def prune() -> None:
    """Delete expired codes and tokens. Refresh tokens that were used stay as long as they could tell a replay.

    The package reads the clock itself.
    """
    clear_expired()
