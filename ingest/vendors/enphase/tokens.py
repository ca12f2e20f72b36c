"""Replies of Enphase's token endpoint. None is ever quoted: good ones hold tokens, bad ones repeat what was sent."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from ingest.vendors.base import Tokens
from ingest.vendors.enphase.replies import Reply
from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorReplyInvalid, VendorThrottled, VendorUnsupported

_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
_ABOUT_APP = ("invalid_client", "unauthorized", "unauthorized_client")
_ABOUT_CONSENT = ("invalid_grant", "invalid_token")
_LONGEST_S = 366 * 86_400
_MINUTE_S = 60.0


def of(reply: Reply) -> Tokens:
    """Return the tokens of a reply, {"access_token": "…", "refresh_token": "…", "expires_in": 86393, "enl_uid": "217"}.

    Raises VendorAuthFailed if only a new consent helps, VendorUnsupported if the vendor does not take the application
    (its owners can do nothing about that), VendorError.
    """
    if reply.status != HTTPStatus.OK:
        raise _error(reply)
    body = reply.fields
    access, refresh, lifetime = (body.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        msg = "The reply of the token endpoint has no tokens."
        raise VendorReplyInvalid(msg)
    return Tokens(access, refresh, _lifetime(lifetime), account=str(body.get("enl_uid") or ""))


def check_application(reply: Reply) -> None:
    """Look whether a refresh was refused for its token, which shows that the app is known.

    Raises VendorAuthFailed if it is not, VendorError.
    """
    word = _word(reply)
    if reply.status in _REFUSED and word in _ABOUT_CONSENT:
        return
    if reply.status in _REFUSED and word in _ABOUT_APP:
        msg = "Enphase does not know this client ID with this client secret."
        raise VendorAuthFailed(msg)
    raise _error(reply)


def _error(reply: Reply) -> VendorError:
    word = _word(reply)
    text = f"POST /oauth/token: HTTP {reply.status} {word}".strip()
    if reply.status in _REFUSED and word in _ABOUT_APP:
        return VendorUnsupported(f"{text}. Enphase does not take the application: check client ID and secret.")
    if reply.status in _REFUSED and word:
        return VendorAuthFailed(text)  # which words there are is not documented; a page of a proxy has none
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return VendorThrottled(text, retry_after=_MINUTE_S)
    return VendorReplyInvalid(text)


def _word(reply: Reply) -> str:
    """Return the error's name, in Spring's way {"error": "invalid_grant", "error_description": "Invalid …: 2TJk7M"}."""
    word = reply.fields.get("error")
    # What is not a name is not passed on: it could be anything.
    return word if isinstance(word, str) and word.isidentifier() and len(word) < 40 else ""


def _lifetime(seconds: Any) -> timedelta:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_S:
        msg = "The reply of the token endpoint does not say how long its access token lives."
        raise VendorReplyInvalid(msg)
    return timedelta(seconds=seconds)
