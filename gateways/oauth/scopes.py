"""What a client may be allowed to do."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from oauth2_provider.scopes import BaseScopes

from gateways.models import Client

GATEWAYS_READ = "gateways:read"
GATEWAYS_WRITE = "gateways:write"
GATEWAY_IDENTITY = "gateway:identity"
GATEWAY_SIGN = "gateway:sign"
TELEMETRY_READ = "telemetry:read"
ENROLLMENTS_READ = "enrollments:read"
ENROLLMENTS_WRITE = "enrollments:write"
CREDENTIALS_WRITE = "credentials:write"
CREDENTIALS_REVEAL = "credentials:reveal"
WEBHOOKS_WRITE = "webhooks:write"
EVENTS_READ = "events:read"
PASSTHROUGH = "passthrough"
ANY = "*"
"""what a resource needs that every valid token opens; no token has a scope of this name"""

HOMEOWNERS = {
    GATEWAYS_READ: _("see your homes and the devices there"),
    GATEWAY_IDENTITY: _("see which key signs for your home"),
    GATEWAY_SIGN: _("have your home sign messages, such as the one that says for good which wallet its rewards go to"),
    TELEMETRY_READ: _("read what your devices measured"),
}
"""what homeowners are asked for, in words that follow “It may”"""

ALL = {
    GATEWAYS_READ: "see gateways, their keys and queues, systems, devices and vendors",
    GATEWAY_IDENTITY: "see which key signs for a home",
    GATEWAY_SIGN: "have a home sign messages, such as the one that names its wallet",
    TELEMETRY_READ: "read what devices measured",
    GATEWAYS_WRITE: "create gateways, name their wallets and positions, rotate and ban keys",
    ENROLLMENTS_READ: "see Join flows, enrollments, homeowners and accounts at vendors",
    ENROLLMENTS_WRITE: "make Join flows and invitations, disconnect accounts",
    CREDENTIALS_WRITE: "keep the partner's credentials of vendors",
    CREDENTIALS_REVEAL: "read the secrets of the partner's credentials",
    WEBHOOKS_WRITE: "say where events are delivered",
    EVENTS_READ: "read the event log",
    PASSTHROUGH: "ask vendors live",
}
"""every scope, in words for staff and clients"""

BACKENDS = frozenset(ALL) - {GATEWAY_IDENTITY, GATEWAY_SIGN}
"""what a partner's own backend may be allowed: a home's identity and signature need its owner's consent"""

VALIDATORS = frozenset({GATEWAYS_READ, TELEMETRY_READ})
"""what a backend may be allowed that validates rewards: it reads, and runs nothing"""


class PerClient(BaseScopes):
    """Tells the OAuth server that a client may ask for what its partner allows, and gets that if it does not say."""

    def get_all_scopes(self) -> dict[str, Any]:
        return dict(ALL)

    def get_available_scopes(self, application: Client | None = None, *_: Any, **__: Any) -> list[str]:
        return allowed(application) if application else []

    def get_default_scopes(self, application: Client | None = None, *_: Any, **__: Any) -> list[str]:
        return self.get_available_scopes(application)


def allowed(client: Client) -> list[str]:
    """Return what a client may ask for: never more than clients of its kind may have."""
    return [scope for scope in ALL if scope in most(client) and scope in client.allowed_scopes]


def most(client: Client) -> frozenset[str]:
    """Return what clients of its kind may be allowed."""
    if client.acts_for_homeowners:
        return frozenset(HOMEOWNERS)
    return VALIDATORS if client.purpose == Client.Purpose.REWARDS else BACKENDS
