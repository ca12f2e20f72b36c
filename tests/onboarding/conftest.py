from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.clouds import clouds, join_page, running_clouds
from tests.onboarding.homeowner import Homeowner

__all__ = ["clouds", "join_page", "running_clouds"]


@pytest.fixture
def homeowner(join_page):
    cache.clear()  # it counts how often people try to sign in
    return Homeowner(join_page.partner.slug)
