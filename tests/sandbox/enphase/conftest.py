from __future__ import annotations

import pytest

from sandbox.state import State
from tests.sandbox.enphase.cloud import Cloud, Home


@pytest.fixture
def cloud(state: State) -> Cloud:
    return Cloud(state)


@pytest.fixture
def home(cloud: Cloud) -> Home:
    return Home(cloud)


@pytest.fixture
def two(cloud: Cloud) -> tuple[Home, Home]:
    """The home with two batteries, and the one with microinverters alone."""
    first, second = (Home(cloud, "ok_two_sites", number) for number in (0, 1))
    return (first, second) if first.ask("summary")["source"] == "meter" else (second, first)
