"""SolarEdge's Site Access: the adapter against the stand-in's consent pages, and on replies of the token endpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from werkzeug.serving import make_server

from ingest.readings import DerKey, Kind
from ingest.vendors.base import Page, Refused, Tokens, VendorDer, VendorSystem, Window
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorConsentDenied,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp
from ingest.vendors.solaredge import SolarEdge
from tests.sandbox.solaredge_owner import APP, REDIRECT_URI, Vendor, sites

API = "https://monitoringapi.solaredge.com"
TOKEN, REVOKE = f"{API}/v2/oauth2/token", f"{API}/v2/oauth2/revoke-token"
MORNING = Window(datetime(2026, 6, 10, 9, tzinfo=UTC), datetime(2026, 6, 10, 12, tzinfo=UTC))


def adapter(urls: Any = SolarEdge.base_urls, *, account: str = "", access_token: Any = None, **app: str) -> SolarEdge:
    http = VendorHttp(user_agent="tests", access_token=access_token)
    return SolarEdge(
        secrets={**APP, **app}, urls=urls, http=http, clock=lambda: datetime.now(UTC), scheme="siteaccess",
        account=account,
    )  # fmt: skip


class Portal:
    """Our side of the stand-in on a loopback port: keeps the tokens of one account and renews them when told to."""

    def __init__(self, vendor: Vendor, port: int) -> None:
        self.vendor = vendor
        self.urls = {role: f"http://127.0.0.1:{port}/solaredge/{role}" for role in SolarEdge.base_urls}
        self.tokens = Tokens("", "", timedelta())

    def adapter(self, **app: str) -> SolarEdge:
        return adapter(self.urls, account=self.tokens.account, access_token=self._access_token, **app)

    def consent(self, login: str = "ok", **choice: str) -> Tokens:
        """Send an owner to the vendor with our link and take the callback."""
        self.tokens = self.adapter().exchange(self.callback(login, **choice), redirect_uri=REDIRECT_URI)
        return self.tokens

    def callback(self, login: str = "ok", **choice: str) -> dict[str, str]:
        link = self.adapter().authorize_url(state="s-42", redirect_uri=REDIRECT_URI)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        return self.vendor.share(login, **choice, **asked)

    def home(self) -> VendorSystem:
        (system,) = self.adapter().described_systems()
        return system

    def _access_token(self, refused: str | None) -> str:
        if refused == self.tokens.access_token:
            self.tokens = replace(self.adapter().refresh(self.tokens.refresh_token), account=self.tokens.account)
        return self.tokens.access_token


@pytest.fixture
def portal() -> Iterator[Portal]:
    vendor = Vendor()
    http = make_server("127.0.0.1", 0, vendor.server, threaded=True)
    thread = threading.Thread(target=http.serve_forever, args=[0.01])
    thread.start()
    yield Portal(vendor, http.server_port)
    http.shutdown()
    thread.join()
    http.server_close()
    vendor.state.close()


# --- the consent -----------------------------------------------------------------------------------------------------


def test_the_link_asks_for_both_scopes_and_two_years_and_says_the_state_twice():
    link = adapter().authorize_url(state="s/42", redirect_uri=REDIRECT_URI)
    address, _, query = link.partition("?")
    assert address == "https://connect.solaredge.com/authorize"
    assert parse_qs(query) == {
        "client_id": [APP["client_id"]],
        "scope": ["SITE_DATA DEVICE_DATA"],
        "access_duration": ["24"],
        "state": ["s/42"],
        "external_id": ["s/42"],
    }
    assert APP["client_secret"] not in link


@pytest.mark.parametrize("drop_state", [False, True])
def test_the_state_is_found_in_either_of_its_places(portal, drop_state):
    portal.vendor.admin("settings", {"drop_state": drop_state})
    callback = portal.callback()
    assert ("state" in callback) is not drop_state
    assert SolarEdge.state_of(callback) == "s-42"
    assert SolarEdge.state_of({}) == ""


def test_a_yes_becomes_tokens_for_two_hours_and_one_site(portal):
    callback = portal.callback()
    given = portal.adapter().exchange(callback, redirect_uri=REDIRECT_URI)
    assert (given.account, given.lifetime) == (callback["site_id"], timedelta(hours=2))
    assert given.access_token not in repr(given)


def test_a_no_is_a_consent_denied(portal):
    said = portal.vendor.submit(portal.vendor.sign_in("ok"), decision="refuse")
    callback = dict(pair.split("=") for pair in urlsplit(said.headers["Location"]).query.split("&"))
    with pytest.raises(VendorConsentDenied):
        portal.adapter().exchange(callback, redirect_uri=REDIRECT_URI)


def test_a_replayed_code_is_refused(portal):
    callback = portal.callback()
    portal.adapter().exchange(callback, redirect_uri=REDIRECT_URI)
    with pytest.raises(VendorAuthFailed, match="Invalid code") as caught:
        portal.adapter().exchange(callback, redirect_uri=REDIRECT_URI)
    assert callback["code"] not in str(caught.value)


def test_another_site_in_the_callback_is_not_believed(portal):
    mine, other = portal.callback("ok"), portal.callback("ok+anna")
    with pytest.raises(VendorAuthFailed, match="doesn't include this site"):
        portal.adapter().exchange({**mine, "site_id": other["site_id"]}, redirect_uri=REDIRECT_URI)


@pytest.mark.parametrize("site_id", [None, "", "../sites", "1/2", "٣"])
def test_a_callback_without_a_proper_site_is_refused_before_anything_is_asked(site_id):
    callback = {"code": "c", **({} if site_id is None else {"site_id": site_id})}
    with pytest.raises(VendorReplyInvalid, match="for which site"):
        adapter().exchange(callback, redirect_uri=REDIRECT_URI)


def test_a_vendor_that_is_down_when_we_want_to_finish_is_unavailable(portal):
    with pytest.raises(VendorUnavailable, match="503"):
        portal.consent("vendor_down")


def test_the_application_is_tested_without_an_owner(portal):
    portal.adapter().test_application()
    with pytest.raises(VendorAuthFailed, match="Invalid client authentication"):
        portal.adapter(client_secret="wrong").test_application()


# --- one site --------------------------------------------------------------------------------------------------------


def test_the_one_site_of_the_consent_is_listed_with_all_it_has(portal):
    portal.consent("ok")
    home = portal.home()
    assert (home.external_id, home.name) == (portal.tokens.account, "Home of ok")
    assert [str(der.key.kind) for der in home.ders] == ["pv", "meter", "battery"]


def test_of_two_sites_only_the_chosen_one_is_seen(portal):
    _, second = sites(portal.vendor.sign_in("ok_two_sites"))
    portal.consent("ok_two_sites", site=second)
    assert (portal.home().external_id, [str(der.key.kind) for der in portal.home().ders]) == (second, ["pv"])


def test_a_site_without_devices_has_no_ders(portal):
    portal.consent("no_devices")
    assert portal.home().ders == []


def test_a_home_is_read_with_its_owners_consent(portal):
    portal.consent()
    home = portal.home()
    pages: list[Any] = list(portal.adapter().fetch(home, MORNING))
    assert [page.resource for page in pages] == ["power", "energy", "meters/telemetry", "storage/telemetry"]


def test_an_expired_token_is_renewed_on_the_way_and_the_call_is_made_again(portal):
    portal.consent()
    before = portal.tokens
    portal.vendor.admin("grants", {"login": "ok", "expire_access": True})
    assert portal.home().ders
    assert portal.tokens.access_token != before.access_token
    assert portal.tokens.refresh_token != before.refresh_token


@pytest.mark.parametrize("order", ["revoke", "expire_refresh"])
def test_a_consent_that_is_lost_wants_a_new_one(portal, order):
    portal.consent()
    portal.vendor.admin("grants", {"login": "ok", "expire_access": True, order: True})
    with pytest.raises(VendorAuthFailed, match="Invalid refresh_token"):
        portal.home()


def test_a_consent_can_be_given_back(portal):
    given = portal.consent()
    portal.adapter().revoke(given.refresh_token)
    assert portal.vendor.admin("grants").get_json()[0]["revoked"]
    with pytest.raises(VendorAuthFailed):
        portal.adapter().refresh(given.refresh_token)


def test_access_that_is_taken_away_after_the_first_data_is_noticed(portal):
    portal.consent("badlogin_after")
    pages = portal.adapter().fetch(portal.home(), MORNING)
    assert isinstance(next(pages), Page)
    with pytest.raises(VendorAuthFailed):
        next(pages)


def test_without_the_right_to_devices_only_their_part_stops(portal):
    portal.consent()
    home = portal.home()
    portal.vendor.admin("grants", {"login": "ok", "drop_scope": "DEVICE_DATA"})
    power, energy, *others = portal.adapter().fetch(home, MORNING)
    assert isinstance(power, Page)
    assert isinstance(energy, Page)
    assert [other.resource for other in others] == ["meters/telemetry", "storage/telemetry"]
    assert all(isinstance(other, Refused) and "DEVICE_DATA" in other.reason for other in others)


def test_what_is_known_of_devices_stays_when_they_may_not_be_asked_for_any_more(portal):
    portal.consent()
    home = portal.home()
    portal.vendor.admin("grants", {"login": "ok", "drop_scope": "DEVICE_DATA"})
    assert portal.adapter().describe(home) == home
    (pv,) = portal.home().ders
    assert pv.key == DerKey(Kind.PV, f"site-{home.external_id}")


def test_without_the_right_to_the_site_only_a_new_consent_helps(portal):
    portal.consent()
    home = portal.home()
    portal.vendor.admin("grants", {"login": "ok", "drop_scope": "SITE_DATA"})
    with pytest.raises(VendorAuthFailed, match="SITE_DATA"):
        list(portal.adapter().fetch(home, MORNING))


# --- replies of the token endpoint -----------------------------------------------------------------------------------


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def test_secrets_go_as_json_in_the_body_and_nowhere_else(vendor):
    vendor.post(TOKEN, json={"access_token": "a", "refresh_token": "r2", "token_type": "Bearer", "expires_in": 7200})
    assert adapter().refresh("r1") == Tokens("a", "r2", timedelta(hours=2))
    request: Any = vendor.calls[0].request
    assert json.loads(request.body) == {"grant_type": "refresh_token", "refresh_token": "r1", **APP}
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers
    assert urlsplit(request.url).query == ""


@pytest.mark.parametrize(
    "status,body,error",
    [
        (400, {"error": "invalid_request", "error_description": "Invalid refresh_token"}, VendorAuthFailed),
        (400, {"error": "invalid_grant"}, VendorAuthFailed),
        (400, {"error": "invalid_client"}, VendorUnsupported),
        (401, {"error": "invalid_client"}, VendorUnsupported),
        (400, {"error": "unsupported_grant_type"}, VendorReplyInvalid),
        (400, "<html>", VendorReplyInvalid),
        (401, "", VendorReplyInvalid),
        (403, "<html>A firewall that minds the token</html>", VendorReplyInvalid),
        (404, [], VendorReplyInvalid),
        (429, {"message": "API rate limit exceeded"}, VendorThrottled),
        (503, {"message": "The upstream server is currently unavailable"}, VendorUnavailable),
    ],
)
def test_only_a_lost_consent_asks_for_a_new_one(vendor, status, body, error):
    vendor.post(TOKEN, status=status, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(error) as caught:
        adapter().refresh("r1")
    assert type(caught.value) is error
    assert APP["client_secret"] not in str(caught.value)


PAIR = {"access_token": "SEEN-a", "refresh_token": "SEEN-r", "expires_in": 7200}


@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"access_token": "SEEN-a", ',
        "[]",
        "7",
        {name: value for name, value in PAIR.items() if name != "refresh_token"},
        {**PAIR, "access_token": ""},
        {**PAIR, "expires_in": "SEEN"},
        {**PAIR, "expires_in": 0},
        {**PAIR, "expires_in": 10**20},
    ],
    ids=repr,
)
def test_a_reply_that_is_no_pair_of_tokens_is_refused_and_not_shown(vendor, body):
    vendor.post(TOKEN, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(VendorReplyInvalid, match="not a pair of tokens") as caught:
        adapter().refresh("r1")
    assert "SEEN" not in str(caught.value)


@pytest.mark.parametrize("status,error", [(400, VendorAuthFailed), (404, VendorReplyInvalid), (500, VendorUnavailable)])
def test_a_consent_that_cannot_be_given_back_says_why(vendor, status, error):
    body = {"error": "invalid_request"} if status == 400 else {}
    vendor.post(REVOKE, status=status, json=body)
    with pytest.raises(error):
        adapter().revoke("r1")


def test_a_gateway_without_words_says_nothing_of_the_application(vendor):
    vendor.post(TOKEN, status=400, body="<html>")
    with pytest.raises(VendorReplyInvalid):
        adapter().test_application()


def test_403_on_the_site_itself_is_the_end_of_the_consent_whatever_its_words(vendor):
    vendor.get(f"{API}/v2/sites/1001", status=403, json={"detail": "No"})
    vendor.get(f"{API}/v2/sites/1001/power", status=403, json={"detail": "No"})
    reader = adapter(account="1001", access_token=lambda _: "a")
    with pytest.raises(VendorAuthFailed):
        reader.systems()
    with pytest.raises(VendorAuthFailed):
        list(reader.fetch(VendorSystem("1001", ders=[VendorDer(DerKey(Kind.PV, "7E1"))]), MORNING))
