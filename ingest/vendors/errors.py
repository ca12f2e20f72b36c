"""What can go wrong with a vendor's cloud, and what to do about it.

Each class says whether a retry makes sense, whose fault it is and what an operator does next.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class Fault(enum.StrEnum):
    """Who has to act."""

    OWNER = "owner"
    VENDOR = "vendor"
    US = "us"
    NETWORK = "network"


class Scope(enum.StrEnum):
    """What has to wait after a vendor said "too many"."""

    SYSTEM = "system"
    ACCOUNT = "account"
    APPLICATION = "application"


class VendorError(Exception):
    """Anything a vendor's cloud did not do for us. `str()` never holds a secret."""

    retry: ClassVar[bool] = True
    fault: ClassVar[Fault] = Fault.VENDOR
    next_step: ClassVar[str] = "Nothing: it is tried again by itself."


class VendorUnavailable(VendorError):
    """Time-out, connection error or 5xx."""

    fault = Fault.NETWORK


class VendorThrottled(VendorError):
    """The vendor asks us to wait `retry_after` seconds."""

    next_step = (
        "Nothing: it goes on when the vendor's quota allows. If it happens daily, ask the vendor for a larger plan."
    )

    def __init__(self, message: str, *, retry_after: float, scope: Scope = Scope.APPLICATION) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.scope = scope


class VendorAuthFailed(VendorError):
    """The credential is wrong, expired or revoked."""

    retry = False
    fault = Fault.OWNER
    next_step = "Reconnect the account with a working key or a new consent."


class VendorConsentDenied(VendorError):
    """The owner did not agree on the vendor's page, or left it."""

    retry = False
    fault = Fault.OWNER
    next_step = "Start again and agree on the vendor's page."


class VendorReplyInvalid(VendorError):
    """The reply cannot be read or is not what the contract says."""

    fault = Fault.VENDOR
    next_step = "Compare the excerpt with the vendor's documentation; the adapter may need a change."


class VendorUnsupported(VendorError):
    """We asked for something this vendor, plan or device does not give."""

    retry = False
    fault = Fault.US
    next_step = "Change the configuration, or ask the vendor to open the feature for this plan."
