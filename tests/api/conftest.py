from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.onboarding.flows.conftest import site, vendor

__all__ = ["site", "vendor"]


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet():
    """Clients of different tests have the same numbers, and would share a limit."""
    cache.clear()
