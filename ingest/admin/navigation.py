"""The sidebar: what staff look for most comes first, and what a user may not see is not there."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

_GROUPS = {
    "Fleet": {
        "gateways.Gateway": "router", "ingest.System": "home", "ingest.Der": "solar_power", "ingest.Connection": "link",
        "ingest.VendorCredential": "key",
    },
    "Homeowners": {
        "onboarding.Journey": "footprint", "onboarding.Invitation": "forward_to_inbox",
        "onboarding.Consent": "handshake", "onboarding.JoinPage": "storefront",
    },
    "Join flows": {
        "onboarding.JoinFlow": "alt_route", "onboarding.Enrollment": "how_to_reg",
        "onboarding.JoinSession": "conversion_path",
    },
    "Delivery": {
        "ingest.GatewayQueue": "outbox", "ingest.Message": "mail", "ingest.Attempt": "error",
        "ingest.PullRun": "download",
    },
    "Webhooks": {"onboarding.WebhookEndpoint": "webhook", "onboarding.WebhookDelivery": "outgoing_mail"},
    "SEN": {
        "gateways.GatewayType": "category", "gateways.GatewayKey": "vpn_key", "gateways.Wallet": "wallet",
        "gateways.Coordinates": "location_on",
    },
    "API": {
        "gateways.Client": "api", "gateways.GatewayGrant": "verified_user", "gateways.IdempotentRequest": "repeat",
    },
    "Partner": {"gateways.Partner": "domain", "gateways.Membership": "group", "gateways.Event": "history"},
    "Installation": {
        "auth.User": "person", "account.EmailAddress": "alternate_email", "mfa.Authenticator": "phonelink_lock",
        "gateways.MasterKey": "lock", "ingest.Tally": "tag", "ingest.BudgetUse": "speed",
        "ingest.Heartbeat": "favorite",
    },
}  # fmt: skip


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups for a user."""
    home = {"items": [{"title": "Fleet at a glance", "icon": "dashboard", "link": reverse("admin:index")}]}
    found = [{"title": title, "separator": True, "items": _items(request, models)} for title, models in _GROUPS.items()]
    return [home, *(group for group in found if group["items"])]


def _items(request: HttpRequest, models: dict[str, str]) -> list[dict[str, Any]]:
    items = []
    for name, icon in models.items():
        opts = apps.get_model(name)._meta
        if admin.site.get_model_admin(opts.model).has_module_permission(request):
            link = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
            items.append({"title": capfirst(str(opts.verbose_name_plural)), "icon": icon, "link": link})
    return items
