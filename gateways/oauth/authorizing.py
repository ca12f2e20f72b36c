"""An app asks a homeowner: what it asks for, and the answer that the browser takes back to it (RFC 6749, 4.1).

Every answer says who gives it (`iss`, RFC 9207), also one that says no.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import QueryDict
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import AccessDeniedError, FatalClientError, OAuth2Error

from gateways.models import Client, Gateway
from gateways.oauth import grants
from gateways.oauth.server import core

# Whatever else stands in the address, such as `prompt` or `approval_prompt`, changes nothing: a homeowner is asked.
_KNOWN = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")


@dataclass(frozen=True)
class Asked:
    """What an app asks for, checked: its redirect URI is registered, and it may ask for these scopes."""

    client: Client
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    uri: str


class Refused(Exception):
    """The app asked in a way that nobody can say yes to. `back` tells it so; empty where it is not to be trusted."""

    def __init__(self, reason: str, back: str = "") -> None:
        super().__init__(reason)
        self.reason, self.back = reason, back


def read(query: QueryDict) -> Asked:
    """Return what the address of the consent page asks for. Raises Refused."""
    uri = "?" + urlencode([(name, value) for name in _KNOWN for value in query.getlist(name) if value])
    with _refusals():
        scopes, found = core().server.validate_authorization_request(uri)
    return Asked(
        client=found["request"].client, scopes=tuple(scopes), redirect_uri=found["redirect_uri"],
        state=found["state"] or "", uri=uri,
    )  # fmt: skip


@transaction.atomic
def allow(*, asked: Asked, user: User, homes: Collection[Gateway], kinds: Collection[str], now: datetime) -> str:
    """Let the app act for these homes and see these kinds of devices; return where the browser takes the code.

    Raises Refused, ValidationError.
    """
    grants.give(user=user, client=asked.client, gateways=homes, scopes=asked.scopes, kinds=kinds, now=now)
    with _refusals():
        headers, _body, _status = core().server.create_authorization_response(
            asked.uri, scopes=list(asked.scopes), credentials={"user": user}
        )
    return _from_us(headers["Location"])


def deny(asked: Asked) -> str:
    """Return where the browser takes the homeowner's no."""
    return _from_us(AccessDeniedError(state=asked.state or None).in_uri(asked.redirect_uri))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except FatalClientError as error:
        raise Refused(_reason(error)) from error
    except OAuth2Error as error:
        raise Refused(_reason(error), back=_from_us(error.in_uri(error.redirect_uri))) from error
    except ValueError as error:  # an address that is none
        msg = "invalid_request: redirect_uri"
        raise Refused(msg) from error


def _reason(error: OAuth2Error) -> str:
    return f"{error.error}: {error.description}".strip(": ")


def _from_us(uri: str) -> str:
    answer: str = add_params_to_uri(uri, [("iss", settings.PUBLIC_URL)])
    return answer
