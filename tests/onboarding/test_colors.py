from __future__ import annotations

import re

import pytest
from django.urls import reverse

from ingest import vendors
from onboarding import colors

EVERY_KIND = ["#000000", "#ffffff", "#ffd400", "#7a0bd0", "#777777", "#00ff00", "#10141d", "#f7f7f9", "#0000ff"]


def test_contrast_is_what_wcag_says():
    assert colors.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colors.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("color", EVERY_KIND)
def test_black_or_white_can_be_read_on_every_color(color):
    assert colors.contrast(colors.ink_on(color), color) >= 4.5


@pytest.mark.parametrize("grounds", [colors.LIGHT, colors.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("color", EVERY_KIND)
def test_every_color_has_a_shade_that_can_be_read(color, grounds):
    shade = colors.readable(color, grounds)
    assert all(colors.contrast(shade, ground) >= 4.5 for ground in grounds)


def test_a_color_that_can_be_read_stays_as_it_is():
    assert colors.readable("#7a0bd0", colors.LIGHT) == "#7a0bd0"


@pytest.mark.parametrize("vendor", sorted(vendors.VENDORS))
def test_a_vendors_mark_has_a_color(vendor):
    assert re.fullmatch("#[0-9a-f]{6}", vendors.adapter_class(vendor).color)


@pytest.mark.parametrize("color", EVERY_KIND)
def test_a_partners_sheet_can_be_read_in_light_and_dark(color, client, join_page):
    join_page.color = color
    join_page.save()
    sheet = client.get(reverse("join_brand_css", args=["sunny"]))
    assert sheet["Content-Type"] == "text/css"
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in sheet.text.split("@media"))
    for tokens, grounds in ((light, colors.LIGHT), (dark, colors.DARK)):
        assert colors.contrast(tokens["accent"], tokens["on-accent"]) >= 4.5
        assert all(colors.contrast(tokens["link"], ground) >= 4.5 for ground in grounds)
