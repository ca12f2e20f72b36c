"""Two fleets that are made once a file: for files whose tests all want them, each as it was made.

They stand in a transaction around those of the tests. Import all three fixtures.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.admin.conftest import Fleet, make_fleet, staff


@pytest.fixture(scope="module", autouse=True)
def standing(django_db_setup, django_db_blocker: Any) -> Iterator[tuple[Fleet, Fleet]]:
    around = transaction.atomic()
    with django_db_blocker.unblock():
        around.__enter__()
        made = make_fleet(), make_fleet()
        staff(made[1].partner, "owner")
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def fleet(standing: tuple[Fleet, Fleet], db) -> Fleet:
    return copy.deepcopy(standing[0])


@pytest.fixture
def stranger(standing: tuple[Fleet, Fleet], db) -> Fleet:
    """A fleet of a partner that nobody here works for but its owner."""
    return copy.deepcopy(standing[1])
