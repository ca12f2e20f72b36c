"""How often clients get tokens, and how often an address may be refused."""

from __future__ import annotations

import math

from django.contrib.auth.models import User
from django.http import HttpRequest
from oauthlib.oauth2 import OAuth2Error

from gateways.models import Client
from gateways.rest import limits

_MOST_WRONG = 60  # a minute, of an address that the phones of a whole village may share


class TooOften(OAuth2Error):
    """The answer to who has to wait. RFC 6749 has no better word for it at the token endpoint."""

    error = "temporarily_unavailable"
    status_code = 429

    def __init__(self, wait_s: float) -> None:
        self.wait_s = math.ceil(wait_s)
        super().__init__(f"These are too many requests. Go on in {self.wait_s} s.")

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Retry-After": str(self.wait_s)}


def count_client(client: Client, user: User | None) -> None:
    """Count a request of a client that has proven who it is, beside those to the API. Raises TooOften."""
    used, left_s = limits.count(f"{limits.PerClient.name}:{limits.who_of(client, user)}")
    if used > client.requests_per_minute:
        raise TooOften(left_s)


def check_address(request: HttpRequest) -> None:
    """Let nobody go on guessing. Raises TooOften where an address was wrong too often in this minute.

    It is the address that waits and not the client it named: else strangers could lock a client out.
    """
    wrong, left_s = limits.count(_wrong(request), more=0)
    if wrong >= _MOST_WRONG:
        raise TooOften(left_s)


def note_wrong(request: HttpRequest) -> None:
    """Note that a secret, code or token was refused."""
    limits.count(_wrong(request))


def _wrong(request: HttpRequest) -> str:
    return f"oauth-wrong:{limits.network_of(request)}"
