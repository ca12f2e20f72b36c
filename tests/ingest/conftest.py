from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest import credentials, vendors
from tests import factories
from tests.factories import NOW
from tests.ingest.consenting import APP, Cloud, Consenting
from tests.ingest.vendor import POLICY, Fake, home, hourly, with_homes


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


@pytest.fixture
def cloud(vendor, monkeypatch, settings, tmp_path) -> Iterator[Cloud]:
    """The vendor with its token endpoint; receipts of a test are its own."""
    monkeypatch.setitem(vendors.VENDORS, "solis", "tests.ingest.consenting.Consenting")
    vendors.adapter_class.cache_clear()
    monkeypatch.setattr(Consenting, "homes", [home("home")], raising=False)
    running = Cloud()
    settings.SANDBOX_URL, settings.VAR_DIR = running.url, tmp_path
    yield running
    running.close()


@pytest.fixture
def app(cloud):
    """The partner's application."""
    return credentials.add(partner=factories.partner(), vendor="solis", name="app", secrets=APP, by="test", now=NOW)
