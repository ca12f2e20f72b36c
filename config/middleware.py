"""Middleware of our own."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django_structlog.middlewares import RequestMiddleware

from config import logging as log_config

_View = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware(RequestMiddleware):
    """Bind a request id to every log line of a request, and tell it to the client as X-Request-ID."""

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Stamp the response before the base class forgets the id."""
        response["X-Request-ID"] = structlog.contextvars.get_contextvars()["request_id"]
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return method and path without keys; a query may hold an OAuth code or a token, which no log may keep."""
        return f"{request.method} {log_config.without_keys(request.path)}"


def relaxed_policy_for_admin(get_response: _View) -> _View:
    """Give the admin the content security policy that its theme needs, and nothing else."""
    relaxed = csp_replace(settings.ADMIN_CSP)(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        chosen = relaxed if request.path.startswith(reverse("admin:index")) else get_response
        return chosen(request)

    return middleware


def kept_by_nobody(get_response: _View) -> _View:
    """Let neither browsers nor proxies keep a page unless its view says otherwise: nearly all are somebody's own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware
