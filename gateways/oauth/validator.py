"""What the OAuth2 server asks of our rows, where the package's own answers are not strict enough.

The views hold a transaction around each request: the locks that are taken here last until its answer is written.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from oauth2_provider.models import get_grant_model, get_refresh_token_model
from oauth2_provider.oauth2_validators import OAuth2Validator

from gateways.oauth import clients, grants, limits, scopes


class Validator(OAuth2Validator):
    """Codes work once, and used twice take their tokens with them; nobody who was shut out gets a token."""

    def _load_application(self, client_id: str | None, request: Any) -> Any:
        # No id has a NUL in it, and PostgreSQL takes none.
        return super()._load_application(client_id, request) if client_id and "\0" not in client_id else None

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether a code may become tokens. A second use ends what the first one got (RFC 6749, 4.1.2)."""
        given = get_grant_model().objects.filter(code=code, application=client)
        clients.lock_tokens(given.values("user"))
        found = given.select_related("user").first()
        if found is None:
            family = _family_of(code)
            if get_refresh_token_model().objects.filter(token_family=family, application=client).exists():
                get_refresh_token_model().revoke_family(family)
            return False
        valid: bool = super().validate_code(client_id, code, client, request, *args, **kwargs)
        return valid and found.user.is_active

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether a refresh token is the newest of its family; an older one ends the family."""
        checksum = hashlib.sha256(refresh_token.encode()).hexdigest()
        # Of two requests with one token the second has to see what the first one did, so as to be the replay it is.
        clients.lock_tokens(get_refresh_token_model().objects.filter(token_checksum=checksum).values("user"))
        valid: bool = super().validate_refresh_token(refresh_token, client, request, *args, **kwargs)
        return valid and request.user.is_active and bool(self._agreed(request))

    def get_original_scopes(self, refresh_token: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        """Return what a refresh token is still good for: less, where its homeowner or partner allows less by now."""
        before = super().get_original_scopes(refresh_token, request, *args, **kwargs)
        return [scope for scope in before.split() if scope in self._agreed(request)]

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep the tokens that a client gets. Raises TooOften before anything is used up: it can ask again later."""
        limits.count_client(request.client, request.user)
        return super().save_bearer_token(token, request, *args, **kwargs)

    def _agreed(self, request: Any) -> frozenset[str]:
        return grants.scopes_of(client=request.client, user=request.user) & set(scopes.allowed(request.client))

    def _create_refresh_token(self, request: Any, refresh_token_code: str, access_token: Any, previous: Any) -> Any:
        made = super()._create_refresh_token(request, refresh_token_code, access_token, previous)
        if request.grant_type == "authorization_code":
            made.token_family = _family_of(request.code)
            made.save(update_fields=["token_family"])
        return made

    def _check_and_set_request_resource(self, request: Any) -> None:
        # RFC 8707: there is one resource server, and tokens are good for it alone, whatever is asked.
        request.resource = []


def _family_of(code: str) -> uuid.UUID:
    """Return the name of the family of tokens that a code begins: it tells the code again, and tells nothing of it."""
    return uuid.UUID(bytes=hashlib.sha256(code.encode()).digest()[:16])
