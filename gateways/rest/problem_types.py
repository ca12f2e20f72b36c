"""Every type of problem that the API tells: `type` is /api/problems# and the slug. What is not here is not told."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Fault(enum.StrEnum):
    """Who has to act."""

    CALLER = "caller"
    OWNER = "owner"
    VENDOR = "vendor"
    US = "us"
    NETWORK = "network"


@dataclass(frozen=True)
class ProblemType:
    """A type of problem; `what` says what to do about it."""

    slug: str
    status: int
    title: str
    what: str
    fault: Fault = Fault.CALLER


_OWNER, _VENDOR, _US, _NETWORK = Fault.OWNER, Fault.VENDOR, Fault.US, Fault.NETWORK

TYPES = (
    ProblemType("invalid-request", 400, "The request is not valid", "Correct what `errors` names, and send it again."),
    ProblemType("window-too-long", 400, "The request is not valid", "Ask for one window after the other."),
    ProblemType(
        "vendor-authorization-missing", 400, "The request is not valid",
        "Send this vendor's own header as well, or none of any vendor.",
    ),
    ProblemType(
        "vendor-authorization-invalid", 400, "The vendor's header is not as it should be",
        "Send the header in the form that `detail` names.",
    ),
    ProblemType("unauthorized", 401, "Unauthorized", "Ask for another token: see “Get a token”."),
    ProblemType(
        "insufficient-scope", 403, "The token may not do this",
        "Ask for a token with the scope that `detail` names; your partner's owners say which a client may have.",
    ),
    ProblemType("forbidden", 403, "Forbidden", "This is not for a client of this kind; `detail` says for which."),
    ProblemType(
        "vendor-auth-failed", 403, "The vendor refuses the credential", "Have the account connected again.", _OWNER
    ),
    ProblemType(
        "vendor-authorization-refused", 403, "The vendor refuses its header", "Send a key or token that is valid there."
    ),
    ProblemType(
        "vendor-consent-denied", 403, "The owner did not consent", "Ask the owner, who has to agree at the vendor.",
        _OWNER,
    ),
    ProblemType(
        "not-found", 404, "Not found", "Look the id up in the list; what belongs to others is not found either."
    ),
    ProblemType("method-not-allowed", 405, "Method not allowed", "`Allow` names the methods that this address has."),
    ProblemType("not-acceptable", 406, "Not acceptable", "Ask for JSON, or for a type that the operation names."),
    ProblemType("conflict", 409, "This cannot be done now", "`detail` says what has to come first."),
    ProblemType(
        "idempotency-key-reused", 409, "This cannot be done now", "Take a new Idempotency-Key for another request."
    ),
    ProblemType(
        "idempotency-key-in-use", 409, "This cannot be done now",
        "The request with this key is under way, or was cut off: look whether it was done.",
    ),
    ProblemType("serial-ambiguous", 409, "This cannot be done now", "Name the gateway as well (`gateway=`)."),
    ProblemType(
        "gateway-without-key", 409, "This cannot be done now",
        "The gateway has no active key: rotate, register, activate; or ask for what is not signed.",
    ),
    ProblemType(
        "inception-refused", 409, "This cannot be done now", "Rehearse the inception; SEN may know another wallet."
    ),
    ProblemType("sen-unauthorized", 409, "SEN does not know the key", "Register the gateway's key with SEN.", _US),
    ProblemType("too-large", 413, "Too large", "Send less at once."),
    ProblemType("unsupported-media-type", 415, "Unsupported media type", "Send application/json."),
    ProblemType("refused", 422, "This cannot be done", "It was understood; `errors` says which rule it breaks."),
    ProblemType(
        "vendor-unsupported", 422, "The vendor does not give this", "Ask for something else; see `vendors`.", _US
    ),
    ProblemType("sen-refused", 422, "SEN refuses this", "`detail` says why; the same will be refused again.", _US),
    ProblemType("rate-limited", 429, "Too many requests", "Wait as long as `Retry-After` says."),
    ProblemType(
        "internal", 500, "A fault of ours", "Try again later; if it stays, tell us the `request_id`.", _US
    ),
    ProblemType("vault", 500, "A fault of ours", "A key could not be opened: we have been told.", _US),
    ProblemType(
        "vendor-without-adapter", 501, "This vendor is not supported yet", "Leave its header out.", _US
    ),
    ProblemType("vendor-unavailable", 502, "The vendor does not answer", "Try again later.", _NETWORK),
    ProblemType(
        "vendor-reply-invalid", 502, "The vendor's answer makes no sense", "Try again later; we look at it.", _VENDOR
    ),
    ProblemType("vendor-failed", 502, "The vendor did not do it", "`detail` says what to do.", _VENDOR),
    ProblemType("mail-not-sent", 502, "The mail did not leave", "Try again later.", _US),
    ProblemType("sen-unavailable", 502, "SEN does not answer", "Try again later.", _NETWORK),
    ProblemType("sen-failed", 502, "SEN did not do it", "`detail` says what to do.", _US),
    ProblemType("live-busy", 503, "Too many callers wait", "Wait as long as `Retry-After` says.", _US),
    ProblemType(
        "vendor-throttled", 503, "The vendor wants us to wait", "Wait as long as `Retry-After` says.", _VENDOR
    ),
    ProblemType("sen-throttled", 503, "SEN wants us to wait", "Wait as long as `Retry-After` says.", _NETWORK),
    ProblemType(
        "vendor-too-slow", 504, "The vendor did not answer in time", "Ask for less, or try again later.", _VENDOR
    ),
)  # fmt: skip
"""in the order of their status"""

KNOWN = {one.slug: one for one in TYPES}


def of_status(status: int) -> list[ProblemType]:
    """Return the types that answers of a status can be of."""
    return [one for one in TYPES if one.status == status]
