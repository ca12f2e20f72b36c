from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.clouds import clouds, join_page, running_clouds
from tests.onboarding import homes
from tests.onboarding.homeowner import Homeowner

__all__ = ["clouds", "join_page", "running_clouds"]


@pytest.fixture(autouse=True)
def _nobody_has_tried_before():
    cache.clear()  # it counts how often people try to sign in, and keys


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
