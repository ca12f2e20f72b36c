"""What homeowners agreed to, as a partner's backend reads it."""

from __future__ import annotations

import pytest
from django.test import Client

from ingest.models import Connection
from onboarding.models import Consent
from tests.api.calling import backend
from tests.onboarding import homes

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(site):
    return backend(site.partner, "enrollments:read")


def test_a_consent_is_told_word_for_word_and_by_reference(api, site, client):
    site.join(client)
    (listed,) = api.get("consents").json()["data"]
    assert (listed["purpose"], listed["user_reference"], listed["vendor"]) == ("rewards", "user-7", "enphase")
    assert (listed["connection"], listed["kinds"]) == (str(Connection.objects.get().uid), ["pv", "battery", "meter"])
    assert (listed["ended_at"], listed["ending"]) == (None, "")
    one = api.get(f"consents/{listed['id']}").json()
    assert one == {**listed, "text": Consent.objects.get().text}


def test_consents_are_found_by_purpose_account_reference_and_whether_they_count(api, site, client):
    site.join(client)
    site.join(client)
    site.join(Client(), code="bert", user="user-8")
    bert = Connection.objects.get(account="bert")

    def found(**query):
        return [(row["user_reference"], row["ending"]) for row in api.get("consents", query).json()["data"]]

    assert found() == [("user-7", "replaced"), ("user-7", ""), ("user-8", "")]
    assert found(active="true") == [("user-7", ""), ("user-8", "")]
    assert found(active="false") == [("user-7", "replaced")]
    assert found(connection=bert.uid) == found(user_reference="user-8") == [("user-8", "")]
    assert found(purpose="service") == []


def test_who_has_an_account_here_is_not_named():
    anna = homes.user("anna@example.com", first_name="Anna")
    account = homes.account(anna, homes.partner(name="Sunny"))
    answer = backend(account.partner, "enrollments:read").get("consents")
    assert [row["purpose"] for row in answer.json()["data"]] == ["rewards", "service"]
    assert "anna" not in answer.content.decode().lower()


def test_consents_of_others_are_not_there(site, client):
    site.join(client)
    stranger = backend(None, "enrollments:read")
    assert stranger.get("consents").json()["data"] == []
    assert stranger.get(f"consents/{Consent.objects.get().uid}").status_code == 404


def test_only_their_givers_change_consents(site, client):
    site.join(client)
    writer = backend(site.partner, "enrollments:read", "enrollments:write")
    assert writer.delete(f"consents/{Consent.objects.get().uid}").status_code == 405
