"""Join flows made by a partner's backend, as staff make them by hand."""

from __future__ import annotations

import uuid

import pytest

from gateways.models import Event
from onboarding import flows
from onboarding.models import JoinFlow
from tests import factories
from tests.api.calling import backend, fields
from tests.onboarding.flows.walk import Site, application

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(site):
    return backend(site.partner, "enrollments:read", "enrollments:write")


def wanted(site, **fields):
    return {
        "name": "Website", "redirect_uri": "https://partner.example/done",
        "vendors": [{"vendor": "enphase", "credential": str(site.application.uid)}, {"vendor": "solis"}],
        "purposes": ["service", "rewards"], "kinds": ["pv"], "language": "sv", **fields,
    }  # fmt: skip


def test_a_flow_is_made_and_its_secret_is_shown_once(api, site):
    made = api.post("join-flows", wanted(site))
    shown = made.json()
    flow = JoinFlow.objects.get(uid=shown["id"])
    assert (made.status_code, shown.pop("secret")) == (201, flows.open_secret(flow))
    assert (shown["purposes"], shown["kinds"], shown["language"]) == (["rewards", "service"], ["pv"], "sv")
    assert shown["vendors"] == [
        {"vendor": "enphase", "credential": str(site.application.uid)}, {"vendor": "solis", "credential": None}
    ]  # fmt: skip
    read = api.get(made["Location"].removeprefix("http://testserver"))
    assert (read.status_code, read.json()) == (200, shown)
    assert Event.objects.get(subject=f"flow:{flow.uid}").actor.startswith("client:")


def test_its_address_is_where_a_browser_begins(api, site, client):
    shown = api.get(f"join-flows/{site.flow.uid}").json()
    begun = client.get(shown["authorize_url"], {"vendor": "enphase", "user": "user-7"})
    assert begun["Location"].startswith("https://vendor.example/authorize?")


@pytest.mark.parametrize(
    "change,field",
    [
        ({"vendors": []}, "vendors"),
        ({"vendors": [{"vendor": "solis"}, {"vendor": "solis"}]}, "vendors"),
        ({"vendors": [{"vendor": "acme"}]}, "vendors.0.vendor"),
        ({"vendors": [{"vendor": "solis", "credential": "mine"}]}, "vendors.0.credential"),
        ({"purposes": ["profit"]}, "purposes.0"),
        ({"kinds": []}, "kinds"),
        ({"language": "xx"}, "language"),
        ({"secret": "chosen"}, "secret"),
    ],
)
def test_what_a_flow_cannot_say_is_named(api, site, change, field):
    refused = api.post("join-flows", wanted(site, **change))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


def test_what_the_rules_of_flows_refuse_is_told_in_their_words(api, site):
    refused = api.post("join-flows", wanted(site, redirect_uri="https://partner.example/done#top"))
    assert (refused.status_code, fields(refused)) == (422, ["redirect_uri"])
    assert "one exact address" in refused.json()["detail"]
    assert JoinFlow.objects.count() == 1


def test_the_application_of_another_partner_is_unknown(api, site):
    foreign = application(factories.partner())
    refused = api.post("join-flows", wanted(site, vendors=[{"vendor": "enphase", "credential": str(foreign.uid)}]))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "vendors.0.credential")


def test_a_deleted_flow_opens_nothing_and_is_listed_apart(api, site, client):
    kept = Site(site.partner, name="Other").flow
    assert [api.delete(f"join-flows/{site.flow.uid}").status_code for _ in range(2)] == [204, 204]
    assert client.get(site.link()).status_code == 404
    listed = {use: api.get("join-flows", {"in_use": use}).json()["data"] for use in ("true", "false")}
    assert {use: [row["id"] for row in rows] for use, rows in listed.items()} == {
        "true": [str(kept.uid)], "false": [str(site.flow.uid)]
    }  # fmt: skip
    assert Event.objects.filter(name="flow.deleted").count() == 1


def test_a_flow_is_never_changed(api, site):
    assert api.patch(f"join-flows/{site.flow.uid}", {"name": "Another"}).status_code == 405


def test_flows_of_others_are_not_there(site):
    stranger = backend(None, "enrollments:read", "enrollments:write")
    assert stranger.get("join-flows").json()["data"] == []
    for unknown in (site.flow.uid, uuid.uuid4(), "no-id"):
        assert stranger.get(f"join-flows/{unknown}").status_code == 404
        assert stranger.delete(f"join-flows/{unknown}").status_code == 404
    assert JoinFlow.objects.get().deleted_at is None


def test_reading_does_not_suffice_to_make_or_to_delete(site):
    reader = backend(site.partner, "enrollments:read")
    assert reader.post("join-flows", wanted(site)).status_code == 403
    assert reader.delete(f"join-flows/{site.flow.uid}").status_code == 403
