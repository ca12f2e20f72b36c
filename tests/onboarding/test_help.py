"""The help beside forms for keys."""

from __future__ import annotations

import pytest
from django.contrib.staticfiles import finders

from ingest import vendors

PICTURES = sorted(
    {
        help_step.picture
        for vendor in vendors.VENDORS
        for scheme in vendors.adapter_class(vendor).schemes
        for help_step in scheme.help_steps
        if help_step.picture
    }
)


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_is_there(picture):
    assert finders.find(picture)


def test_owners_who_need_keys_are_shown_the_way_in_pictures(homeowner):
    homeowner.enter()
    homeowner.agree("solis")
    page = homeowner.see("connect")
    assert page.count("<img") == page.count("<li><img") + page.count("<br><img") == 3
