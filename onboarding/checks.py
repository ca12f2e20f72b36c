"""System checks of the settings that homeowners' pages depend on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Warning, register  # noqa: A004  Django's own name for it

_PUBLIC = "Set it to where people reach the portal, without a path, like https://portal.example.com"


@register()
def the_public_address_is_whole(**_: Any) -> list[Error]:
    """E001: PUBLIC_URL stands in mails and is registered with vendors: it is an origin, to which paths are added."""
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme in {"http", "https"} and url.netloc and not (url.path or url.query or url.fragment):
        return []
    return [Error(f"PUBLIC_URL is {settings.PUBLIC_URL}.", hint=_PUBLIC, id="onboarding.E001")]


@register(deploy=True)
def the_public_address_is_safe(**_: Any) -> list[Warning]:
    """W001: in production people and vendors reach the portal by https."""
    if urlsplit(settings.PUBLIC_URL).scheme == "https":
        return []
    return [Warning(f"PUBLIC_URL is {settings.PUBLIC_URL}, not https.", hint=_PUBLIC, id="onboarding.W001")]


@register()
def tiles_come_from_one_host(**_: Any) -> list[Error]:
    """E002: a pattern of tiles names its numbers, and one host, which the content security policy lets in."""
    pattern = settings.MAP_TILES_URL
    host = urlsplit(pattern).netloc
    whole = all(part in pattern for part in ("{z}", "{x}", "{y}")) and pattern.startswith("https://")
    if not pattern or (whole and host and "{" not in host):
        return []
    hint = "Its form is https://tiles.example.com/{z}/{x}/{y}.png; leave it empty for coastlines of our own."
    return [Error(f"MAP_TILES_URL is {pattern}.", hint=hint, id="onboarding.E002")]


@register()
def sign_in_through_others_names_their_pages(**_: Any) -> list[Error]:
    """E003: who is sent away to sign in has to be let go there by the content security policy."""
    names = list(settings.SOCIALACCOUNT_PROVIDERS)
    hint = 'Its form is {"google": {"origin": "https://accounts.google.com", "APPS": […]}}.'
    return [
        Error(f"SOCIAL_SIGN_IN names no origin of {name}.", hint=hint, id="onboarding.E003")
        for name, origin in zip(names, settings.SOCIAL_ORIGINS, strict=True)
        if not origin.startswith("https://") or urlsplit(origin).path
    ]
