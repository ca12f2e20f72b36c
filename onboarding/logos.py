"""Logos of partners: what may be one, and how it stands in a page."""

from __future__ import annotations

import base64

from django.core.exceptions import ValidationError

from onboarding.models import JoinPage

MOST_BYTES = 200_000


def type_of(content: bytes) -> str:
    """Return the media type by the first bytes; raise ValidationError for all but PNG, JPEG and WebP.

    SVG is no picture but a document, which may hold scripts.
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    msg = "This is no PNG, JPEG or WebP picture."
    raise ValidationError(msg)


def data_address(page: JoinPage) -> str:
    """Return the logo as an address that holds it; empty without one."""
    return f"data:{page.logo_type};base64,{base64.b64encode(page.logo).decode()}" if page.logo else ""
