"""Settings that cannot work are said before the first request."""

from __future__ import annotations

import pytest

from onboarding import checks


def ids(errors):
    assert all(error.hint for error in errors)
    return [error.id for error in errors]


@pytest.mark.parametrize(
    "url, found",
    [
        ("https://portal.example.com", []),
        ("http://localhost:8000", ["onboarding.W001"]),
        ("portal.example.com", ["onboarding.E001", "onboarding.W001"]),
        ("https://portal.example.com/portal", ["onboarding.E001"]),
        ("", ["onboarding.E001", "onboarding.W001"]),
    ],
)
def test_the_public_address_is_whole_and_safe(url, found, settings):
    settings.PUBLIC_URL = url
    assert ids([*checks.the_public_address_is_whole(), *checks.the_public_address_is_safe()]) == found


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("", []),
        ("https://tiles.example.com/{z}/{x}/{y}.png", []),
        ("http://tiles.example.com/{z}/{x}/{y}.png", ["onboarding.E002"]),
        ("https://{s}.example.com/{z}/{x}/{y}.png", ["onboarding.E002"]),
        ("https://tiles.example.com/", ["onboarding.E002"]),
    ],
)
def test_tiles_come_from_one_host(pattern, found, settings):
    settings.MAP_TILES_URL = pattern
    assert ids(checks.tiles_come_from_one_host()) == found


@pytest.mark.parametrize(
    "origin, found",
    [
        ("https://accounts.google.com", []),
        ("https://accounts.google.com/", ["onboarding.E003"]),
        ("", ["onboarding.E003"]),
    ],
)
def test_sign_in_through_others_names_their_pages(origin, found, settings):
    settings.SOCIALACCOUNT_PROVIDERS, settings.SOCIAL_ORIGINS = {"google": {}}, [origin]
    assert ids(checks.sign_in_through_others_names_their_pages()) == found
