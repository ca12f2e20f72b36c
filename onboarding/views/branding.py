"""A partner's look on the pages that its homeowners see: its name, logo and colors."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from onboarding import colors
from onboarding.models import JoinPage

_KEY = "join"
_SHEET = """:root {{ --accent: {accent}; --on-accent: {ink}; --link: {link}; }}
@media screen and (prefers-color-scheme: dark) {{
  :root {{ --accent: {dark}; --on-accent: {dark_ink}; --link: {dark}; }}
}}
"""


def remember(request: HttpRequest, page: JoinPage) -> None:
    """Give the pages this browser sees from now on, those of the account too, the look of a partner."""
    if request.session.get(_KEY) != page.partner.slug:
        request.session[_KEY] = page.partner.slug


def of_browser(request: HttpRequest) -> JoinPage | None:
    """Return the join page that the browser was on last."""
    slug = request.session.get(_KEY)
    return JoinPage.objects.select_related("partner").filter(partner__slug=slug).first() if slug else None


def look(request: HttpRequest) -> dict[str, Any]:
    """Let templates ask for the partner's look; who does not ask costs nothing."""
    return {"look": SimpleLazyObject(lambda: of_browser(request))}


@require_GET
@cache_control(public=True, max_age=300)
def brand_css(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001  the view's signature
    """Return the partner's color where it can be read, for light and dark; nothing where it has none."""
    color = get_object_or_404(JoinPage, partner__slug=slug).color
    return HttpResponse(_sheet(color) if color else "", content_type="text/css")


@require_GET
@cache_control(public=True, max_age=300)
def logo(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001  likewise
    page = get_object_or_404(JoinPage, partner__slug=slug)
    if page.logo is None:
        raise Http404
    return HttpResponse(bytes(page.logo), content_type=page.logo_type)


def _sheet(color: str) -> str:
    dark = colors.readable(color, colors.DARK)
    return _SHEET.format(
        accent=color, ink=colors.ink_on(color), link=colors.readable(color, colors.LIGHT),
        dark=dark, dark_ink=colors.ink_on(dark),
    )  # fmt: skip
