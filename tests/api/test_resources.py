"""What every resource does the same, shown with gateways."""

from __future__ import annotations

import pytest

from gateways.rest.views import Endpoint, Resource
from tests import factories
from tests.api.calling import Api, backend

pytestmark = pytest.mark.django_db


def test_a_backend_sees_its_partners_gateways_and_no_others():
    mine, other = factories.gateway(), factories.gateway()
    api = backend(mine.partner)
    assert [row["id"] for row in api.get("gateways").json()["data"]] == [mine.serial]
    assert api.get(f"gateways/{mine.serial}").json()["id"] == mine.serial
    hidden = api.get(f"gateways/{other.serial}")
    assert (hidden.status_code, hidden.json()["type"].rpartition("#")[2]) == (404, "not-found")


def test_without_a_token_there_is_a_challenge_and_a_problem_document():
    refused = Api("").get("gateways")
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"
    told = refused["WWW-Authenticate"]
    assert told == 'Bearer realm="api", resource_metadata="http://localhost:8000/.well-known/oauth-protected-resource"'
    assert refused.json()["request_id"] == refused["X-Request-ID"]
    assert refused["Portal-Version"] == "2026-11-21"


@pytest.mark.once
def test_a_view_without_a_scope_or_a_way_to_its_partner_does_not_import():
    with pytest.raises(TypeError, match="which scope"):
        type("Open", (Endpoint,), {})
    with pytest.raises(TypeError, match="lead to their partner"):
        type("Open", (Resource,), {"required_scope": "gateways:read"})


def test_a_list_comes_in_pages_that_stay_right_while_rows_arrive():
    of_type = factories.gateway_type()
    serials = [factories.gateway(of_type).serial for _ in range(3)]
    api = backend(of_type.partner)
    first = api.get("gateways", {"limit": 2})
    serials.append(factories.gateway(of_type).serial)
    rest = api.get("gateways", {"limit": 2, "cursor": first.json()["next_cursor"]})
    assert [row["id"] for page in (first, rest) for row in page.json()["data"]] == serials
    assert rest.json()["next_cursor"] is None
    assert (
        first["Link"] == f'<http://testserver/api/v1/gateways?cursor={first.json()["next_cursor"]}&limit=2>; rel="next"'
    )


@pytest.mark.parametrize(
    "query,field",
    [
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WyJhIl0"}, "cursor"),
        ({"status": "happy"}, "status"),
        ({"state": "active"}, "state"),
        ({"format": "xml"}, "format"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(query, field):
    refused = backend().get("gateways", query)
    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_a_list_is_a_table_where_that_is_asked_for():
    gateway = factories.gateway(name="=HYPERLINK(1)")
    table = backend(gateway.partner).get("gateways", {"format": "csv"})
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    header, row = table.content.decode("utf-8-sig").splitlines()
    assert header.startswith("id,name,type")
    assert row.startswith(f"{gateway.serial},'=HYPERLINK(1),")
    assert ",created,false,false,," in row


def test_a_table_has_the_same_columns_on_every_page_also_on_an_empty_one():
    gateway = factories.gateway()
    api = backend(gateway.partner, "events:read")
    columns = "sequence,at,name,actor,subject,data,hash,previous_hash"
    header, *rows = api.get("events", {"format": "csv"}).content.decode("utf-8-sig").splitlines()
    assert header == columns
    assert any(',"{""public_key"":""' in row for row in rows)
    assert all(",2026-06-15T12:00:00Z," in row for row in rows)
    assert api.get("events", {"format": "csv", "after": 99}).content.decode("utf-8-sig").splitlines() == [columns]


def test_the_api_speaks_english_to_everybody():
    refused = backend().get("gateways", {"limit": 0}, {"Accept-Language": "sv"})
    assert refused["Content-Language"] == "en"
    assert refused.json()["detail"] == "limit: Ensure this value is greater than or equal to 1."


def test_what_is_refused_says_what_there_is_instead():
    api = backend()
    assert "created, registered, owned" in api.get("gateways", {"status": "happy"}).json()["detail"]
    assert "application/json, text/csv" in api.get("gateways", headers={"Accept": "text/html"}).json()["detail"]
    form = api.browser.post("/api/v1/gateways", {"type": "acme"})
    assert (form.status_code, "Content-Type: application/json" in form.json()["detail"]) == (415, True)
    assert api.post("gateways", ["acme"]).json()["detail"] == "Send a JSON object."
    assert "No address ends with a slash." in api.get("gateways/").json()["detail"]
    put = api.put("gateways", {})
    assert (put.status_code, put["Allow"]) == (405, "GET, HEAD, POST")
    assert "an offset" in api.get("journeys", {"since": "2026-06-15T12:00:00"}).json()["detail"]


def test_what_a_client_has_already_is_not_sent_again():
    gateway = factories.gateway()
    api = backend(gateway.partner)
    whole = api.get("gateways")
    again = api.get("gateways", headers={"If-None-Match": whole["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    gateway.name = "Another"
    gateway.save()
    assert api.get("gateways", headers={"If-None-Match": whole["ETag"]}).status_code == 200


def test_a_client_keeps_its_version_and_may_ask_for_another():
    api = backend()
    assert api.get("gateways")["Portal-Version"] == "2026-11-21"
    refused = api.get("gateways", headers={"Portal-Version": "2020-01-01"})
    assert refused.status_code == 400
    assert "there are 2026-11-21" in refused.json()["detail"]


def test_a_client_that_asks_too_often_is_told_when_to_go_on(standing_clock):
    api = backend(requests_per_minute=2)
    answers = [api.get("gateways") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == '"client";q=2;w=60'
    assert [one["RateLimit"].split(";")[1] for one in answers] == ["r=1", "r=0", "r=0"]
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert answers[2].json()["fault"] == "caller"
