"""One HTTP client for all adapters: time-outs, budget, counting, error classes, and no secret in any message."""

from __future__ import annotations

import functools
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests

from ingest.vendors.errors import VendorAuthFailed, VendorReplyInvalid, VendorUnavailable

TIMEOUT_S = (5, 12)  # to connect, between two bytes
MAX_REPLY_BYTES = 20 * 1024 * 1024
_SHORTEST_HIDDEN = 8  # characters; a shorter one could be part of what is no secret
AccessToken = Callable[[str | None], str]
"""gives the access token to use; called with the one that was just refused, it renews that one if it is worth it"""
_SECRET_QUERY = re.compile(r"(?i)([?&](?:[a-z_]*key|[a-z_]*token|secret|password|code)=)[^&\s]+")


class VendorHttp:
    """Sends requests of one connection. `before_request` takes from the budget and may raise VendorThrottled."""

    def __init__(
        self,
        *,
        user_agent: str,
        proxy: str = "",
        ca_bundle: str = "",
        before_request: Callable[[], None] = lambda: None,
        access_token: AccessToken | None = None,
    ) -> None:
        self.requests_made = 0
        self.deadline = math.inf  # time.monotonic after which no request begins and no reply is read on
        self._hidden: set[bytes] = set()
        self._before_request = before_request
        self._access_token = access_token
        self._session = requests.Session()
        # Else REQUESTS_CA_BUNDLE, proxy variables and ~/.netrc of the machine would change what we send and trust.
        self._session.trust_env = False
        self._session.headers["User-Agent"] = user_agent
        self._session.verify = ca_bundle or True
        if proxy:
            self._session.proxies = {"http": proxy, "https": proxy}

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: Any = None,
        bearer: bool = False,
    ) -> requests.Response:
        """Send one request and return the reply, whatever its status below 500 (adapters know their vendor's signs).

        With `bearer`, the account's access token goes with it, and a 401 is answered once with a renewed token: the
        one rule for all vendors. Raises VendorUnavailable on time-outs, network errors, 5xx and past the deadline,
        VendorThrottled when the budget is spent, and VendorAuthFailed when the token cannot be renewed.
        """
        exchange = functools.partial(self._send, method, url, params=params, body=body, json=json)
        if not bearer:
            return exchange(headers=headers)
        token = self._bearer(None)
        response = exchange(headers={**(headers or {}), "Authorization": f"Bearer {token}"})
        if response.status_code != HTTPStatus.UNAUTHORIZED or (renewed := self._bearer(token)) == token:
            return response
        return exchange(headers={**(headers or {}), "Authorization": f"Bearer {renewed}"})

    def hide(self, *secrets: str) -> None:
        """Take secrets out of all that is read from now on: some vendors repeat in an error what they were sent."""
        self._hidden |= {secret.encode() for secret in secrets if len(secret) >= _SHORTEST_HIDDEN}

    def _bearer(self, refused: str | None) -> str:
        if self._access_token is None:
            msg = "This account has no consent of its owner."
            raise VendorAuthFailed(msg)
        token = self._access_token(refused)
        self.hide(token)
        return token

    def _send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        json: Any,
    ) -> requests.Response:
        self._check_time(url)
        self._before_request()
        self.requests_made += 1
        try:
            response = self._session.request(
                method, url, params=params, headers=dict(headers or {}), data=body, json=json,
                timeout=TIMEOUT_S, allow_redirects=False, stream=True,
            )  # fmt: skip
            self._read(response, url)
        except requests.RequestException as error:
            # The library's own text can hold the URL with its query; only the kind of failure is passed on.
            msg = f"{method} {redact(url)}: {type(error).__name__}"
            raise VendorUnavailable(msg) from None
        if response.status_code >= 500:
            msg = f"{method} {redact(url)}: HTTP {response.status_code} {excerpt(response.content)}"
            raise VendorUnavailable(msg)
        return response

    def _check_time(self, url: str) -> None:
        if time.monotonic() > self.deadline:
            msg = f"{redact(url)}: the vendor answers too slowly, the time of this pull is over"
            raise VendorUnavailable(msg)

    def _read(self, response: requests.Response, url: str) -> None:
        """Read the body, but not without end and not for ever."""
        chunks, size = [], 0
        for chunk in response.iter_content(65536):
            self._check_time(url)
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                response.close()
                msg = f"reply larger than {MAX_REPLY_BYTES} bytes"
                raise VendorReplyInvalid(msg)
            chunks.append(chunk)
        body = b"".join(chunks)
        for secret in self._hidden:
            body = body.replace(secret, b"***")
        response._content = body  # noqa: SLF001  requests has no public way to cap a body


def read_json(response: requests.Response) -> Any:
    """Return the parsed body; raise VendorReplyInvalid with a redacted excerpt if it is not JSON."""
    try:
        return response.json()
    except ValueError as error:
        msg = f"HTTP {response.status_code}, not JSON: {excerpt(response.content)}"
        raise VendorReplyInvalid(msg) from error


def object_of(body: Any, what: str) -> Mapping[str, Any]:
    """Return a JSON object as it is; raise VendorReplyInvalid for anything else."""
    if not isinstance(body, Mapping):
        msg = f"{what} is not an object: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return body


def members(content: bytes) -> Mapping[str, Any]:
    """Return the members of an object of JSON, none for anything else, such as the page of a proxy in front."""
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def excerpt(content: bytes) -> str:
    """Return the first 200 characters of a body, on one line, with secrets in URLs masked."""
    return redact(" ".join(content[:800].decode("utf-8", "replace").split())[:200])


def redact(text: str) -> str:
    """Mask the values of secret query parameters."""
    return _SECRET_QUERY.sub(r"\1***", text)
