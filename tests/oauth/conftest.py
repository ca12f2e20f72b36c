from __future__ import annotations

import pytest

from tests.oauth.world import World


@pytest.fixture
def world(db):
    """Anna with two homes, and an app that her partner lets ask her."""
    return World()
