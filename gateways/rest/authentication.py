"""Who calls: a bearer token in the Authorization header, and the scope that a resource needs."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from gateways.oauth import reach, scopes
from gateways.oauth.tokens import Caller, caller_of
from gateways.rest.problems import Problem

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)  # RFC 6750, 2.1
_GATEWAY = re.compile(r"/gateways/[A-Za-z0-9_-]{1,64}(?=/)")  # a resource of its own, which signs for itself


class BearerToken(BaseAuthentication):
    """Takes the access token of a client. A token in the address or the body is none: logs keep those."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        given = _BEARER.fullmatch(header)
        caller = caller_of(given[1], now=timezone.now()) if given else None
        if caller is None:
            msg = "This access token is unknown, expired or revoked: ask for another."
            raise exceptions.AuthenticationFailed(msg)
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        failed = ', error="invalid_token"' if request.headers.get("Authorization") else ""
        resource = of[0] if (of := _GATEWAY.match(request.path)) else ""
        where = f"{settings.PUBLIC_URL}/.well-known/oauth-protected-resource{resource}"  # RFC 9728, 5.1
        return f'Bearer realm="api"{failed}, resource_metadata="{where}"'


class HasScope(BasePermission):
    """Lets those in whose token has the scope that the view needs for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Caller):
            msg = "Send an access token: `Authorization: Bearer <token>`."
            raise exceptions.NotAuthenticated(msg)
        needed = view.scope_for(request)
        if needed == scopes.ANY or needed in request.auth.scopes:
            return True
        raise too_narrow(needed)


class IsPartnersOwn(BasePermission):
    """Lets the partner's own backend in: what is no single home's is nobody else's business, whatever their scopes."""

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002  the framework's
        if isinstance(request.auth, Caller) and reach.is_partners_own(request.auth):
            return True
        msg = "This is for the partner's own backend; a client that validates rewards reads gateways and telemetry."
        raise exceptions.PermissionDenied(msg)


PARTNERS_OWN = (HasScope, IsPartnersOwn)
"""permissions of views whose subject is no single home's"""


def too_narrow(needed: str) -> Problem:
    """Return the problem of a token, or of an owner's consent, that does not go as far as `needed` (RFC 6750, 3.1)."""
    challenge = f'Bearer realm="api", error="insufficient_scope", scope="{needed}"'
    detail = f"This needs the scope {needed}, which the token does not have."
    return Problem("insufficient-scope", detail, headers={"WWW-Authenticate": challenge})
