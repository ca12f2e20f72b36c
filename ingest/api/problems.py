"""What vendors and SEN refuse, for programs: which of them it was, whose fault it is, and what to do next.

A vendor's limit (`vendor-throttled`) has another type than ours (`rate-limited`): waiting helps either way, asking us
for more only one of them.
"""

from __future__ import annotations

import math

from gateways.rest.problems import Fault, Problem, problem_of
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

# (type, status, title), the first class that fits.
_KINDS: tuple[tuple[type[Exception], tuple[str, int, str]], ...] = (
    (VendorUnavailable, ("vendor-unavailable", 502, "The vendor does not answer")),
    (VendorThrottled, ("vendor-throttled", 503, "The vendor wants us to wait")),
    (VendorAuthFailed, ("vendor-auth-failed", 403, "The vendor refuses the credential")),
    (VendorConsentDenied, ("vendor-consent-denied", 403, "The owner did not consent")),
    (VendorReplyInvalid, ("vendor-reply-invalid", 502, "The vendor's answer makes no sense")),
    (VendorUnsupported, ("vendor-unsupported", 422, "The vendor does not give this")),
    (VendorError, ("vendor-failed", 502, "The vendor did not do it")),
    (SenUnavailable, ("sen-unavailable", 502, "SEN does not answer")),
    (SenThrottled, ("sen-throttled", 503, "SEN wants us to wait")),
    (SenUnauthorized, ("sen-unauthorized", 409, "SEN does not know the key")),
    (SenRefused, ("sen-refused", 422, "SEN refuses this")),
    (SenError, ("sen-failed", 502, "SEN did not do it")),
)


@problem_of.register(VendorError)
@problem_of.register(SenError)
def _(error: VendorError | SenError) -> Problem:
    slug, status, title = next(kind for cls, kind in _KINDS if isinstance(error, cls))
    detail = f"{str(error).rstrip('.')}. {error.next_step}" if str(error) else error.next_step
    return Problem(slug, detail, status=status, title=title, fault=Fault(error.fault), headers=_headers(error))


@problem_of.register
def _(error: AlreadyConnected) -> Problem:
    """Name the account by its id: its label may be a homeowner's mail address."""
    return _refused(f"This account is connected already: reconnect {error.connection.uid} instead.")


@problem_of.register
def _(error: LinkedElsewhere) -> Problem:
    there = "; ".join(f"{der.sn} through {der.system.gateway}" for der in error.ders)
    return _refused(f"This home sends already: {there}. Keep that gateway, or release it first.")


def _refused(detail: str) -> Problem:
    return Problem("refused", detail, status=422, title="This cannot be done")


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, VendorThrottled):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    return {"Retry-After": str(_SEN_WAIT_S)} if isinstance(error, SenThrottled) else {}
