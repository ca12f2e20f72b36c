"""System checks of the data plane: sandbox and production never mix."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import DatabaseError

from gateways.models import Partner
from ingest import vendors

_LOCAL = {"localhost", "127.0.0.1", "::1"}


@register(Tags.database)
def production_never_talks_to_the_sandbox(**_: Any) -> list[Error]:
    """E001: with a production partner, no URL for the real world may lead to the sandbox or to this machine."""
    try:
        if not Partner.objects.filter(environment=Partner.Environment.PRODUCTION).exists():
            return []
    except DatabaseError:
        return []  # before the first migration there is no partner
    hint = "Correct the setting; to try things out, use a partner of the sandbox environment."
    return [
        Error(
            f"{name} is {url}, which is not the real world, but there are production partners.",
            hint=hint,
            id="ingest.E001",
        )
        for name, url in _real_world_urls()
        if _is_sandbox(url)
    ]


@register()
def vendor_urls_name_known_hosts(**_: Any) -> list[Error]:
    """E002: VENDOR_URLS may only name vendors and roles that exist."""
    return [
        Error(
            f"VENDOR_URLS names {slug}.{role}, which no adapter has.",
            hint='Its form is {"solis": {"api": "https://…"}}; roles are listed in the adapter\'s base_urls.',
            id="ingest.E002",
        )
        for slug, hosts in settings.VENDOR_URLS.items()
        for role in hosts
        if slug not in vendors.VENDORS or role not in vendors.adapter_class(slug).base_urls
    ]


def _real_world_urls() -> list[tuple[str, str]]:
    named = [("SEN_DATA_URL", settings.SEN_DATA_URL), ("SEN_GRAPHQL_URL", settings.SEN_GRAPHQL_URL)]
    return named + [
        (f"VENDOR_URLS[{slug}][{role}]", url)
        for slug, hosts in settings.VENDOR_URLS.items()
        for role, url in hosts.items()
    ]


def _is_sandbox(url: str) -> bool:
    host = urlsplit(url).hostname
    return host in _LOCAL or host == urlsplit(settings.SANDBOX_URL).hostname
