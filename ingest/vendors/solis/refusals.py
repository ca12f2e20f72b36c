"""How Solis Cloud says no: HTTP statuses, and codes in replies of HTTP 200, even with `"success": true`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from ingest.vendors.errors import (
    Scope,
    VendorAuthFailed,
    VendorError,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import redact

_CLOCK = "our clock and Solis Cloud's differ by more than 15 minutes"
_PERIODS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}

_CODES: dict[str, tuple[type[VendorError], str]] = {
    "R0000": (VendorAuthFailed, "the key has no authority"),
    "B0011": (VendorAuthFailed, "the user is missing"),
    "I0012": (VendorAuthFailed, "wrong account or password"),
    "10400": (VendorAuthFailed, "not authenticated"),
    "10401": (VendorAuthFailed, "not authorized"),
    "10403": (VendorAuthFailed, "forbidden"),
    "B0001": (VendorUnsupported, "the device is bound to another user"),
    "I0003": (VendorUnsupported, "the serial is missing"),
    "I0000": (VendorUnsupported, "necessary parameters are missing"),
    "B0049": (VendorUnsupported, "there is no such device, or no permission for it"),
    "10404": (VendorUnsupported, "not found"),
    # Seen as "1" with a Chinese text: data abnormal, contact the administrator.
    "1": (VendorUnsupported, "the account's data is broken at Solis, whose support has to repair it"),
    "B0115": (VendorUnavailable, "the data logger is offline"),
    "10001": (VendorUnavailable, "failed"),
    "10500": (VendorUnavailable, "server error"),
}


def check_status(status: int, headers: Mapping[str, str], said: str, now: datetime) -> None:
    """Raise the VendorError of an HTTP status with what was `said`; 5xx (502 and 504 are frequent) never comes here."""
    if status == HTTPStatus.OK:
        return
    if status == HTTPStatus.REQUEST_TIMEOUT or (status == HTTPStatus.FORBIDDEN and "times out" in said):
        # 408 is no time-out here, and 403 "authorization times out" comes for a stale Date as well.
        msg = f"{_CLOCK} ({now:%Y-%m-%d %H:%M} UTC here); set the clock by NTP. {said}"
        raise VendorUnavailable(msg)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise VendorAuthFailed(said)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise VendorThrottled(said, retry_after=_retry_after(headers), scope=Scope.ACCOUNT)
    if status == HTTPStatus.NOT_FOUND:
        raise VendorUnsupported(said)
    raise VendorReplyInvalid(said)


def check_code(name: str, reply: Any, now: datetime) -> None:
    """Raise the VendorError of a reply's code. Only "0" means success; `success` is missing in some lists."""
    if not isinstance(reply, dict) or "code" not in reply:
        msg = f"{name}: a reply without a code: {redact(repr(reply))[:100]}"
        raise VendorReplyInvalid(msg)
    code, text = str(reply["code"]), redact(str(reply.get("msg")))[:200]
    if code == "0":
        return
    if code == "R0000" and "too many" in text.lower():
        msg = f"{name}: {text}"
        raise VendorThrottled(msg, retry_after=_wait(text, now), scope=Scope.ACCOUNT)
    kind, meaning = _CODES.get(code, (VendorReplyInvalid, "an unknown code"))
    msg = f"{name}: {meaning} (code {code}: {text})"
    raise kind(msg)


def _wait(text: str, now: datetime) -> float:
    """Seconds to wait after "No authority too many request 200 times in 1DAYS"; days seem to end at 00:00 UTC."""
    period = re.search(r"in (\d+) ?(SECOND|MINUTE|HOUR)", text, re.IGNORECASE)
    if period:
        return float(int(period[1]) * _PERIODS[period[2].upper()])
    now = now.astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else 60.0
