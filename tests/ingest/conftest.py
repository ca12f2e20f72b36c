from __future__ import annotations

import pytest

from ingest import vendors
from tests.factories import NOW
from tests.ingest.vendor import POLICY, Fake, hourly, with_homes


class Time:
    """The clock of a test; it stands until the test moves it."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def vendor(monkeypatch):
    """The fake vendor, registered, with nothing asked of it yet."""
    vendors.adapter_class.cache_clear()
    monkeypatch.setitem(vendors.VENDORS, "solis", "tests.ingest.vendor.Fake")
    for name, value in {
        "homes": [],
        "asked": [],
        "listed": [],
        "answer": staticmethod(hourly),
        "policy": POLICY,
    }.items():
        monkeypatch.setattr(Fake, name, value, raising=False)
    yield Fake
    vendors.adapter_class.cache_clear()


@pytest.fixture
def account(vendor):
    """A connection with one home at the vendor, known and with an active gateway."""
    return with_homes(vendor, "home")
