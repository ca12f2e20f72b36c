from __future__ import annotations

import pytest

from tests.ingest.sen import receiver as stand_in


@pytest.fixture
def receiver():
    """A stand-in for SEN on loopback."""
    with stand_in.running() as running:
        yield running
