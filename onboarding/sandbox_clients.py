"""Clients of the API that a sandbox partner begins with, so that everything can be tried at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from gateways.events import By
from gateways.models import Client, Partner
from gateways.oauth import clients, scopes

APP_REDIRECT = "http://127.0.0.1/app/done"  # with any port (RFC 8252, 7.3)
_BACKEND, _REWARDS, _APP = "Own backend", "SEN's rewards", "Sourceful App"
_TRY = "curl -u {id}:{secret} -d grant_type=client_credentials {portal}/oauth/token/"


def seed(*, partner: Partner, by: By, now: datetime) -> Iterator[str]:
    """Make the clients that are not there yet; yield for each how it is used, with its secret, shown only this once."""
    known = set(Client.objects.filter(partner=partner).values_list("name", flat=True))
    reading = [scopes.GATEWAYS_READ, scopes.TELEMETRY_READ]
    for name, purpose, allowed in (
        (_BACKEND, Client.Purpose.SERVICE, scopes.BACKENDS),
        (_REWARDS, Client.Purpose.REWARDS, reading),
    ):
        if name not in known:
            client, secret = clients.create_backend(
                partner=partner, name=name, allowed_scopes=allowed, purpose=purpose, by=by, now=now
            )
            yield f"{name}: {_TRY.format(id=client.client_id, secret=secret, portal=settings.PUBLIC_URL)}"
    if _APP not in known:
        client, secret = clients.create_app(
            partner=partner, name=_APP, redirect_uris=[APP_REDIRECT], allowed_scopes=list(scopes.HOMEOWNERS), by=by,
            now=now,
        )  # fmt: skip
        yield f"{_APP}: client id {client.client_id}, secret {secret}, redirect URI {APP_REDIRECT}"
