"""The adapter of an account: its vendor's, with the hosts, secrets and quotas that go with it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from gateways.models import Partner
from ingest import budget, sealing, tokens, vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import ConsentAdapter, OAuth2Code, VendorAdapter
from ingest.vendors.errors import VendorUnsupported
from ingest.vendors.http import VendorHttp

Clock = Callable[[], datetime]
_TOKEN_CALL_S = tokens.LEASE.total_seconds() - 15  # a call that begins then has its time-outs left within the lease


def open_account(
    connection: Connection, *, clock: Clock, count: bool = True, background: bool = False
) -> VendorAdapter:
    """Return the vendor's adapter with the connection's secrets opened; raises VaultError.

    With `count`, every request is taken from the vendor's budget (and may raise VendorThrottled); `background`: as what
    nobody waits for.
    """
    cls = vendors.adapter_class(connection.vendor)
    quotas = tuple(cls.policy.quotas)

    def access_token(refused: str | None) -> str:
        uncounted = functools.partial(open_uncounted, connection, clock=clock)
        return tokens.access_token(connection, uncounted, clock=clock, refused=refused)

    counted = functools.partial(budget.take, connection, quotas, clock=clock, background=background)
    http = VendorHttp(
        **_wire(),
        before_request=counted if count else (lambda: None),
        access_token=access_token if tokens.has_some(connection) else None,
    )
    return _adapter(connection, http, clock)


def open_application(credential: VendorCredential, *, clock: Clock) -> ConsentAdapter:
    """Return the adapter for a partner's application, to ask owners for their consent with.

    Raises VaultError, and VendorUnsupported where the credential is no application.
    """
    adapter = open_account(account_with(credential), clock=clock, count=False)
    if isinstance(adapter, ConsentAdapter) and isinstance(adapter.scheme, OAuth2Code):
        return adapter
    msg = f"{credential} is no application that owners can consent to."
    raise VendorUnsupported(msg)


def open_brought(
    *,
    partner: Partner,
    vendor: str,
    scheme: str,
    secrets: Mapping[str, str],
    access_token: str,
    before_request: Callable[[], None],
    clock: Clock,
) -> VendorAdapter:
    """Return the vendor's adapter for access that somebody brought along for this once; nothing of it is kept.

    A token that the vendor refuses is not renewed.
    """
    account = Connection(partner=partner, vendor=vendor, scheme=scheme)
    bearer = (lambda _refused: access_token) if access_token else None
    http = VendorHttp(**_wire(), before_request=before_request, access_token=bearer)
    cls = vendors.adapter_class(vendor)
    return cls(secrets=secrets, urls=urls(account), http=http, clock=clock, scheme=scheme)


def open_uncounted(connection: Connection, *, clock: Clock) -> ConsentAdapter:
    """Return the adapter for talk about tokens, which must go on when the quota for data is used up."""
    http = VendorHttp(**_wire())
    http.deadline = time.monotonic() + _TOKEN_CALL_S
    adapter = _adapter(connection, http, clock)
    assert isinstance(adapter, ConsentAdapter)  # noqa: S101  an account with tokens is one whose owner consented
    return adapter


def account_with(credential: VendorCredential) -> Connection:
    """Return an account (not saved) that is read with a credential of its partner."""
    names = {"partner": credential.partner, "vendor": credential.vendor, "scheme": credential.scheme}
    return Connection(credential=credential, **names)


def open_secrets(connection: Connection) -> dict[str, str]:
    """Return the secrets that an account is read with, its own or its credential's. Raises VaultError."""
    if connection.credential is not None:
        return sealing.unseal(connection.credential)
    return sealing.unseal(connection) if connection.secrets else {}


def urls(connection: Connection) -> Mapping[str, str]:
    """Return the vendor's hosts by role: the sandbox's for sandbox partners, else the real ones."""
    cls = vendors.adapter_class(connection.vendor)
    if connection.partner.is_sandbox:
        return {role: f"{settings.SANDBOX_URL}/{cls.slug}/{role}" for role in cls.base_urls}
    return {**cls.base_urls, **settings.VENDOR_URLS.get(cls.slug, {})}


def _adapter(connection: Connection, http: VendorHttp, clock: Clock) -> VendorAdapter:
    cls = vendors.adapter_class(connection.vendor)
    return cls(
        secrets=open_secrets(connection), urls=urls(connection), http=http, clock=clock, scheme=connection.scheme,
        account=connection.account,
    )  # fmt: skip


def _wire() -> dict[str, Any]:
    return {
        "user_agent": settings.USER_AGENT,
        "proxy": settings.OUTGOING_PROXY,
        "ca_bundle": settings.OUTGOING_CA_BUNDLE,
    }
