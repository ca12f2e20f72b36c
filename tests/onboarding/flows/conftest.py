from __future__ import annotations

import pytest

from ingest import vendors
from tests.ingest.vendor import home
from tests.onboarding.flows import walk
from tests.onboarding.flows.walk import Scripted, Site


@pytest.fixture
def vendor(monkeypatch):
    """The scripted vendor in place of Enphase, with one home, and one with keys in place of Solis."""
    vendors.adapter_class.cache_clear()
    for slug, name in {"enphase": "Scripted", "solis": "Keyed"}.items():
        monkeypatch.setitem(vendors.VENDORS, slug, f"{walk.__name__}.{name}")
    for name, value in {"homes": [home("home")], "said": None, "down": None, "approves": Scripted.approves}.items():
        monkeypatch.setattr(Scripted, name, value)
    yield Scripted
    vendors.adapter_class.cache_clear()


@pytest.fixture
def site(db, vendor):
    return Site()
