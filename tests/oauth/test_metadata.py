"""What the server says of itself is what it does."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from gateways.oauth import scopes

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
    assert told["authorization_response_iss_parameter_supported"] is True
    assert set(told["scopes_supported"]) == set(scopes.ALL)
    assert reply["Access-Control-Allow-Origin"] == "*"


def test_the_api_says_where_its_tokens_come_from(settings):
    settings.PUBLIC_URL = "https://portal.example"
    told = Browser().get("/.well-known/oauth-protected-resource").json()
    assert told["resource"] == "https://portal.example"
    assert (told["authorization_servers"], told["bearer_methods_supported"]) == (["https://portal.example"], ["header"])


@pytest.mark.parametrize("path", ["token", "revoke_token", "introspect"])
def test_an_address_without_its_slash_is_the_same(client, path):
    assert client.post(f"/oauth/{path}").status_code == client.post(f"/oauth/{path}/").status_code in {400, 401}
