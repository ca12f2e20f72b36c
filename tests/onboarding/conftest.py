from __future__ import annotations

import pytest

from tests.clouds import clouds, join_page, running_clouds
from tests.onboarding import homes
from tests.onboarding.homeowner import Homeowner

__all__ = ["clouds", "join_page", "running_clouds"]


@pytest.fixture
def homeowner(join_page):
    return Homeowner(join_page.partner.slug)


@pytest.fixture
def anna():
    return homes.user()


@pytest.fixture
def signed_in(anna):
    return homes.browser(anna)


@pytest.fixture
def villa(anna):
    """Anna's home, with readings."""
    system = homes.home(anna)
    homes.read(system)
    return system
