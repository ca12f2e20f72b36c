"""What homeowners are told of a vendor's cloud before they choose it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest import health
from ingest.models import PullRun
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

BAD, GOOD = "unavailable", "ok"


def pulled(*outcomes, vendor="solis", before=timedelta()):
    """Pulls a minute apart, oldest first, the last one a minute ago; each by a partner of its own."""
    for ago, outcome in enumerate(reversed(outcomes), 1):
        at = NOW - before - timedelta(minutes=ago)
        PullRun.objects.create(
            connection=factories.connection(vendor=vendor),
            started_at=at,
            outcome=outcome,
            finished_at=None if outcome == "running" else at,
        )


@pytest.mark.parametrize(
    "outcomes, up",
    [
        ([], True),
        ([BAD, BAD], True),
        ([BAD, BAD, BAD], False),
        ([BAD, "reply_invalid", BAD, GOOD, GOOD], False),
        ([BAD, BAD, BAD, GOOD, GOOD, GOOD], True),
        ([GOOD] * 6 + [BAD, BAD, BAD], False),
        ([GOOD] * 6 + [BAD, BAD, GOOD, BAD], True),
        (["auth_failed", "throttled", "auth_failed", "throttled"], True),
        (["error", "lost", "running", "unsupported"], True),
        ([BAD, BAD, BAD, "lost", "error", "running", "error"], False),
    ],
)
def test_a_vendor_is_in_trouble_if_most_pulls_or_the_newest_three_failed(outcomes, up):
    pulled(*outcomes)
    assert health.vendor_status("solis", NOW).up is up


def test_trouble_says_since_when_and_what_that_means():
    pulled(GOOD, BAD, BAD, BAD)
    told = health.vendor_status("solis", NOW)
    assert told.since == NOW - timedelta(minutes=3)
    assert told.text.startswith("Solis has trouble right now.")


def test_trouble_that_is_over_and_trouble_of_others_do_not_count():
    pulled(BAD, BAD, BAD, before=timedelta(minutes=30))
    pulled(BAD, BAD, BAD, vendor="solaredge")
    assert health.vendor_status("solis", NOW) == health.Health(up=True)


def test_it_takes_one_query(django_assert_num_queries):
    pulled(BAD, BAD, BAD)
    with django_assert_num_queries(1):
        health.vendor_status("solis", NOW)
