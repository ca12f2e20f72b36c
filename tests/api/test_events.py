"""The log of a partner as its backend reads it: in order, from any point, without gaps."""

from __future__ import annotations

import pytest

from gateways import events
from gateways.models import Event
from tests import factories
from tests.api.calling import backend
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return factories.partner()


@pytest.fixture
def api(partner):
    """A backend; that it was made is the first event."""
    return backend(partner, "events:read")


def happens(partner, name=events.QUEUE_HELD, subject="gateway:a-1", **data):
    return events.record(partner=partner, name=name, subject=subject, by="test", now=NOW, data=data)


def sequences(answer):
    return [event["sequence"] for event in answer.json()["data"]]


def test_events_come_in_order_each_with_the_hash_of_the_one_before(api, partner):
    happens(partner, reason="SEN knows no such key")
    happens(factories.partner())
    first, second = api.get("events").json()["data"]
    assert second == {
        "sequence": 2, "at": "2026-06-15T12:00:00Z", "name": "queue.held", "actor": "test", "subject": "gateway:a-1",
        "data": {"reason": "SEN knows no such key"}, "hash": Event.objects.get(partner=partner, sequence=2).hash,
        "previous_hash": first["hash"],
    }  # fmt: skip
    assert (first["name"], first["previous_hash"]) == ("client.created", "")


def test_whoever_sends_the_last_sequence_back_misses_nothing(api, partner):
    first = api.get("events").json()
    assert (first["last_sequence"], first["next_cursor"]) == (1, None)
    happens(partner)
    later = api.get("events", {"after": first["last_sequence"]})
    assert (sequences(later), later.json()["last_sequence"]) == ([2], 2)
    nothing_new = api.get("events", {"after": 2}).json()
    assert (nothing_new["data"], nothing_new["last_sequence"]) == ([], 2)


def test_a_page_ends_where_the_next_one_begins_by_cursor_and_by_sequence(api, partner):
    for _ in range(3):
        happens(partner)
    first = api.get("events", {"limit": 2})
    assert (sequences(first), first.json()["last_sequence"]) == ([1, 2], 2)
    by_cursor = api.get("events", {"limit": 2, "cursor": first.json()["next_cursor"]})
    by_sequence = api.get("events", {"limit": 2, "after": 2})
    assert sequences(by_cursor) == sequences(by_sequence) == [3, 4]


def test_a_filter_that_finds_nothing_has_looked_to_the_end(api, partner):
    happens(partner)
    found = api.get("events", {"name": "key.banned"}).json()
    assert (found["data"], found["last_sequence"]) == ([], 2)


def test_names_and_subjects_narrow_the_log(api, partner):
    happens(partner, events.KEY_BANNED)
    happens(partner, events.KEY_RETIRED, subject="gateway:b-2")
    happens(partner, events.QUEUE_HELD)
    assert sequences(api.get("events", {"name": "key.banned"})) == [2]
    assert sequences(api.get("events", {"name": ["key.banned", "key.retired"]})) == [2, 3]
    assert sequences(api.get("events", {"name": ["key.banned", "key.retired"], "subject": "gateway:b-2"})) == [3]


@pytest.mark.parametrize(
    "query,field",
    [
        ({"name": "key.lost"}, "name.0"),
        ({"name": ["key.banned", "key.*"]}, "name.1"),
        ({"after": -1}, "after"),
        ({"after": 2**63}, "after"),
        ({"after": [1, 2]}, "after"),
        ({"subject": "\0"}, "subject"),
    ],
)
def test_a_filter_that_cannot_be_is_named(api, query, field):
    refused = api.get("events", query)
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (400, [field])


def test_a_poller_is_told_in_few_bytes_that_nothing_happened(api, partner):
    seen = api.get("events", {"after": 0})
    assert api.get("events", {"after": 0}, headers={"If-None-Match": seen["ETag"]}).status_code == 304
    happens(partner)
    assert api.get("events", {"after": 0}, headers={"If-None-Match": seen["ETag"]}).status_code == 200


def test_the_log_needs_its_own_scope(partner):
    assert backend(partner, "gateways:read").get("events").status_code == 403
