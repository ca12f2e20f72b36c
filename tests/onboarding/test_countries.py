from __future__ import annotations

import pytest
from django.utils import translation

from ingest import vendors
from ingest.vendors.solis import Solis
from onboarding import countries


@pytest.mark.parametrize(
    "accepted, country",
    [
        ("sv-SE,sv;q=0.9,en-US;q=0.8", "SE"),
        ("de-AT", "AT"),
        ("en-XX,nl-NL", "NL"),
        ("zh-Hant-TW", ""),
        ("fr", ""),
        ("", ""),
        ("*;q=0.5", ""),
    ],
)
def test_the_country_is_guessed_from_what_the_browser_names(accepted, country):
    assert countries.guess(accepted) == country


def test_names_are_in_the_readers_order():
    with translation.override("sv"):
        names = [name for _, name in countries.choices()]
    assert names == sorted(names)


def test_a_vendor_that_names_no_countries_is_everywhere(monkeypatch):
    monkeypatch.setattr(Solis, "countries", frozenset())
    assert countries.has(Solis, "SE")
    monkeypatch.setattr(Solis, "countries", frozenset({"DE"}))
    assert not countries.has(Solis, "SE")
    assert countries.has(Solis, "")


@pytest.mark.parametrize("vendor", sorted(vendors.VENDORS))
def test_vendors_name_countries_that_can_be_chosen(vendor):
    assert vendors.adapter_class(vendor).countries <= countries.NAMES.keys()


@pytest.mark.parametrize("language, name, before", [("de", "Österreich", "Polen"), ("sv", "Ungern", "Österrike")])
def test_a_name_with_an_accent_stands_where_its_readers_look_for_it(language, name, before):
    with translation.override(language):
        names = [name for _, name in countries.choices()]
    assert names.index(name) < names.index(before)
