"""RFC 9700 and what it builds on, line by line; docs/oauth.md says which test shows which line."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as live_settings
from django.core import checks
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from oauth2_provider.models import AccessToken, RefreshToken

from gateways.models import Client, GatewayGrant
from gateways.oauth import grants, limits, scopes
from tests import factories
from tests.api.calling import Api
from tests.oauth.world import BACK, CHALLENGE, VERIFIER, answer, make_app, post, seen

pytestmark = pytest.mark.django_db


# --- 2.1, 4.1: redirect URIs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/done/",
        "https://app.example/done?next=1",
        "https://app.example:8443/done",
        "https://app.example/done#x",
        "https://app.example/done/../other",
        "https://app.example.evil.example/done",
        "https://evil@app.example/done",
        "http://app.example/done",
        "https://[::/done",
        "javascript:alert(1)",
        "/done",
        "\0",
    ],
)
def test_a_redirect_uri_that_is_not_the_registered_one_goes_nowhere(world, uri):
    page = world.see(redirect_uri=uri)
    assert page.status_code == 400
    assert b'role="alert"' in page.content
    assert b"href=" not in page.content.split(b"<main")[1].split(b"</main")[0]


def test_the_port_of_ones_own_machine_is_free_and_that_of_no_other(world):
    world.app, world.secret = make_app(world.partner, redirect_uris=["http://127.0.0.1/cb", "http://localhost:5000/cb"])
    tried = {
        uri: world.see(redirect_uri=uri).status_code
        for uri in ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152/other", "http://localhost:5001/cb")
    }
    assert list(tried.values()) == [200, 400, 400]


@pytest.mark.parametrize(
    "environment, uri",
    [
        ("production", "http://localhost:5000/cb"),
        ("production", "http://app.example/cb"),
        ("sandbox", "http://app.example/cb"),
        ("sandbox", "https://app.example/cb http://evil.example/cb"),
        ("sandbox", "https://*.example/cb"),
        ("sandbox", "https://app.example/cb#part"),
        ("sandbox", "https://["),
        ("sandbox", "com.example.app:/cb"),
        ("sandbox", "https://bank.example@evil.example/cb"),
        ("sandbox", "https://bank.example\\@evil.example/cb"),
        ("sandbox", "https://app.example;script-src/cb"),
        ("sandbox", "https://app.example/cb?iss=https://bank.example"),
        ("sandbox", "https://app.example:99999/cb"),
        ("sandbox", ""),
    ],
)
def test_a_redirect_uri_that_others_could_listen_at_is_not_registered(environment, uri):
    partner = factories.partner(environment=environment)
    with pytest.raises(ValidationError, match="redirect"):
        make_app(partner, redirect_uris=[uri])


# --- 2.1, 4.11: no open redirector ------------------------------------------------------------------------------------


def test_nobody_is_sent_on_by_a_link_before_they_signed_in(world):
    stranger = Browser()
    refused = stranger.get(world.url(scope="everything"))
    assert (refused.status_code, b"invalid_scope" in refused.content) == (400, True)
    assert answer(world.see(scope="everything"))["error"] == "invalid_scope"


# --- 2.1.1, 4.5, 4.8: codes and PKCE ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 129},
    ],
)
@pytest.mark.parametrize("public", [True, False])
def test_no_code_without_pkce_s256_whoever_asks(world, changed, public):
    world.app, world.secret = make_app(world.partner, public=public)
    refusal = answer(world.see(**changed))
    assert (refusal["error"], refusal["state"], refusal["iss"]) == ("invalid_request", "s t&", live_settings.PUBLIC_URL)


@pytest.mark.parametrize(
    "changed", [{"code_verifier": "w" * 43}, {"code_verifier": CHALLENGE}, {"redirect_uri": "https://app.example/"}]
)
def test_a_code_is_bound_to_its_verifier_and_its_redirect_uri(world, changed):
    refused = world.exchange(world.code(), **changed)
    assert (refused.status_code, AccessToken.objects.count()) == (400, 0)


def test_a_code_is_bound_to_its_client(world):
    code = world.code()
    world.app, world.secret = make_app(world.partner)
    assert world.exchange(code).json()["error"] == "invalid_grant"


def test_a_code_is_good_for_a_minute(world):
    code = world.code()
    found = world.app.grant_set.get()
    assert (found.expires - found.created).total_seconds() <= 61
    world.app.grant_set.update(expires=timezone.now())
    assert world.exchange(code).json()["error"] == "invalid_grant"


def test_a_code_used_twice_takes_back_what_it_got_the_first_time(world):
    code, other = world.code(), world.tokens()
    first = world.exchange(code).json()
    second = world.refresh(first["refresh_token"]).json()
    assert world.exchange(code).json()["error"] == "invalid_grant"
    assert (seen(second["access_token"]), world.refresh(second["refresh_token"]).status_code) == (401, 400)
    assert seen(other["access_token"]) == {world.villa.serial}


def test_a_code_that_another_client_replays_takes_nothing_back(world):
    code = world.code()
    token = world.exchange(code).json()["access_token"]
    world.app, world.secret = make_app(world.partner)
    world.exchange(code)
    assert seen(token) == {world.villa.serial}


# --- 2.1.2, 2.4: grants that are gone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", "none", None])
def test_tokens_never_come_through_the_browser(world, response_type):
    refusal = answer(world.see(response_type=response_type))
    assert refusal["error"] in {"unsupported_response_type", "unauthorized_client", "invalid_request"}
    assert "access_token" not in refusal


@pytest.mark.parametrize(
    "grant_type", ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "openid", "nonsense", ""]
)
def test_there_are_no_other_grants(world, grant_type):
    body = {"username": world.anna.username, "password": "correct horse", "device_code": "x", "code": "x"}
    refused = world.token(grant_type, **body)
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")


def test_a_backend_cannot_ask_a_homeowner_and_an_app_cannot_act_for_itself(world):
    refused = world.token("client_credentials")
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    world.app, _secret = world.backend()
    assert world.see().status_code == 400


def test_homes_identity_and_signature_are_no_backends_business(world):
    with pytest.raises(ValidationError, match="gateway:sign"):
        world.backend(scopes.GATEWAY_SIGN)
    backend, secret = world.backend()
    Client.objects.filter(pk=backend.pk).update(allowed_scopes=["gateway:sign", "gateways:read"])
    assert world.token("client_credentials", (backend.client_id, secret)).json()["scope"] == "gateways:read"


# --- 2.2.2, 4.14: refresh tokens --------------------------------------------------------------------------------------


def test_a_refresh_token_that_comes_again_ends_the_family(world):
    first, other = world.tokens(), world.tokens()
    second = world.refresh(first["refresh_token"]).json()
    third = world.refresh(second["refresh_token"]).json()
    assert world.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert (seen(third["access_token"]), world.refresh(third["refresh_token"]).status_code) == (401, 400)
    assert seen(other["access_token"]) == {world.villa.serial}


def test_a_refresh_token_is_bound_to_its_client(world):
    given = world.tokens()
    world.app, world.secret = make_app(world.partner)
    assert world.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_with_one_refresh_token_at_most_one_gets_tokens(world):
    given = world.tokens()

    def ask(_: int) -> bytes:
        try:
            reply = world.refresh(given["refresh_token"])
            return reply.content if reply.status_code == 200 else b""
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        replies = [reply for reply in pool.map(ask, range(2)) if reply]
    assert len(replies) <= 1
    assert all(b'"access_token": ""' not in reply for reply in replies)
    assert RefreshToken.objects.filter(revoked=None).count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_a_homeowner_takes_back_is_not_refreshed_meanwhile(world):
    def refresh() -> None:
        world.refresh(given["refresh_token"])

    def take_back() -> None:
        grants.end(client=world.app, user=world.anna, by="test", now=timezone.now())

    def alone(act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    for _ in range(4):  # it fell four times in five
        given = world.tokens()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(alone, (refresh, take_back)))
        assert (AccessToken.objects.count(), RefreshToken.objects.count()) == (0, 0)


# --- 2.3, 4.3, 4.10: how tokens are sent, kept and bound --------------------------------------------------------------


def test_a_token_counts_in_the_header_and_nowhere_else(world):
    token = world.tokens()["access_token"]
    nobody = Api("")
    assert nobody.get("gateways", {"access_token": token}).status_code == 401
    assert nobody.browser.post("/api/v1/gateways", {"access_token": token}).status_code == 401
    assert seen(token) == {world.villa.serial}


def test_the_database_knows_no_token_and_no_secret(world):
    given = world.tokens()
    stored = [*AccessToken.objects.values_list("token", "token_checksum")]
    stored += [*RefreshToken.objects.values_list("token", "token_checksum")]
    digests = [hashlib.sha256(given[kind].encode()).hexdigest() for kind in ("access_token", "refresh_token")]
    assert stored == [("", digest) for digest in digests]
    assert Client.objects.get().client_secret.startswith("pbkdf2_sha256_client$")


def test_logs_have_no_secret_code_or_token(world, caplog):
    for name in ("oauthlib", "oauth2_provider"):
        assert logging.getLogger(name).getEffectiveLevel() >= logging.INFO
    caplog.set_level(logging.INFO)
    code = world.code()
    given = world.exchange(code).json()
    world.refresh(given["refresh_token"])
    world.refresh(given["refresh_token"])
    said = caplog.text
    assert not [
        one for one in (code, world.secret, VERIFIER, *map(str, given.values())) if len(one) > 20 and one in said
    ]


def test_a_token_is_good_for_one_partner(world):
    other = factories.gateway()
    backend, secret = world.backend()
    token = world.token("client_credentials", (backend.client_id, secret)).json()["access_token"]
    assert seen(token) == {world.villa.serial, world.cabin.serial}
    assert Api(token).get(f"gateways/{other.serial}").status_code == 404


def test_a_resource_that_is_asked_for_changes_nothing(world):
    given = world.exchange(
        world.code(resource="https://elsewhere.example"), resource="https://elsewhere.example"
    ).json()
    assert seen(given["access_token"]) == {world.villa.serial}
    assert AccessToken.objects.get().resource == []


# --- 2.5: client authentication ---------------------------------------------------------------------------------------


def test_a_confidential_app_cannot_do_without_its_secret(world):
    body = {"code": world.code(), "redirect_uri": BACK, "code_verifier": VERIFIER, "client_id": world.app.client_id}
    refused = post("token", {"grant_type": "authorization_code", **body})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_a_secret_cannot_be_guessed(world):
    assert len(world.secret) == 128
    assert len(make_app(world.partner, name="Another")[1]) == 128


@pytest.mark.parametrize("page", ["token", "introspect", "revoke_token"])
def test_an_address_that_guesses_has_to_wait_and_nobody_else(world, page, standing_clock, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_WRONG", 3)
    backend, secret = world.backend()
    ask = {"grant_type": "client_credentials", "token": "x"}
    assert [post(page, ask, (backend.client_id, "guess")).status_code for _ in range(3)] == [401] * 3
    refused = post(page, ask, (backend.client_id, secret))
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["Cache-Control"] == "no-store"
    own = ask | {"client_id": backend.client_id, "client_secret": secret}
    claimed = {"X-Forwarded-For": "192.0.2.7"}
    assert Browser().post(f"/oauth/{page}/", own, headers=claimed).status_code == 429
    assert Browser(REMOTE_ADDR="192.0.2.7").post(f"/oauth/{page}/", own).status_code == 200


def test_an_ipv6_home_guesses_as_often_with_all_of_its_addresses_as_with_one(world, standing_clock, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_WRONG", 3)
    guess = {"grant_type": "client_credentials", "client_id": world.backend()[0].client_id, "client_secret": "guess"}
    addresses = (*(f"2001:db8:1:2::{number}" for number in range(4)), "2001:db8:1:3::1")
    mapped = (f"::ffff:192.0.2.{number}" for number in range(4))  # of four homes with IPv4
    answers = [Browser(REMOTE_ADDR=one).post("/oauth/token/", guess).status_code for one in (*addresses, *mapped)]
    assert answers == [401, 401, 401, 429, 401] + [401] * 4


def test_a_client_gets_as_many_tokens_a_minute_as_it_may_ask_questions(world, standing_clock):
    given = world.tokens()
    Client.objects.update(requests_per_minute=1)
    refused = world.refresh(given["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert seen(given["access_token"]) == 429
    bos = world.bos_home()
    assert world.exchange(answer(world.choose(bos, by=bos.owner))["code"]).status_code == 200  # each homeowner's own
    asked = [post("introspect", {"token": "x"}, (world.app.client_id, world.secret)) for _ in range(2)]
    assert [one.status_code for one in asked] == [200, 429]
    cache.clear()  # a minute later
    assert world.refresh(given["refresh_token"]).status_code == 200  # it was not used up


# --- 2.6, 4.4: metadata, mix-up ---------------------------------------------------------------------------------------


def test_every_answer_to_the_app_says_who_gives_it(world, settings):
    settings.PUBLIC_URL = "https://portal.example"
    answers = [world.choose(), world.see(scope="x"), world.browser.post(world.url(), {"deny": "yes"})]
    assert {answer(one)["iss"] for one in answers} == {"https://portal.example"}
    assert [answer(one).get("error") for one in answers] == [None, "invalid_scope", "access_denied"]


# --- 4.7, 4.16: CSRF, clickjacking ------------------------------------------------------------------------------------


def test_consent_cannot_be_given_by_another_site(world):
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(world.anna)
    assert strict.post(world.url(), {"homes": [world.villa.serial], "kinds": ["pv"]}).status_code == 403
    assert not GatewayGrant.objects.exists()


def test_the_consent_page_stands_in_no_frame_and_is_kept_by_nobody(world):
    page = world.see()
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "form-action 'self' https://app.example" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("asked", [{"approval_prompt": "auto"}, {"prompt": "none"}, {"prompt": "login"}])
def test_nothing_in_the_address_gets_around_the_homeowner(world, asked):
    world.tokens()
    page = world.see(**asked)
    assert (page.status_code, b"May Sun App act for your home?" in page.content) == (200, True)


def test_a_get_gives_no_code(world):
    assert world.browser.get(world.url() + f"&homes={world.villa.serial}&allow=yes").status_code == 200
    assert not world.app.grant_set.exists()


# --- 4.12: redirects after a form -------------------------------------------------------------------------------------


def test_what_the_form_held_is_not_sent_on_to_the_app(world):
    assert world.choose().status_code == 303


# --- What is served ---------------------------------------------------------------------------------------------------


def test_of_the_package_nothing_is_served_but_what_we_list():
    def walk(patterns, prefix=""):
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, prefix + str(entry.pattern))
            elif isinstance(entry, URLPattern):
                yield prefix + str(entry.pattern), entry.callback

    served = dict(walk(get_resolver().url_patterns))
    assert {path for path in served if path.startswith(("oauth/", ".well-known/"))} == {
        "oauth/authorize/", "oauth/token/", "oauth/revoke_token/", "oauth/introspect/",
        "oauth/token", "oauth/revoke_token", "oauth/introspect",
        ".well-known/oauth-authorization-server", ".well-known/oauth-protected-resource",
    }  # fmt: skip
    assert [path for path, view in served.items() if view.__module__.startswith("oauth2_provider")] == []


@pytest.mark.once
def test_the_packages_own_deploy_checks_have_nothing_to_say():
    found = checks.run_checks(include_deployment_checks=True, tags=[checks.Tags.security])
    assert [one for one in found if str(one.id).startswith("oauth2_provider")] == []


@pytest.mark.parametrize("page", ["token", "revoke_token", "introspect"])
@pytest.mark.parametrize(
    "body",
    [
        {"grant_type": "authorization_code", "code": "\0", "token": "\0"},
        {"grant_type": ["authorization_code", "refresh_token"], "token": ["a", "b"]},
        {"grant_type": "refresh_token", "refresh_token": "é", "token": "é"},
        {},
    ],
)
def test_odd_requests_are_refused_and_break_nothing(world, page, body):
    assert post(page, body, (world.app.client_id, world.secret)).status_code in {200, 400}
    odd = Browser().post(f"/oauth/{page}/?%zz", {"token": "x"}, headers={"Authorization": "Basic ÿÿ"})
    assert odd.status_code == 400
    assert post(page, {**body, "token": "x"}, ("a%00b", "x")).status_code in {400, 401}
    assert world.browser.get(f"/oauth/{page}/").status_code == 405


@pytest.mark.parametrize(
    "query", ["", "client_id=\0", "%zz", "client_id=a&client_id=b", "response_type=code&client_id=%F0%28%8C"]
)
def test_odd_addresses_of_the_consent_page_are_refused_and_break_nothing(world, query):
    assert world.browser.get(f"/oauth/authorize/?{query}").status_code == 400


def test_long_values_that_nobody_needs_are_not_kept(world):
    assert "code" in answer(world.choose(nonce="n" * 300, claims="{", resource="x"))


def test_no_other_site_reads_what_the_server_answers(world):
    body = {"grant_type": "client_credentials"}
    origin = {"Origin": "https://evil.example"}
    replies = [
        world.browser.post(f"/oauth/{page}/", body, headers=origin) for page in ("token", "revoke_token", "introspect")
    ]
    replies.append(world.browser.get(world.url(), headers=origin))
    assert [reply.headers.get("Access-Control-Allow-Origin") for reply in replies] == [None] * 4


# --- 4.15: a client is no homeowner, and a homeowner no client --------------------------------------------------------


def test_a_token_of_an_app_without_its_homeowner_is_nobodys(world):
    token = world.tokens()["access_token"]
    AccessToken.objects.update(user=None)
    assert seen(token) == 401


def test_a_token_of_a_backend_that_names_a_homeowner_is_nobodys(world):
    backend, secret = world.backend()
    token = world.token("client_credentials", (backend.client_id, secret)).json()["access_token"]
    AccessToken.objects.update(user=world.anna)
    assert seen(token) == 401
