"""The OAuth2 server: oauthlib's endpoints with the grants that RFC 9700 leaves, and no code for any other."""

from __future__ import annotations

import functools
import re
from typing import Any

from django.http import HttpRequest
from oauth2_provider.oauth2_backends import OAuthLibCore, get_oauthlib_core
from oauthlib.common import Request
from oauthlib.oauth2 import (
    AuthorizationCodeGrant,
    AuthorizationEndpoint,
    BearerToken,
    ClientCredentialsGrant,
    InvalidRequestError,
    RefreshTokenGrant,
    RevocationEndpoint,
    TokenEndpoint,
    UnsupportedGrantTypeError,
)

from gateways.models import Client

GRANT_TYPES = ("authorization_code", "client_credentials", "refresh_token")
_S256 = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url without padding (RFC 7636, 4.2)


class Server(AuthorizationEndpoint, TokenEndpoint, RevocationEndpoint):
    """Codes with PKCE, client credentials and refresh tokens. There is no implicit, password or device grant."""

    def __init__(
        self,
        request_validator: Any,
        *,
        token_expires_in: Any = None,
        token_generator: Any = None,
        refresh_token_generator: Any = None,
        **_: Any,
    ) -> None:
        code = AuthorizationCodeGrant(request_validator, pre_auth=[_only_s256])
        bearer = BearerToken(request_validator, token_generator, token_expires_in, refresh_token_generator)
        AuthorizationEndpoint.__init__(
            self, default_response_type="code", response_types={"code": code}, default_token_type=bearer
        )
        handlers = (code, ClientCredentialsGrant(request_validator), RefreshTokenGrant(request_validator))
        TokenEndpoint.__init__(
            self, default_grant_type="authorization_code", default_token_type=bearer,
            grant_types=dict(zip(GRANT_TYPES, handlers, strict=True)),
        )  # fmt: skip
        RevocationEndpoint.__init__(self, request_validator)

    def validate_token_request(self, request: Any) -> None:
        super().validate_token_request(request)
        if request.grant_type not in GRANT_TYPES:  # oauthlib would take it for a code
            raise UnsupportedGrantTypeError(request=request)


class Core(OAuthLibCore):
    """Translates between Django's requests and oauthlib's."""

    def client_of(self, request: HttpRequest) -> Client | None:
        """Return the client whose id and secret a request brings; None without, or with a wrong secret."""
        asked = Request(*self._extract_params(request))
        known = self.server.request_validator.authenticate_client(asked)
        return asked.client if known and asked.client.client_type == Client.CLIENT_CONFIDENTIAL else None


@functools.cache
def core() -> Any:
    """Return the one `Core` of this process."""
    return get_oauthlib_core()


def _only_s256(request: Any) -> dict[str, Any]:
    """Refuse a code without PKCE while the app can still be told (RFC 9700, 2.1.1)."""
    if request.code_challenge_method != "S256" or not _S256.fullmatch(request.code_challenge or ""):
        msg = "PKCE is required: code_challenge_method=S256 and the code_challenge of RFC 7636, 4.2."
        raise InvalidRequestError(description=msg, request=request)
    return {}
