from __future__ import annotations

import pytest
from django.core.cache import cache

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


@pytest.fixture
def gaps(monkeypatch):
    """For how many seconds homes are left alone, each time one is to be advanced."""
    add, seen = cache.add, []

    def noting(key, value, timeout):
        seen.append(timeout)
        return add(key, value, timeout)

    monkeypatch.setattr(cache, "add", noting)
    return seen
