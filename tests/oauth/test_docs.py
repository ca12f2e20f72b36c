from __future__ import annotations

import re

import pytest
from django.conf import settings

DOCS = settings.BASE_DIR / "docs" / "oauth.md"
ROOT = settings.BASE_DIR / "tests"
TESTS = [*(ROOT / "oauth").glob("test_*.py"), ROOT / "config" / "test_startup.py"]


@pytest.mark.once
def test_every_test_that_the_checklist_names_is_there():
    there = {name for file in TESTS for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", DOCS.read_text()))
    assert len(named) > 30
    assert named - there == set()
