from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.oauth.world import World


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet():
    cache.clear()


@pytest.fixture
def world(db):
    """Anna with two homes, and an app that her partner lets ask her."""
    return World()
