"""People as their partner calls them: what they have linked, a link for more, and the end of it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client

from gateways.models import Gateway
from ingest import connections
from ingest.models import Connection, System
from ingest.vendors.base import Tokens
from onboarding import flows, invitations, journeys
from onboarding.models import Consent, Enrollment, JoinPage
from tests import factories
from tests.api.calling import backend, problem
from tests.factories import NOW
from tests.onboarding import homes
from tests.onboarding.flows.walk import STATE, Site, come_back

pytestmark = pytest.mark.django_db

ODD = "a/b?c#d%2F é 4711/links/x"


@pytest.fixture
def api(site):
    return backend(site.partner, "enrollments:read", "enrollments:write")


def at(reference: str) -> str:
    return f"homeowners/{quote(reference, safe='')}"


def listed(api, **query):
    return [row["reference"] for row in api.get("homeowners", query).json()["data"]]


@pytest.fixture
def invited(site):
    """Anna, who has signed in here with an invitation of the partner, and has a home with all consents."""
    made, _path = invitations.invite(partner=site.partner, user_reference="customer-4711", by="test", now=NOW)
    anna = homes.user("anna@example.com", first_name="Anna")
    journeys.begin(partner=site.partner, user=anna, invitation=made, now=NOW)
    account = connections.connect(
        partner=site.partner, vendor="enphase", label=anna.email, credential=site.application, owner=anna, by=anna,
        given=Tokens("SECRET-a", "SECRET-r", timedelta(hours=2), account="anna"), now=NOW,
    )  # fmt: skip
    homes.share(account)
    return homes.home(anna, connection=account)


@pytest.fixture
def site(site):
    JoinPage.objects.create(partner=site.partner, gateway_type=site.partner.gateway_types.get())
    return site


def test_who_came_by_a_flow_has_an_account_a_home_and_consents(api, site, client):
    site.join(client)
    shown = api.get(at("user-7")).json()
    consent = Consent.objects.get()
    assert [one.pop("given_at")[-1] + one.pop("expires_at")[-1] for one in shown["consents"]] == ["ZZ"]
    assert shown == {
        "reference": "user-7",
        "linked_vendors": [
            {"vendor": "enphase", "connection": str(Connection.objects.get().uid), "is_valid": True, "needs": None}
        ],
        "gateways": [Gateway.objects.get().serial],
        "consents": [
            {
                "id": str(consent.uid), "purpose": "rewards", "vendor": "enphase", "kinds": ["pv", "battery", "meter"],
            }
        ],
    }  # fmt: skip


def test_who_came_by_an_invitation_is_known_by_its_reference_and_not_named(api, invited):
    answer = api.get(at("customer-4711"))
    shown = answer.json()
    assert [one["connection"] for one in shown["linked_vendors"]] == [str(invited.connection.uid)]
    assert shown["gateways"] == [invited.gateway.serial]
    assert {one["purpose"] for one in shown["consents"]} == {"rewards", "service"}
    assert "anna" not in answer.content.decode().lower()
    assert factories.WALLET not in answer.content.decode()


def test_an_account_tells_what_it_needs_and_from_whom(api, site, client):
    site.join(client)
    account = Connection.objects.get()

    def told():
        (one,) = api.get(at("user-7")).json()["linked_vendors"]
        return one["is_valid"], one["needs"]

    connections.pause(connection=account, by="test", now=NOW)
    assert told() == (True, "resume")
    Connection.objects.update(status="pending")
    assert told() == (True, "vendor_approval")
    Connection.objects.update(status="needs_reconnect")
    assert told() == (False, "reconnect")
    connections.disconnect(connection=account, by="test", now=NOW)
    assert api.get(at("user-7")).json()["linked_vendors"] == []


def test_who_had_an_account_before_is_told_nothing_of_who_has_it_now(api, site, client):
    site.join(client)
    api.delete(at("user-7"))
    site.join(client, user="user-8")
    assert api.get(at("user-7")).json() == {
        "reference": "user-7", "linked_vendors": [], "gateways": [], "consents": []
    }  # fmt: skip
    assert api.get(at("user-8")).json()["gateways"] == [Gateway.objects.get().serial]
    assert api.delete(at("user-7")).status_code == 204
    assert Connection.objects.get().status == "active"
    api.delete(at("user-8"))
    site.join(client)
    assert api.get(at("user-7")).json()["gateways"] == [Gateway.objects.get().serial]
    assert api.get(at("user-8")).json()["gateways"] == []


def test_homes_of_others_that_an_account_opens_are_not_told(api, invited):
    homes.home(homes.user("bo@example.com"), connection=invited.connection)
    assert api.get(at("customer-4711")).json()["gateways"] == [invited.gateway.serial]


def test_any_text_that_can_be_printed_is_a_reference(api, site, client):
    site.join(client, user=ODD)
    assert api.get(at(ODD)).json()["reference"] == ODD
    assert listed(api, reference=ODD) == [ODD]
    assert (listed(api, reference="x"), listed(api)) == ([], [ODD])


@pytest.mark.parametrize("reference", ["nobody", "two\nlines", "\0", "user-7/", "USER-7"])
def test_what_is_no_reference_of_anybody_is_not_found(api, site, client, reference):
    site.join(client)
    assert problem(api.get(at(reference))) == (404, "not-found")
    assert problem(api.delete(at(reference))) == (404, "not-found")


def test_homeowners_come_in_pages_each_of_them_once(api, site, client):
    for user in ("b", "a"):
        site.join(client, code=user, user=user)
        invitations.invite(partner=site.partner, user_reference=user, by="test", now=NOW)
    invitations.invite(partner=site.partner, user_reference="c", by="test", now=NOW)
    invitations.invite(partner=site.partner, user_reference="poster", for_many=True, by="test", now=NOW)
    first = api.get("homeowners", {"limit": 2}).json()
    assert [row["reference"] for row in first["data"]] == ["a", "b"]
    assert [len(row["linked_vendors"]) for row in first["data"]] == [1, 1]
    assert listed(api, limit=2, cursor=first["next_cursor"]) == ["c"]
    assert api.get("homeowners", {"cursor": "IgBhIg"}).status_code == 400  # NUL, which PostgreSQL does not take


def test_a_link_leads_the_homeowner_through_the_flow(api, site, client):
    made = api.post(f"{at(ODD)}/links", {"flow": str(site.flow.uid), "vendor": "enphase", "state": STATE})
    assert (made.status_code, made.json()["expires_at"]) == (200, None)
    begun = client.get(made.json()["url"])
    state = dict(pair.split("=", 1) for pair in begun["Location"].partition("?")[2].split("&"))["state"]
    told = site.told(come_back(client, code="anna", state=state))
    assert (told["state"], Enrollment.objects.get().user_reference) == (STATE, ODD)
    assert api.get(at(ODD)).json()["linked_vendors"][0]["vendor"] == "enphase"


@pytest.mark.parametrize(
    "reference,change,said",
    [
        ("user-7", {"vendor": "solaredge"}, "none of this flow's"),
        ("user-7", {"state": "ö" * 400}, "longer than 2000"),
        ("x" * 101, {}, "longer than 100"),
        ("two\nlines", {}, ""),
    ],
)
def test_a_link_that_would_fail_is_not_made(api, site, reference, change, said):
    refused = api.post(f"{at(reference)}/links", {"flow": str(site.flow.uid), "vendor": "enphase", **change})
    assert refused.status_code in {404, 422}
    assert said in refused.json()["detail"]


def test_flows_that_are_deleted_or_anothers_make_no_links(api, site):
    def ask(flow):
        return problem(api.post("homeowners/user-7/links", {"flow": str(flow.uid), "vendor": "enphase"}))

    assert ask(Site().flow) == (400, "invalid-request")
    flows.delete_flow(flow=site.flow, by="test", now=NOW)
    assert ask(site.flow) == (422, "refused")


def test_disconnecting_ends_all_that_was_agreed_to_and_keeps_the_rest(api, site, client, invited):
    Site(site.partner, name="Other", purposes=["service"]).join(Client(), code="bert", user="customer-4711")
    homes.read(invited)
    assert len(api.get(at("customer-4711")).json()["linked_vendors"]) == 2
    assert api.delete(at("customer-4711")).status_code == 204
    assert set(Connection.objects.values_list("status", flat=True)) == {"disconnected"}
    assert Enrollment.objects.get().status == "ended"
    assert not Consent.objects.filter(ended_at=None).exists()
    assert set(System.objects.values_list("sends", "shown")) == {(False, False)}
    assert Gateway.objects.get(pk=invited.gateway_id).status == "active"
    assert invited.ders.first().readings.exists()
    assert listed(api) == ["customer-4711"]


def test_homeowners_of_others_are_not_there(site, client):
    site.join(client)
    stranger = backend(None, "enrollments:read", "enrollments:write")
    assert (listed(stranger), listed(stranger, reference="user-7")) == ([], [])
    assert stranger.get(at("user-7")).status_code == 404
    assert stranger.delete(at("user-7")).status_code == 404
    assert Connection.objects.get().status == "active"


def test_reading_does_not_suffice_to_disconnect_or_link(site, client):
    site.join(client)
    reader = backend(site.partner, "enrollments:read")
    assert reader.delete(at("user-7")).status_code == 403
    link = {"flow": str(site.flow.uid), "vendor": "enphase"}
    assert reader.post("homeowners/user-7/links", link).status_code == 403


def test_a_page_of_homeowners_takes_as_many_queries_as_one_of_them(api, site, client, django_assert_num_queries):
    site.join(client)
    with django_assert_num_queries(5):
        listed(api)
    site.join(Client(), code="bert", user="user-8")
    with django_assert_num_queries(5):
        assert len(listed(api)) == 2
