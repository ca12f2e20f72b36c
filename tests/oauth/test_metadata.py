"""What the server says of itself is what it does."""

from __future__ import annotations

import re

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from django.conf import settings as live
from django.test import Client as Browser

from gateways.oauth import scopes
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_the_metadata_lists_what_is_served_and_nothing_else(settings):
    settings.PUBLIC_URL = "https://portal.example"
    reply = Browser().get("/.well-known/oauth-authorization-server", headers={"Host": "localhost"})
    told = reply.json()
    endpoints = {name: url for name, url in told.items() if name.endswith(("_endpoint", "_uri"))}
    assert endpoints == {
        "authorization_endpoint": "https://portal.example/oauth/authorize/",
        "token_endpoint": "https://portal.example/oauth/token/",
        "revocation_endpoint": "https://portal.example/oauth/revoke_token/",
        "introspection_endpoint": "https://portal.example/oauth/introspect/",
    }
    assert told["issuer"] == "https://portal.example"
    assert told["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert (told["response_types_supported"], told["code_challenge_methods_supported"]) == (["code"], ["S256"])
    assert told["response_modes_supported"] == ["query"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert set(told["scopes_supported"]) == set(scopes.ALL)
    assert reply["Access-Control-Allow-Origin"] == "*"
    AuthorizationServerMetadata(told).validate()


def test_the_api_says_where_its_tokens_come_from(settings):
    settings.PUBLIC_URL = "https://portal.example"
    told = Browser().get("/.well-known/oauth-protected-resource").json()
    assert told["resource"] == "https://portal.example"
    assert (told["authorization_servers"], told["bearer_methods_supported"]) == (["https://portal.example"], ["header"])


def test_a_gateway_says_where_the_keys_are_that_it_signs_with(client):
    gateway = factories.active_gateway()
    challenge = client.get(f"/gateways/{gateway.serial}/api/crypto")["WWW-Authenticate"]
    where = re.fullmatch(rf'Bearer realm="api", resource_metadata="{live.PUBLIC_URL}(.+)"', challenge)
    assert where is not None, challenge
    told = client.get(where[1]).json()
    assert told["resource"] == f"{live.PUBLIC_URL}/gateways/{gateway.serial}"
    assert told["authorization_servers"] == [live.PUBLIC_URL]
    assert told["scopes_supported"] == ["gateway:identity", "gateway:sign"]
    keys = client.get(told["jwks_uri"].removeprefix(live.PUBLIC_URL)).json()["keys"]
    assert [key["alg"] for key in keys] == told["resource_signing_alg_values_supported"] == ["ES256"]
    assert client.get(where[1] + "0").status_code == 404


@pytest.mark.parametrize("path", ["token", "revoke_token", "introspect"])
def test_an_address_without_its_slash_is_the_same(client, path):
    assert client.post(f"/oauth/{path}").status_code == client.post(f"/oauth/{path}/").status_code in {400, 401}
