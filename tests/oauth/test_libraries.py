"""Clients that nobody here wrote take every way to a token, over real HTTP."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from django.conf import settings as live_settings
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient
from requests_oauthlib import OAuth2Session

from tests.oauth.world import BACK, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def server(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server's metadata says; its addresses are all that a client is told."""
    settings.PUBLIC_URL = live_server.url
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # over loopback there is no TLS
    found: dict[str, Any] = requests.get(f"{live_server.url}/.well-known/oauth-authorization-server", timeout=60).json()
    return found


@pytest.fixture
def world(server: Any) -> World:
    return World()


def allow(world: World, address: str) -> str:
    """Open the consent page as Anna's browser does, tick the villa and allow; return where it is sent back to."""
    browser = requests.Session()
    browser.cookies.set(live_settings.SESSION_COOKIE_NAME, str(world.browser.session.session_key))
    page = browser.get(address, timeout=60)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found is not None, page.text
    form = {"csrfmiddlewaretoken": found[1], "homes": world.villa.serial, "kinds": "pv"}
    back = browser.post(page.url, form, allow_redirects=False, timeout=60)
    assert back.status_code == 303
    return back.headers["Location"]


def homes_seen(session: Any, server: dict[str, Any]) -> set[str]:
    reply = session.get(f"{server['issuer']}/api/v1/gateways", timeout=60)
    return {row["id"] for row in reply.json()["data"]}


def test_authlib_takes_a_code_with_pkce_refreshes_introspects_and_revokes(world, server):
    app = (world.app.client_id, world.secret)
    with AuthlibSession(*app, redirect_uri=BACK, scope="gateways:read", code_challenge_method="S256") as session:
        verifier = "authlib-" * 8
        address, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
        back = allow(world, address)
        session.fetch_token(
            server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier, timeout=60
        )
        assert homes_seen(session, server) == {world.villa.serial}
        before = session.token["access_token"]
        session.refresh_token(server["token_endpoint"], timeout=60)
        assert session.token["access_token"] != before
        now = session.token["access_token"]
        introspected = session.introspect_token(server["introspection_endpoint"], token=now, timeout=60)
        assert introspected.json()["active"] is True
        assert session.revoke_token(server["revocation_endpoint"], token=now, timeout=60).status_code == 200
        introspected = session.introspect_token(server["introspection_endpoint"], token=now, timeout=60)
        assert introspected.json() == {"active": False}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_a_token_for_a_backend(world, server, method):
    assert method in server["token_endpoint_auth_methods_supported"]
    backend, secret = world.backend()
    with AuthlibSession(backend.client_id, secret, token_endpoint_auth_method=method) as session:
        session.fetch_token(server["token_endpoint"], grant_type="client_credentials", timeout=60)
        assert homes_seen(session, server) == {world.villa.serial, world.cabin.serial}


def test_requests_oauthlib_takes_a_code_with_pkce_and_refreshes_by_itself(world, server):
    kept: list[Any] = []
    app = {"client_id": world.app.client_id, "client_secret": world.secret}
    with OAuth2Session(
        world.app.client_id, redirect_uri=BACK, scope=["gateways:read"], pkce="S256", token_updater=kept.append,
        auto_refresh_url=server["token_endpoint"], auto_refresh_kwargs=app,
    ) as session:  # fmt: skip
        address, _state = session.authorization_url(server["authorization_endpoint"])
        session.fetch_token(
            server["token_endpoint"],
            authorization_response=allow(world, address),
            client_secret=world.secret,
            timeout=60,
        )
        assert homes_seen(session, server) == {world.villa.serial}
        before = session.token["refresh_token"]
        session.token = {**session.token, "expires_at": 1.0}  # as if it were an hour later
        assert homes_seen(session, server) == {world.villa.serial}
        assert [token["refresh_token"] != before for token in kept] == [True]


def test_requests_oauthlib_gets_a_token_for_a_backend(world, server):
    backend, secret = world.backend()
    with OAuth2Session(client=BackendApplicationClient(client_id=backend.client_id)) as session:
        session.fetch_token(
            server["token_endpoint"], client_id=backend.client_id, client_secret=secret, include_client_id=False,
            timeout=60,
        )  # fmt: skip
        assert homes_seen(session, server) == {world.villa.serial, world.cabin.serial}


def test_plain_oauthlib_speaks_the_whole_of_it(world, server):
    client = WebApplicationClient(world.app.client_id)
    auth = (world.app.client_id, world.secret)
    verifier = client.create_code_verifier(64)
    address = client.prepare_request_uri(
        server["authorization_endpoint"], redirect_uri=BACK, scope=["gateways:read"], state="abc",
        code_challenge=client.create_code_challenge(verifier, "S256"), code_challenge_method="S256",
    )  # fmt: skip
    back = allow(world, address)
    assert parse_qs(urlsplit(back).query)["iss"] == [server["issuer"]]
    client.parse_request_uri_response(back, state="abc")
    body = client.prepare_request_body(redirect_uri=BACK, code_verifier=verifier, include_client_id=False)
    first = _form(server["token_endpoint"], body, auth)
    client.parse_request_body_response(first.text, scope=["gateways:read"])
    second = _form(server["token_endpoint"], client.prepare_refresh_body(), auth)
    assert second.json()["refresh_token"] != first.json()["refresh_token"]
    token = second.json()["access_token"]
    url, headers, body = client.prepare_token_revocation_request(server["revocation_endpoint"], token)
    assert requests.post(url, body, headers=headers, auth=auth, timeout=60).status_code == 200
    seen = requests.get(f"{server['issuer']}/api/v1/gateways", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert seen.status_code == 401


def _form(url: str, body: str, auth: tuple[str, str]) -> requests.Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return requests.post(url, body, headers=headers, auth=auth, timeout=60)
