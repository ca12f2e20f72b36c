"""How often a client may ask: so many requests a minute, told with every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` says what is allowed, `RateLimit` what
is left of it.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from gateways.models import Client
from gateways.oauth.tokens import Caller

_WINDOW_S = 60


def count(what: str, *, more: int = 1) -> tuple[int, float]:
    """Count what happens in this minute; return how often it has by now, and how many seconds are left of it."""
    now = time.time()
    key = f"rate:{what}:{int(now // _WINDOW_S)}"
    cache.add(key, 0, _WINDOW_S)
    try:
        used = cache.incr(key, more)
    except ValueError:  # it ended between the two
        used = more
    return used, _WINDOW_S - now % _WINDOW_S


def who_of(client: Client, user: User | None) -> str:
    """Return whose requests count together: a backend's, or an app's for one homeowner, who uses up only their own."""
    return f"{client.pk}:{user.pk}" if user else str(client.pk)


def network_of(request: HttpRequest) -> str:
    """Return where a request comes from, also behind our proxy: an IPv6 home has not one address but a /64 of them."""
    address = ipaddress.ip_address(get_adapter(request).get_client_ip(request))
    if address.version == 4 or address.ipv4_mapped:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


class PerClient(BaseThrottle):
    """Counts requests of a client in windows of a minute, whichever address they come from."""

    name = "client"
    wait_s: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        limit, who = self.limit_of(request)
        if not who:
            return True
        used, left_s = count(f"{self.name}:{who}")
        view.limit_headers = {
            "RateLimit-Policy": f'"{self.name}";q={limit};w={_WINDOW_S}',
            "RateLimit": f'"{self.name}";r={max(limit - used, 0)};t={round(left_s)}',
        }
        self.wait_s = left_s
        return used <= limit

    def wait(self) -> float | None:
        return self.wait_s

    def limit_of(self, request: Request) -> tuple[int, str]:
        """Return how many requests a minute are allowed, and to whom."""
        caller = request.auth
        if not isinstance(caller, Caller):
            return 0, ""
        return caller.client.requests_per_minute, who_of(caller.client, caller.user)
