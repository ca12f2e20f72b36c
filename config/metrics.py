"""/metrics, in the text format of Prometheus."""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ingest.metrics import Collector


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the counts of the data plane to whoever has METRICS_TOKEN; without one, to this machine alone."""
    if not _may_read(request):
        return HttpResponseForbidden("Send METRICS_TOKEN as a bearer token.\n", content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(Collector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    # To a proxy on this machine, the whole world looks like this machine.
    proxied = settings.BEHIND_PROXY or "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not proxied and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    # There is no address behind a unix socket, which only a proxy would use.
    return bool(address) and ipaddress.ip_address(address).is_loopback
