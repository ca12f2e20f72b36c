"""Vendors through the API: who can be connected, how, and how they do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from ingest import vendors
from ingest.models import PullRun
from tests import factories
from tests.api.calling import backend, problem

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_every_vendor_is_listed_those_that_are_only_announced_as_well():
    rows = {row["id"]: row for row in backend().get("vendors").json()["data"]}
    assert list(rows) == sorted(dict(vendors.credential_choices()))
    assert {slug for slug, row in rows.items() if row["supported"]} == set(vendors.VENDORS)
    tesla = rows["tesla"]
    assert (tesla["kinds"], tesla["reading"], tesla["health"]) == ([], None, None)
    assert [(way["type"], way["is_used"], way["by_consent"]) for way in tesla["ways_in"]] == [("app", False, True)]


def test_a_vendor_tells_what_a_form_needs_and_how_it_is_read():
    row = backend().get("vendors/solis").json()
    (way,) = row["ways_in"]
    assert (way["type"], way["by_consent"], way["is_used"], way["for_homeowners"]) == (
        "apikeysecret", False, True, True
    )  # fmt: skip
    assert [(one["name"], one["is_secret"]) for one in way["secrets"]] == [("key_id", False), ("key_secret", True)]
    assert row["kinds"] == ["battery", "meter", "pv"]
    reading = {name: row["reading"][name] for name in ("interval_s", "window_s", "late_data_s", "history_s")}
    assert reading == {"interval_s": 600, "window_s": 86400, "late_data_s": 7200, "history_s": 172800}
    enphase = backend().get("vendors/enphase").json()
    assert {(way["type"], way["by_consent"]) for way in enphase["ways_in"]} >= {
        ("developerapp", True), ("partnerapp", False)
    }  # fmt: skip


def test_the_list_comes_in_pages():
    api = backend()
    first = api.get("vendors", {"limit": 3}).json()
    rest = api.get("vendors", {"cursor": first["next_cursor"]}).json()
    assert [row["id"] for row in (*first["data"], *rest["data"])] == sorted(dict(vendors.credential_choices()))
    assert rest["next_cursor"] is None
    assert problem(api.get("vendors", {"cursor": "MQ"})) == (400, "invalid-request")


def test_a_vendor_in_trouble_is_said_to_be_since_when():
    account = factories.connection()
    api = backend(account.partner)
    assert api.get("vendors/solis").json()["health"] == {"up": True, "since": None}
    began = timezone.now() - timedelta(minutes=20)
    for number in range(3):
        at = began + timedelta(minutes=number)
        PullRun.objects.create(connection=account, started_at=at, finished_at=at, outcome=PullRun.Outcome.UNAVAILABLE)
    down = api.get("vendors/solis").json()["health"]
    assert (down["up"], down["since"]) == (False, began.isoformat().replace("+00:00", "Z"))


def test_an_unknown_vendor_is_not_there():
    assert problem(backend().get("vendors/nobody")) == (404, "not-found")
