"""Whose access token a request brings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from oauth2_provider.models import get_access_token_model

from gateways.models import Client, Partner
from gateways.oauth import grants, scopes


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
        return self.client.event_subject


@dataclass(frozen=True)
class Found:
    """An access token that is good, whose it is and until when."""

    caller: Caller
    expires: datetime


def caller_of(token: str, *, now: datetime) -> Caller | None:
    """Return who calls with this access token, and note that a homeowner's app did; None where it is not good."""
    found = look_up(token, now=now)
    if found is None:
        return None
    if found.caller.user is not None:
        grants.note_use(client=found.caller.client, user=found.caller.user, now=now)
    return found.caller


def look_up(token: str, *, now: datetime) -> Found | None:
    """Return what an access token is; None if it is unknown, revoked, expired or its client is disabled.

    What a client may do shrinks at once when its partner allows it less, or its homeowner agrees to less: no token has
    to be revoked for that.
    """
    checksum = hashlib.sha256(token.encode()).hexdigest()
    rows = get_access_token_model().objects.select_related("application__partner", "user")
    row = rows.filter(token_checksum=checksum, expires__gt=now).first()
    if row is None or row.application is None or row.application.disabled_at:
        return None
    client: Client = row.application
    if client.acts_for_homeowners != (row.user is not None) or (row.user and not row.user.is_active):
        return None
    may = frozenset(row.scope.split()) & frozenset(scopes.allowed(client))
    if row.user is not None:
        may &= grants.scopes_of(client=client, user=row.user)
    return Found(Caller(client=client, partner=client.partner, user=row.user, scopes=may), row.expires)
