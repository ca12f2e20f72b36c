"""Whose access token a request brings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from oauth2_provider.models import get_access_token_model

from gateways.models import Client, Partner
from gateways.oauth import scopes


@dataclass(frozen=True)
class Caller:
    """A client with a valid token, and the homeowner it acts for, if any."""

    client: Client
    partner: Partner
    user: User | None
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """How events name who did something through the API."""
        return f"client:{self.client.client_id}"


def caller_of(token: str, *, now: datetime) -> Caller | None:
    """Return who calls with this access token; None if it is unknown, revoked, expired or its client is disabled.

    What a client may do shrinks at once when its partner allows it less: no token has to be revoked for that.
    """
    checksum = hashlib.sha256(token.encode()).hexdigest()
    rows = get_access_token_model().objects.select_related("application__partner", "user")
    found = rows.filter(token_checksum=checksum, expires__gt=now).first()
    if found is None or found.application is None or found.application.disabled_at:
        return None
    client: Client = found.application
    if client.acts_for_homeowners != (found.user is not None) or (found.user and not found.user.is_active):
        return None
    may = frozenset(found.scope.split()) & frozenset(scopes.allowed(client))
    return Caller(client=client, partner=client.partner, user=found.user, scopes=may)
