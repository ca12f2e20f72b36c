"""Homeowners invited by a partner's backend: links shown once, nothing told of whom they are for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from gateways.models import Event
from onboarding import invitations, journeys
from onboarding.models import Invitation
from tests import factories
from tests.api.calling import backend, problem
from tests.onboarding import homes

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ANNA = {"email": "anna@example.com", "name": "Anna", "language": "sv", "user_reference": "customer-4711"}


@pytest.fixture
def partner():
    return homes.partner(slug="sunny")


@pytest.fixture
def api(partner):
    return backend(partner, "enrollments:read", "enrollments:write")


def opens(link: str, partner) -> bool:
    token = link.rstrip("/").rpartition("/")[2]
    return invitations.opened(partner=partner, token=token, now=timezone.now()) is not None


def test_a_link_is_shown_once_and_opens_the_join_page(api, partner):
    made = api.post("invitations", {"user_reference": "customer-4711", "vendor": "solis"})
    shown = made.json()
    link = shown.pop("link")
    assert (made.status_code, shown["status"], shown["is_mailed"]) == (201, "link_made", False)
    assert (shown["user_reference"], shown["vendor"], shown["for_many"]) == ("customer-4711", "solis", False)
    read = api.get(made["Location"].removeprefix("http://testserver"))
    assert read.json() == shown
    assert link.startswith("http://")
    assert opens(link, partner)
    assert api.get(f"invitations/{shown['id']}").json()["status"] == "opened"
    assert Event.objects.get(name="invitation.made").actor.startswith("client:")


def test_what_is_mailed_has_its_link_in_the_mail_alone(api):
    made = api.post("invitations", ANNA)
    assert (made.json()["link"], made.json()["status"], made.json()["is_mailed"]) == (None, "waits_to_be_sent", True)
    assert Invitation.objects.get().email == "anna@example.com"


def test_no_answer_tells_whom_an_invitation_is_for(api):
    made = api.post("invitations", ANNA)
    answers = (made, api.get("invitations"), api.get(f"invitations/{made.json()['id']}"))
    assert not [answer for answer in answers if "anna" in answer.content.decode().lower()]


def test_a_renewed_link_takes_the_place_of_the_one_before(api, partner):
    made = api.post("invitations").json()
    renewed = api.post(f"invitations/{made['id']}/renew")
    assert renewed.status_code == 200
    assert [opens(link, partner) for link in (made["link"], renewed.json()["link"])] == [False, True]


def test_a_cancelled_one_opens_nothing(api, partner):
    made = api.post("invitations").json()
    assert api.delete(f"invitations/{made['id']}").status_code == 204
    assert not opens(made["link"], partner)
    assert problem(api.delete(f"invitations/{made['id']}")) == (422, "refused")
    assert problem(api.post(f"invitations/{made['id']}/renew")) == (422, "refused")


def test_a_link_for_many_works_for_a_year_and_is_mailed_to_nobody(api):
    made = api.post("invitations", {"for_many": True}).json()
    assert Invitation.objects.get(uid=made["id"]).expires_at > timezone.now() + timedelta(days=364)
    refused = api.post("invitations", {"for_many": True, "email": "anna@example.com"})
    assert problem(refused) == (422, "refused")
    assert refused.json()["errors"][0]["field"] == "for_many"


def test_nobody_is_invited_twice(api):
    api.post("invitations", ANNA)
    again = api.post("invitations", {**ANNA, "email": "Anna@Example.com"})
    assert problem(again) == (422, "refused")
    assert Invitation.objects.count() == 1


def test_a_partner_without_a_join_page_invites_nobody():
    refused = backend(factories.partner(), "enrollments:write").post("invitations")
    assert problem(refused) == (422, "refused")
    assert "join page" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body,field",
    [
        ({"email": "anna"}, "email"),
        ({"language": "xx"}, "language"),
        ({"vendor": "acme"}, "vendor"),
        ({"user_reference": "two\nlines"}, "user_reference"),
        ({"user_reference": "x" * 101}, "user_reference"),
        ({"expires_at": "2300-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_what_an_invitation_cannot_say_is_named(api, body, field):
    refused = api.post("invitations", body)
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (400, [field])


def test_invitations_are_found_by_their_status_and_the_partners_reference(api, partner):
    waits, cancelled, for_many = (
        api.post("invitations", body).json()["id"] for body in (ANNA, {"user_reference": "b"}, {"for_many": True})
    )
    api.delete(f"invitations/{cancelled}")

    def found(**query):
        return [row["id"] for row in api.get("invitations", query).json()["data"]]

    assert found() == [waits, cancelled, for_many]
    assert found(status="waits_to_be_sent") == found(user_reference="customer-4711") == [waits]
    assert found(status="cancelled") == [cancelled]
    assert found(for_many="true") == found(status="link_made") == [for_many]
    accepted = Invitation.objects.get(uid=waits)
    journeys.begin(partner=partner, user=homes.user(), invitation=accepted, now=timezone.now())
    assert found(status="accepted") == [waits]


def test_invitations_of_others_are_not_there(api):
    made = api.post("invitations").json()["id"]
    stranger = backend(homes.partner(), "enrollments:read", "enrollments:write")
    assert stranger.get("invitations").json()["data"] == []
    answers = (
        stranger.get(f"invitations/{made}"), stranger.delete(f"invitations/{made}"),
        stranger.post(f"invitations/{made}/renew"),
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert Invitation.objects.get().cancelled_at is None
