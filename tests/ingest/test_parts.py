"""What a vendor refuses while the rest goes on is written down once, until it is back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateways.models import Event
from ingest import parts
from ingest.models import Connection
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return factories.connection()


def note(account, answered=(), refused=None, now=NOW):
    return parts.note(connection=account, answered=answered, refused=refused or {}, now=now)


def told():
    return [(event.name, event.data) for event in Event.objects.order_by("pk")]


def test_a_part_that_is_lost_says_since_when_and_why_once(account):
    for hour in range(3):
        note(account, ["power"], {"meters": "no right"}, NOW + timedelta(hours=hour))
    known = Connection.objects.get().refused_parts
    assert known == {"meters": {"since": NOW.isoformat(), "reason": "no right"}}
    assert told() == [("connection.part_lost", {"resource": "meters"})]


def test_a_part_that_answers_again_is_back(account):
    note(account, [], {"meters": "no right", "storage": "no right"})
    note(account, ["meters"], {"storage": "no right"})
    assert list(Connection.objects.get().refused_parts) == ["storage"]
    assert told()[-1] == ("connection.part_back", {"resource": "meters"})


def test_since_when_the_longest_lost_was_lost_is_told_once_it_is_back(account):
    note(account, [], {"storage": "no right"}, NOW)
    note(account, [], {"meters": "no right"}, NOW + timedelta(hours=1))
    assert note(account, ["meters", "storage"], now=NOW + timedelta(hours=2)) == NOW
    assert note(account, ["meters", "storage"]) is None


def test_a_part_that_was_not_asked_for_is_neither_lost_nor_back(account, django_assert_num_queries):
    note(account, [], {"meters": "no right"})
    with django_assert_num_queries(0):
        note(account, ["power"])
    assert list(Connection.objects.get().refused_parts) == ["meters"]


def test_an_account_with_a_part_refused_stays_active(account):
    note(account, [], {"meters": "no right"})
    assert Connection.objects.get().status == "active"
