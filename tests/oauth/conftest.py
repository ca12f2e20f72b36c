from __future__ import annotations

import pytest

from tests.api.conftest import _nobody_has_asked_yet
from tests.oauth.world import World

__all__ = ["_nobody_has_asked_yet"]


@pytest.fixture
def world(db):
    """Anna with two homes, and an app that her partner lets ask her."""
    return World()
