"""Site Access: SolarEdge's consent page and token endpoint, for one application of a partner.

Facts: "Authentication" and "Homeowner and Self-Access Guide" at api-docs.solaredge.com, and replies that live clients
have seen. The endpoint takes JSON with the secret in its body; its gateway says `invalid_request` where RFC 6749 has
`invalid_grant`. A grant is for one site. A refresh token works once, and dies when it is not used for 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from ingest.vendors.base import Tokens
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorConsentDenied,
    VendorError,
    VendorReplyInvalid,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp, members
from ingest.vendors.solaredge import refusals

_SCOPES = "SITE_DATA DEVICE_DATA"
_MONTHS = 24  # the longest there is
_NO_LIFETIME_S = 10**9
_APPLICATION_UNKNOWN = ("invalid_client", "unauthorized_client")
_GRANT_OVER = ("invalid_request", "invalid_grant", "invalid_token")


def state_of(callback: Mapping[str, str]) -> str:
    """Return what we sent as `state`; that it comes back is not documented, that `external_id` does is."""
    return callback.get("state") or callback.get("external_id", "")


def answer(callback: Mapping[str, str]) -> tuple[str, str]:
    """Return the code and the site of a yes. Raises VendorConsentDenied for a no, VendorReplyInvalid."""
    code, site_id = callback.get("code", ""), callback.get("site_id", "")
    if not code:  # how a no looks is not documented
        msg = "SolarEdge sent no code: the owner did not agree."
        raise VendorConsentDenied(msg)
    if not (site_id.isascii() and site_id.isdecimal()):
        msg = "SolarEdge sent a code, but not for which site."
        raise VendorReplyInvalid(msg)
    return code, site_id


@dataclass(frozen=True)
class Application:
    """What a partner registered at developer.solaredge.com, and where to talk about it."""

    http: VendorHttp
    urls: Mapping[str, str]
    client_id: str
    client_secret: str = field(repr=False)

    def authorize_url(self, state: str) -> str:
        """Return the consent page's address. It sends the browser to the redirect URL that is registered."""
        asked = {"client_id": self.client_id, "scope": _SCOPES, "access_duration": _MONTHS}
        return f"{self.urls['connect']}/authorize?{urlencode({**asked, 'state': state, 'external_id': state})}"

    def exchange(self, code: str) -> Tokens:
        """Turn a code into tokens. Raises VendorAuthFailed if it is used up or wrong, VendorError."""
        # Without redirect_uri: then the registered one counts, and a live client was refused for sending its own.
        return self._grant(grant_type="authorization_code", code=code).tokens()

    def refresh(self, refresh_token: str) -> Tokens:
        """Turn a refresh token into new tokens. Raises VendorAuthFailed when the consent is lost, VendorError."""
        return self._grant(grant_type="refresh_token", refresh_token=refresh_token).tokens()

    def revoke(self, refresh_token: str) -> None:
        """Give a consent back. Raises VendorAuthFailed if there is none any more, VendorError."""
        reply = self._post("revoke-token", {"token": refresh_token})
        if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise reply.error()

    def test(self) -> None:
        """Ask with a token that nobody has: the answer is about the token only if the application is known.

        Raises VendorAuthFailed if it is not, VendorError.
        """
        reply = self._grant(grant_type="refresh_token", refresh_token="none")  # noqa: S106  that is why
        if reply.code in _APPLICATION_UNKNOWN:
            raise VendorAuthFailed(reply.said)
        if reply.code not in _GRANT_OVER:
            raise reply.error()

    def _grant(self, **grant: str) -> _Reply:
        return self._post("token", {**grant, "client_id": self.client_id, "client_secret": self.client_secret})

    def _post(self, name: str, body: Mapping[str, str]) -> _Reply:
        path = f"/v2/oauth2/{name}"
        reply = self.http.send("POST", f"{self.urls['api']}{path}", headers={"Accept": "application/json"}, json=body)
        return _Reply(path, reply.status_code, reply.headers, reply.content)


@dataclass(frozen=True)
class _Reply:
    """What the token endpoint said. No text of ours shows a piece of it but for its words on an error."""

    path: str
    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def body(self) -> Mapping[str, Any]:
        return members(self.content)

    @property
    def code(self) -> str:
        """The error in the words of RFC 6749."""
        return str(self.body.get("error", ""))

    @property
    def said(self) -> str:
        return f"POST {self.path}: HTTP {self.status} {refusals.reason(self.content)}".rstrip()

    def error(self) -> VendorError:
        if self.code in _APPLICATION_UNKNOWN:
            # Not VendorAuthFailed: the owners' consents are good, and asking them again would not help.
            return VendorUnsupported(f"{self.said}. Check the client ID and secret of the application.")
        if self.code in _GRANT_OVER:
            return VendorAuthFailed(self.said)
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return refusals.throttled(self.headers, self.said)
        return VendorReplyInvalid(self.said)

    def tokens(self) -> Tokens:
        if self.status != HTTPStatus.OK:
            raise self.error()
        match self.body:
            case {"access_token": str(access), "refresh_token": str(refresh), "expires_in": int(seconds)} if (
                access and refresh and 0 < seconds < _NO_LIFETIME_S
            ):
                return Tokens(access, refresh, timedelta(seconds=seconds))
        msg = f"{self.said}, but not a pair of tokens with a lifetime"
        raise VendorReplyInvalid(msg)
