"""One request of a webhook, and its answer. Nothing but the answer's beginning is kept."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass

import certifi
import pycurl
from django.conf import settings
from django.core.exceptions import ValidationError

from onboarding.webhooks import addresses
from onboarding.webhooks.addresses import AddressRefused, Site

TIMEOUT_S = 5.0
KEPT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a status, or what went wrong before there was one."""

    status: int | None
    body: bytes = b""
    error: str = ""
    duration_ms: int = 0


def post(url: str, body: bytes, headers: Mapping[str, str], *, sandbox: bool) -> Reply:
    """Post to an address and return the reply, whatever it is. Ends within 5 s, looking the name up included.

    Redirects are not followed, and the variables of the environment that name proxies mean nothing here.
    """
    began = time.monotonic()
    try:
        site = addresses.check_url(url, sandbox=sandbox)
        reached = addresses.resolve(site, sandbox=sandbox, within_s=TIMEOUT_S)
    except (ValidationError, AddressRefused) as error:
        return _failed(error.messages[0] if isinstance(error, ValidationError) else str(error), began)
    left_s = TIMEOUT_S - (time.monotonic() - began)
    answer = _Beginning()
    curl = _request(url, body, headers, answer, left_s)
    _pin(curl, site, reached)
    try:
        curl.perform()
    except pycurl.error as error:
        code, text = error.args
        if not (code == pycurl.E_WRITE_ERROR and answer.is_full):  # then we have read enough
            return _failed(str(text), began)
    finally:
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        curl.close()
    return Reply(status, answer.read, duration_ms=_ms_since(began))


class _Beginning:
    """Takes the beginning of a body, and then ends the transfer."""

    def __init__(self) -> None:
        self.read = b""

    @property
    def is_full(self) -> bool:
        return len(self.read) >= KEPT_BYTES

    def write(self, data: bytes) -> int:
        self.read = (self.read + data)[:KEPT_BYTES]
        return 0 if self.is_full else len(data)


def _request(url: str, body: bytes, headers: Mapping[str, str], answer: _Beginning, left_s: float) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.POSTFIELDS, body)
    named = {"Content-Type": "application/json", "User-Agent": settings.USER_AGENT, **headers}
    curl.setopt(pycurl.HTTPHEADER, ["Expect:", *(f"{name}: {value}" for name, value in named.items())])
    curl.setopt(pycurl.WRITEDATA, answer)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    curl.setopt(pycurl.CAINFO, settings.OUTGOING_CA_BUNDLE or certifi.where())
    curl.setopt(pycurl.PROXY, settings.OUTGOING_PROXY)  # empty: none, also when the environment names one
    curl.setopt(pycurl.TIMEOUT_MS, max(1, int(left_s * 1000)))  # of all together, however slowly bytes drip in
    curl.setopt(pycurl.NOSIGNAL, 1)  # signals would reach the wrong thread
    return curl


def _pin(curl: pycurl.Curl, site: Site, reached: tuple[str, ...]) -> None:
    """Have curl go to addresses that were checked, without looking the name up; TLS still checks the name."""
    shown = [f"[{one}]" if ipaddress.ip_address(one).version == 6 else one for one in reached]
    if ":" not in site.host:
        curl.setopt(pycurl.RESOLVE, [f"{site.host}:{site.port}:{','.join(shown)}"])
    if settings.OUTGOING_PROXY:  # else the proxy would look the name up
        curl.setopt(pycurl.CONNECT_TO, [f"::{shown[0]}:{site.port}"])


def _failed(error: str, began: float) -> Reply:
    return Reply(None, error=error[:300], duration_ms=_ms_since(began))


def _ms_since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
