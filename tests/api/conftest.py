from __future__ import annotations

from tests.onboarding.flows.conftest import site, vendor

__all__ = ["site", "vendor"]
