"""What vendors and SEN refuse, for programs: which of them it was, whose fault it is, and what to do next.

A vendor's limit (`vendor-throttled`) has another type than ours (`rate-limited`): waiting helps either way, asking us
for more only one of them.
"""

from __future__ import annotations

import math

from gateways.rest.problems import Problem, problem_of
from ingest.connections import AlreadyConnected
from ingest.duplicates import LinkedElsewhere
from ingest.sen.errors import SenError, SenRefused, SenThrottled, SenUnauthorized, SenUnavailable
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorConsentDenied,
    VendorError,
    VendorReplyInvalid,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)

_SEN_WAIT_S = 60  # our own guess: a single call does not keep what SEN asked for

_SLUGS: tuple[tuple[type[Exception], str], ...] = (
    (VendorUnavailable, "vendor-unavailable"),
    (VendorThrottled, "vendor-throttled"),
    (VendorAuthFailed, "vendor-auth-failed"),
    (VendorConsentDenied, "vendor-consent-denied"),
    (VendorReplyInvalid, "vendor-reply-invalid"),
    (VendorUnsupported, "vendor-unsupported"),
    (VendorError, "vendor-failed"),
    (SenUnavailable, "sen-unavailable"),
    (SenThrottled, "sen-throttled"),
    (SenUnauthorized, "sen-unauthorized"),
    (SenRefused, "sen-refused"),
    (SenError, "sen-failed"),
)
"""the first class that fits"""


@problem_of.register(VendorError)
@problem_of.register(SenError)
def _(error: VendorError | SenError) -> Problem:
    slug = next(slug for cls, slug in _SLUGS if isinstance(error, cls))
    detail = f"{str(error).rstrip('.')}. {error.next_step}" if str(error) else error.next_step
    return Problem(slug, detail, headers=_headers(error))


@problem_of.register
def _(error: AlreadyConnected) -> Problem:
    """Name the account by its id: its label may be a homeowner's mail address."""
    return Problem("refused", f"This account is connected already: reconnect {error.connection.uid} instead.")


@problem_of.register
def _(error: LinkedElsewhere) -> Problem:
    there = "; ".join(f"{der.sn} through {der.system.gateway}" for der in error.ders)
    return Problem("refused", f"This home sends already: {there}. Keep that gateway, or release it first.")


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, VendorThrottled):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    return {"Retry-After": str(_SEN_WAIT_S)} if isinstance(error, SenThrottled) else {}
