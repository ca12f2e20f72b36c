"""How far homeowners have come on the join page, without a word of who they are."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException

import pytest
from django.core.mail import EmailMultiAlternatives

from gateways.models import Partner
from onboarding import invitations, journeys
from onboarding.models import Invitation, Journey
from tests.api.calling import backend, problem
from tests.factories import NOW
from tests.onboarding import homes

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def partner():
    return homes.partner()


@pytest.fixture
def api(partner):
    return backend(partner, "enrollments:read")


def begin(partner: Partner, email: str, invitation: Invitation | None = None, now=NOW) -> Journey:
    return journeys.begin(partner=partner, user=homes.user(email), invitation=invitation, now=now)


def choose(journey: Journey, now=NOW) -> None:
    journeys.choose_brand(journey=journey, country="SE", vendor="solis", by="test", now=now)


def test_a_journey_tells_its_steps_and_the_partners_reference(api, partner):
    asked, _path = invitations.invite(partner=partner, user_reference="customer-4711", by="test", now=NOW)
    journey = begin(partner, "anna@example.com", asked)
    choose(journey, NOW + timedelta(minutes=1))
    staff = homes.user("boss@sunny.example")
    journeys.take_over(journey=journey, by=staff, now=NOW + timedelta(minutes=2))
    answer = api.get(f"journeys/{journey.uid}")
    assert answer.json() == {
        "id": str(journey.uid), "status": "under_way", "vendor": "solis", "user_reference": "customer-4711",
        "started_at": "2026-06-15T12:00:00Z", "seen_at": "2026-06-15T12:01:00Z", "finished_at": None,
        "abandoned_at": None,
        "timeline": [
            {"at": "2026-06-15T12:00:00Z", "what": "started"}, {"at": "2026-06-15T12:01:00Z", "what": "brand_chosen"},
            {"at": "2026-06-15T12:02:00Z", "what": "taken_over_by_staff"},
        ],
    }  # fmt: skip
    assert "sunny.example" not in answer.content.decode()


def test_a_poster_refers_to_nobody(api, partner):
    poster, _path = invitations.invite(partner=partner, user_reference="poster-3", for_many=True, by="test", now=NOW)
    begin(partner, "anna@example.com", poster)
    assert [row["user_reference"] for row in api.get("journeys").json()["data"]] == [""]


def test_journeys_are_found_by_how_they_stand(api, partner):
    choose(begin(partner, "anna@example.com"))
    journeys.abandon(journey=begin(partner, "bo@example.com"), by="test", now=NOW)
    done = begin(partner, "cy@example.com", now=NOW + timedelta(days=1))
    Journey.objects.filter(pk=done.pk).update(vendor="solis", finished_at=NOW)

    def found(**query):
        return [row["status"] for row in api.get("journeys", query).json()["data"]]

    assert found() == ["under_way", "abandoned", "finished"]
    assert [found(status=status) for status in ("under_way", "abandoned", "finished")] == [
        ["under_way"], ["abandoned"], ["finished"]
    ]  # fmt: skip
    assert found(vendor="solis") == ["under_way", "finished"]
    assert found(since="2026-06-16T00:00:00Z") == ["finished"]


def test_the_funnel_counts_the_partners_own_journeys(api, partner):
    choose(begin(partner, "anna@example.com"), NOW + timedelta(minutes=1))
    begin(partner, "bo@example.com")
    begin(homes.partner(), "cy@example.com")
    began, brand, *others = api.get("journeys/funnel").json()["data"]
    assert began == {"step": "began", "count": 2, "share": 1.0, "share_of_before": 1.0, "median_s": 0}
    assert brand == {"step": "chose_a_brand", "count": 1, "share": 0.5, "share_of_before": 0.5, "median_s": 60}
    assert {step["count"] for step in others} == {0}
    (began, *_others) = api.get("journeys/funnel", {"since": "2026-06-16T00:00:00Z"}).json()["data"]
    assert (began["count"], began["median_s"]) == (0, None)


def test_a_homeowner_is_reminded_once(api, partner, mailoutbox, monkeypatch):
    at = f"journeys/{begin(partner, 'anna@example.com').uid}/remind"
    assert problem(api.post(at)) == (403, "insufficient-scope")
    writer = backend(partner, "enrollments:write")
    with monkeypatch.context() as patched:
        patched.setattr(EmailMultiAlternatives, "send", refuse)
        assert problem(writer.post(at)) == (502, "mail-not-sent")
    assert [entry["what"] for entry in writer.post(at).json()["timeline"]] == ["started", "reminded"]
    assert problem(writer.post(at)) == (409, "conflict")
    assert [mail.to for mail in mailoutbox] == [["anna@example.com"]]


def refuse(*_):
    msg = "The mail server is away."
    raise SMTPException(msg)


def test_journeys_of_others_are_not_there(partner):
    journey = begin(partner, "anna@example.com")
    stranger = backend(homes.partner(), "enrollments:read")
    assert stranger.get("journeys").json()["data"] == []
    assert stranger.get(f"journeys/{journey.uid}").status_code == 404
