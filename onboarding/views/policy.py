"""Where the browser may go from a page of ours."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.http import HttpResponseBase

from gateways.models import Partner
from ingest import adapters
from ingest.models import Connection


def let_leave_for(response: HttpResponseBase, *, partner: Partner, vendor: str) -> None:
    """Let a form of this page end at the vendor's pages: Chromium holds redirects after a form against `form-action`.

    A vendor may send browsers on to another host of its own to sign in, so its neighbors in the domain are let in too.
    """
    hosts = adapters.urls(Connection(partner=partner, vendor=vendor)).values()
    let_leave_to(response, *hosts)


def let_leave_to(response: HttpResponseBase, *urls: str) -> None:
    """Let a form of this page end at these addresses, and where their sites send browsers on to."""
    sources = sorted({source for url in urls for source in _sources(url)})
    response._csp_update = {"form-action": sources}  # type: ignore[attr-defined]  # noqa: SLF001  django-csp's own way


def _sources(url: str) -> list[str]:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    _, _, domain = (parts.hostname or "").partition(".")
    return [origin] if _is_ip(parts.hostname or "") or "." not in domain else [origin, f"{parts.scheme}://*.{domain}"]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
