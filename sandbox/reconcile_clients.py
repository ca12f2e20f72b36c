"""The two whom the reconciliation asks: the portal's API, with a token, and SEN's stand-in, which knows the keys."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from sandbox.sen import crypto

_TIMEOUT_S = 30
_UNAUTHORIZED, _TOO_MANY, _FAULT = 401, 429, 500


class SignatureWrong(Exception):
    """What is signed is not by the gateway, or says something else."""


class Portal:
    """The API of the portal, as a client with a secret of its own (RFC 6749, 4.4)."""

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        self._url, self._credentials = url.rstrip("/"), (client_id, secret)
        self._http = requests.Session()
        self._http.trust_env = False

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    @staticmethod
    def telemetry(sn: str) -> str:
        """Return the address of what a DER measured."""
        return f"ders/{quote(sn, safe='')}/telemetry"

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, {**(query or {}), **({"cursor": cursor} if cursor else {})}).json()
            yield from page["data"]
            cursor = page["next_cursor"]

    def signed(self, path: str, query: Mapping[str, Any]) -> bytes:
        """Return a page as a JWT. Raises SignatureWrong where nothing signs for the gateway."""
        try:
            return self.get(path, {**query, "format": "jwt"}).content
        except requests.HTTPError as error:
            if error.response.status_code >= _FAULT:
                raise
            msg = f"the portal does not sign: {error.response.json()['detail']}"
            raise SignatureWrong(msg) from error

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> requests.Response:
        """Ask; wait where that was too often, and take another token where this one has ended."""
        for _ in range(3):
            if "Authorization" not in self._http.headers:
                self._take_token()
            answer = self._http.get(f"{self._url}/api/v1/{path}", params=query, timeout=_TIMEOUT_S)
            if answer.status_code == _TOO_MANY:
                time.sleep(int(answer.headers["Retry-After"]))
            elif answer.status_code == _UNAUTHORIZED:
                del self._http.headers["Authorization"]
            else:
                break
        answer.raise_for_status()
        return answer

    def _take_token(self) -> None:
        server = self._http.get(f"{self._url}/.well-known/oauth-authorization-server", timeout=_TIMEOUT_S)
        server.raise_for_status()
        body = {"grant_type": "client_credentials", "scope": "gateways:read telemetry:read"}
        answer = self._http.post(server.json()["token_endpoint"], data=body, auth=self._credentials, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


class Sen:
    """SEN's stand-in: the points it was sent, and the public keys it knows."""

    def __init__(self, sandbox: str) -> None:
        self._url = f"{sandbox.rstrip('/')}/sen/__admin"
        self._http = requests.Session()
        self._http.trust_env = False

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def points(self, gateway: str) -> Iterator[tuple[tuple[str, int], Any]]:
        """Yield every point of a gateway: (serial, Unix ms), and what it says since it last came."""
        after: int | None = 0
        while after is not None:
            page = self._get("points", device=gateway, after=after)
            for point in page["points"]:
                yield (point["sn"], point["ts"]), point["latest"] or point["data"]
            after = page["next"]

    def opened(self, gateway: str, token: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and claims of a JWT by a key of this gateway that SEN knows. Raises SignatureWrong."""
        try:
            header, claims, signature = (_decoded(part) for part in token.split(b"."))
            message = token.rpartition(b".")[0]
        except ValueError as error:
            msg = "it is no JWT"
            raise SignatureWrong(msg) from error
        keys = [key["public_key"] for key in self._get(f"gateways/{gateway}")["keys"] if not key["banned"]]
        if not any(crypto.verifies(key, signature, message) for key in keys):
            msg = "no key that SEN knows of this gateway has signed it"
            raise SignatureWrong(msg)
        return json.loads(header), json.loads(claims)

    def _get(self, path: str, **query: Any) -> Any:
        answer = self._http.get(f"{self._url}/{path}", params=query, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
