from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.processes import portal as real


@pytest.fixture
def portal(transactional_db, settings):
    """Broker and sandbox as processes of their own; workers are the test's to start and kill."""
    # A short path: a unix socket's name may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="portal-") as folder, real.running(Path(folder)) as running:
        settings.SANDBOX_URL = running.url
        yield running
