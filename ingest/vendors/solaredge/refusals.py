"""What SolarEdge's gateway says instead of 200, and which of our errors that is."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorReplyInvalid, VendorThrottled, VendorUnsupported
from ingest.vendors.http import members, redact

_MINUTE_S = 60.0
_PROBE_S = 6 * 3600.0  # the month's balance is in no header: look again four times a day
_ABOUT_CONSENT = ("grant", "scope", "token")
_OF_DEVICES = ("/devices", "/telemetry")


class DevicesRefused(VendorUnsupported):
    """A consent does not open the site's devices: DEVICE_DATA was not granted, or is not any more."""


def reason(content: bytes) -> str:
    """Return what an error body says, in problem+json, OAuth's or Kong's way; "" if it says nothing readable."""
    body = members(content)
    texts = (body.get(field) for field in ("detail", "error_description", "message", "title"))
    return next((redact(text)[:200] for text in texts if isinstance(text, str) and text), "")


def error_by_consent(path: str, status: int, headers: Mapping[str, str], said: str) -> VendorError:
    """As `error`, for calls with the consent of a site's owner.

    There 403 is about that consent: for devices its optional right is missing, for the site itself it is over.
    """
    if status != HTTPStatus.FORBIDDEN:
        return error(path, status, headers, said)
    return DevicesRefused(said) if path.endswith(_OF_DEVICES) else VendorAuthFailed(said)


def error(path: str, status: int, headers: Mapping[str, str], said: str) -> VendorError:
    """Return the error a reply other than 200 stands for; `path` is the vendor's, without /v2."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return VendorAuthFailed(said)
        case HTTPStatus.FORBIDDEN if path == "/sites" or any(word in said.lower() for word in _ABOUT_CONSENT):
            return VendorAuthFailed(said)
        case HTTPStatus.FORBIDDEN | HTTPStatus.BAD_REQUEST | HTTPStatus.NOT_FOUND:
            # One site that left the fleet, or a feature of a dearer plan: the key stays good for the others.
            return VendorUnsupported(said)
        case HTTPStatus.GONE:
            return VendorUnsupported(f"{said}. API V1 is switched off: use the key of a Fleet Access app for V2.")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return throttled(headers, said)
        case _:
            return VendorReplyInvalid(said)


def throttled(headers: Mapping[str, str], said: str) -> VendorThrottled:
    """Tell the two kinds of 429 apart: with calls left in the minute and no Retry-After, the month is used up."""
    wait, left = headers.get("retry-after", ""), headers.get("x-ratelimit-remaining-minute", "")
    if wait.isdecimal():
        return VendorThrottled(said, retry_after=float(wait))
    month_is_over = left.isdecimal() and int(left) > 0
    return VendorThrottled(said, retry_after=_PROBE_S if month_is_over else _MINUTE_S)
