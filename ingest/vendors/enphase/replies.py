"""What Enphase's host answers when asked for data, and which of our errors it is if not 200."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorReplyInvalid, VendorThrottled, VendorUnsupported
from ingest.vendors.http import excerpt, members, redact

_NO_ACCESS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# Some 429 do not say which quota is used up. We keep to that of the minute ourselves, so it may be the month's.
_UNSAID_S = 15 * 60
_LONGEST_S = 31 * 86_400


@dataclass(frozen=True, repr=False)
class Reply:
    """Status and content of one reply."""

    status: int
    content: bytes

    @property
    def is_no_access(self) -> bool:
        return self.status in _NO_ACCESS

    @property
    def is_before_all_data(self) -> bool:
        """Whether the window lies where the system has nothing: before its first report, or after midnight at some.

        {"message": "Unprocessable Entity", "details": "Invalid request because of 'Requested date range is invalid for
        this system. {:start_at=>1566930600, …}'", "code": 422}; later silences are empty lists.
        """
        return self.status == HTTPStatus.UNPROCESSABLE_ENTITY and "date range is invalid" in self.said

    @property
    def said(self) -> str:
        """Return status and reason in one line, whichever of the vendor's forms it has.

        {"message": "Forbidden", "details": "Not authorized …", "code": 403 or "403"}, {"reason": "405", "message":
        ["Method not allowed"]}, {"errorCode": 7, "errorMessages": ["Data is temporarily unavailable"]}
        """
        texts = (_text(self.fields.get(name)) for name in ("details", "message", "errorMessages"))
        return f"HTTP {self.status} {next(filter(None, texts), '') or excerpt(self.content)}".strip()

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return what a reply says, nothing where it is no object of JSON."""
        return members(self.content)

    def body(self, path: str, now: datetime) -> Any:
        """Return the parsed body of a good reply to a question for `path`. Raises VendorError for any other."""
        if self.status != HTTPStatus.OK:
            text = f"GET {path}: {self.said}"
            raise self._error(text, now)
        try:
            return json.loads(self.content)
        except ValueError as error:
            msg = f"GET {path}: HTTP 200, not JSON: {excerpt(self.content)}"
            raise VendorReplyInvalid(msg) from error

    def _error(self, text: str, now: datetime) -> VendorError:
        match self.status:
            case HTTPStatus.UNAUTHORIZED if "mismatch" in text:  # "API Key -Client mismatch"
                return VendorUnsupported(f"{text}. Take API key and client ID from one and the same application.")
            case HTTPStatus.UNAUTHORIZED:
                return VendorAuthFailed(text)
            case HTTPStatus.TOO_MANY_REQUESTS:
                return VendorThrottled(text, retry_after=self._retry_after(now))
            case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                # 403 and 404 are about one system, which the owner may have sold: the consent stays good for others.
                return VendorUnsupported(text)
            case _:
                return VendorReplyInvalid(text)

    def _retry_after(self, now: datetime) -> float:
        """Return the seconds to the end of the quota's minute or month: "period_end": 1623825720."""
        end = self.fields.get("period_end")
        wait = end - int(now.timestamp()) if isinstance(end, int) else _UNSAID_S
        return float(min(max(1, wait), _LONGEST_S))


def _text(value: Any) -> str:
    several = value if isinstance(value, list) else [value]
    return redact(" ".join(one for one in several if isinstance(one, str)))[:300]
