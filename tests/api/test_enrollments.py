"""What came of Join flows' trips, as a partner's backend reads and ends it."""

from __future__ import annotations

import math

import pytest
from django.test import Client
from django.utils import timezone

from gateways.models import Event, Gateway
from ingest.models import Connection, System
from onboarding import enrollments
from onboarding.models import Consent, Enrollment
from tests.api.calling import backend
from tests.onboarding.flows.walk import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(site):
    return backend(site.partner, "enrollments:read", "enrollments:write")


@pytest.fixture
def enrollment(site, client):
    site.join(client)
    return Enrollment.objects.get()


def listed(api, **query):
    return [row["user_reference"] for row in api.get("enrollments", query).json()["data"]]


def test_an_enrollment_tells_of_the_account_and_its_homes(api, site, client):
    came_back = site.join(client)
    shown = api.get(f"enrollments/{came_back['enrollmentID']}").json()
    system = System.objects.get()
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("settled_at").endswith("Z")
    assert shown == {
        "id": came_back["enrollmentID"], "status": "active", "user_reference": "user-7", "flow": str(site.flow.uid),
        "vendor": "enphase", "connection": str(system.connection.uid),
        "systems": [{"id": str(system.uid), "name": "home", "gateway": Gateway.objects.get().serial}],
    }  # fmt: skip


def test_enrollments_are_found_by_status_flow_and_the_partners_reference(api, site, client):
    site.join(client)
    other = Site(site.partner, name="Other")
    other.join(Client(), code="bert", user="user/8 ö")
    assert listed(api) == ["user-7", "user/8 ö"]
    assert listed(api, flow=other.flow.uid) == listed(api, user_reference="user/8 ö") == ["user/8 ö"]
    assert listed(api, status="ended") == []
    assert api.get("enrollments", {"flow": "other"}).status_code == 400


def test_ending_one_disconnects_the_account_and_ends_what_was_agreed_to_at_once(api, enrollment):
    assert api.delete(f"enrollments/{enrollment.uid}").status_code == 204
    shown = api.get(f"enrollments/{enrollment.uid}").json()
    assert (shown["status"], shown["systems"]) == ("ended", [])
    assert Connection.objects.get().status == "disconnected"
    assert Consent.objects.get().ending == "stopped"
    assert System.objects.values_list("sends", "shown").get() == (False, False)
    assert api.delete(f"enrollments/{enrollment.uid}").status_code == 204
    ended = Event.objects.filter(subject=f"enrollment:{enrollment.uid}", name="enrollment.ended")
    assert [event.actor.partition(":")[0] for event in ended] == ["client"]
    assert enrollments.settle(now=timezone.now(), until=math.inf) == 0


def test_ending_an_old_one_leaves_whoever_has_the_account_now_alone(api, site, client, enrollment):
    api.delete(f"enrollments/{enrollment.uid}")
    successor = site.join(client, user="user-8")["enrollmentID"]
    assert api.delete(f"enrollments/{enrollment.uid}").status_code == 204
    assert api.get(f"enrollments/{successor}").json()["status"] == "active"
    assert Connection.objects.get().status == "active"
    assert api.get(f"enrollments/{enrollment.uid}").json()["systems"] == []


def test_enrollments_of_others_are_not_there(enrollment):
    stranger = backend(None, "enrollments:read", "enrollments:write")
    assert listed(stranger) == []
    assert stranger.get(f"enrollments/{enrollment.uid}").status_code == 404
    assert stranger.delete(f"enrollments/{enrollment.uid}").status_code == 404
    assert Enrollment.objects.get().status == "active"


def test_reading_does_not_suffice_to_end_one(site, enrollment):
    assert backend(site.partner, "enrollments:read").delete(f"enrollments/{enrollment.uid}").status_code == 403


def test_a_list_of_enrollments_takes_as_many_queries_as_one_of_them(api, site, client, django_assert_num_queries):
    site.join(client)
    with django_assert_num_queries(3):
        api.get("enrollments")
    site.join(Client(), code="bert", user="user-8")
    with django_assert_num_queries(3):
        assert len(listed(api)) == 2
