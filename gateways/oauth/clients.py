"""OAuth clients of a partner: made, given a new secret, allowed more or less, disabled."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import get_access_token_model, get_grant_model, get_refresh_token_model

from gateways import events, redirect_uris
from gateways.events import By
from gateways.models import Client, Partner
from gateways.oauth import scopes
from gateways.rest import versions

_RATE = 600
_ANSWERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@transaction.atomic
def create_backend(
    *,
    partner: Partner,
    name: str,
    allowed_scopes: Collection[str],
    by: By,
    now: datetime,
    purpose: str = Client.Purpose.SERVICE,
    requests_per_minute: int = _RATE,
) -> tuple[Client, str]:
    """Make a client that acts for itself; return it and its secret, shown this once. Raises ValidationError."""
    client = Client(
        partner=partner, name=name, purpose=purpose, client_type=Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS, api_version=versions.LATEST,
        requests_per_minute=requests_per_minute,
    )  # fmt: skip
    client.allowed_scopes = _checked(allowed_scopes, scopes.most(client))
    return _save_new(client, by, now)


@transaction.atomic
def create_app(
    *,
    partner: Partner,
    name: str,
    redirect_uris: Collection[str],
    allowed_scopes: Collection[str],
    by: By,
    now: datetime,
    public: bool = False,
    requests_per_minute: int = _RATE,
) -> tuple[Client, str]:
    """Make a client that acts for homeowners; return it and its secret, "" for a public one (an app on a phone).

    Raises ValidationError.
    """
    client = Client(
        partner=partner, name=name, redirect_uris=_redirects(partner, redirect_uris),
        client_type=Client.CLIENT_PUBLIC if public else Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Client.GRANT_AUTHORIZATION_CODE, api_version=versions.LATEST,
        allowed_scopes=_checked(allowed_scopes, frozenset(scopes.HOMEOWNERS)), requests_per_minute=requests_per_minute,
    )  # fmt: skip
    client, secret = _save_new(client, by, now)
    return client, "" if public else secret


@transaction.atomic
def change(
    *,
    client: Client,
    name: str,
    allowed_scopes: Collection[str],
    requests_per_minute: int,
    by: By,
    now: datetime,
    redirect_uris: Collection[str] = (),
    api_version: str = "",
) -> None:
    """Allow a client more or less, also to the tokens it has. Raises ValidationError.

    `api_version` moves it to another version of the API; empty, it keeps the one it has.
    """
    client = _locked(client)
    client.name, client.requests_per_minute = name, requests_per_minute
    client.allowed_scopes = _checked(allowed_scopes, scopes.most(client))
    client.redirect_uris = _redirects(client.partner, redirect_uris) if client.acts_for_homeowners else ""
    client.api_version = _version(api_version or client.api_version)
    client.full_clean()
    client.save()
    events.note(
        client, events.CLIENT_CHANGED, by, now, called=name, scopes=client.allowed_scopes,
        redirect_uris=client.redirect_uris.split(), requests_per_minute=requests_per_minute,
        api_version=client.api_version,
    )  # fmt: skip


@transaction.atomic
def renew_secret(*, client: Client, by: By, now: datetime) -> str:
    """Give a client another secret, shown this once; the one before opens nothing any more. Its tokens live on.

    Raises ValidationError for a client that has none, or is disabled.
    """
    client = _locked(client)
    if client.client_type == Client.CLIENT_PUBLIC:
        msg = "This app keeps no secret: PKCE stands in for it."
        raise ValidationError(msg)
    secret: str = generate_client_secret()
    client.client_secret = secret
    client.save()
    events.note(client, events.CLIENT_SECRET_RENEWED, by, now)
    return secret


@transaction.atomic
def disable(*, client: Client, by: By, now: datetime) -> None:
    """Let a client do nothing any more, for good; its tokens are gone."""
    if Client.objects.filter(pk=client.pk, disabled_at=None).update(disabled_at=now):
        events.note(client, events.CLIENT_DISABLED, by, now)
        forget_tokens(client)  # when the partner's lock is there: a homeowner who ends a grant has it, too


def lock_tokens(users: Collection[int] | QuerySet[Any]) -> None:
    """Let nobody else make or forget tokens of these homeowners until the caller's transaction ends.

    Else who forgets them would not see what a refresh that is under way makes.
    """
    list(User.objects.select_for_update(no_key=True).filter(pk__in=users).order_by("pk").values("pk"))


def forget_tokens(client: Client, **of: object) -> None:
    """Delete a client's tokens and codes, those of a `user` only where one is given."""
    for model in (get_refresh_token_model(), get_access_token_model(), get_grant_model()):
        model.objects.filter(application=client, **of).delete()


def _locked(client: Client) -> Client:
    # NO KEY UPDATE: who gives a grant, which refers to the client, holds the partner's lock, taken after this.
    rows = Client.objects.select_for_update(of=("self",), no_key=True).select_related("partner")
    found = rows.get(pk=client.pk)
    if found.disabled_at:
        msg = "This client is disabled, for good: make another one."
        raise ValidationError(msg)
    return found


def _redirects(partner: Partner, uris: Collection[str]) -> str:
    """Return redirect URIs as a client keeps them: https, and in the sandbox also http to one's own machine."""
    known = " ".join(uris).split()
    for uri in known:
        try:
            redirect_uris.check(uri, schemes={"https", "http"}, answers=_ANSWERS)
        except ValidationError as error:
            raise ValidationError({"redirect_uris": [f"{uri}: {text}" for text in error.messages]}) from error
        parts = urlsplit(uri)
        if parts.scheme == "http" and not (partner.is_sandbox and parts.hostname in _LOOPBACK):
            msg = f"{uri} has to begin with https://; only in the sandbox, and to localhost, http:// will do."
            raise ValidationError({"redirect_uris": msg})
    return " ".join(known)


def _version(asked: str) -> str:
    if asked not in versions.VERSIONS:
        msg = f"There is no version {asked} of the API; there are {', '.join(versions.VERSIONS)}."
        raise ValidationError({"api_version": msg})
    return asked


def _checked(asked: Collection[str], most: frozenset[str]) -> list[str]:
    if not asked or (unknown := set(asked) - most):
        given = f" and not {', '.join(sorted(unknown))}" if asked else ""
        msg = f"Choose what it may do, of {', '.join(scope for scope in scopes.ALL if scope in most)}{given}."
        raise ValidationError({"allowed_scopes": msg})
    return [scope for scope in scopes.ALL if scope in asked]


def _save_new(client: Client, by: By, now: datetime) -> tuple[Client, str]:
    events.lock(client.partner_id)
    secret: str = generate_client_secret()
    client.client_secret = secret
    client.full_clean()
    client.save()
    events.note(
        client, events.CLIENT_CREATED, by, now, called=client.name, purpose=client.purpose, scopes=client.allowed_scopes
    )
    return client, secret
