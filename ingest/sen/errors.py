"""What SEN's answer means for a message.

Its error codes and bodies are undocumented; the classes are ours (sen.md 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class Answer:
    """One reply of SEN, or none: then `status` is None and `error` says what the network did."""

    status: int | None
    body: bytes = b""
    retry_after_s: float | None = None
    duration_s: float = 0.0
    error: str = ""

    def __str__(self) -> str:
        if self.status is None:
            return f"no answer: {self.error}"
        text = self.body[:500].decode("utf-8", "replace").replace("\x00", "").strip()
        return f"HTTP {self.status} {text}".strip()


class SenError(Exception):
    """SEN did not take what we sent."""

    outcome: ClassVar[str]
    retry: ClassVar[bool]
    fault: ClassVar[str]
    next_step: ClassVar[str]


class SenUnavailable(SenError):
    """No answer, 5xx, 408, 425, or a status that is neither success nor refusal: the gateway's queue waits."""

    outcome, retry, fault = "unavailable", True, "network"
    next_step = "Nothing: it is tried again by itself, later and later, up to every four minutes."


class SenThrottled(SenError):
    """429: the gateway's queue waits as long as SEN asked for."""

    outcome, retry, fault = "throttled", True, "network"
    next_step = "Nothing: it is tried again when SEN allows."


class SenUnauthorized(SenError):
    """401 or 403: SEN does not know the gateway or its key, or the key is banned. The gateway's queue is held."""

    outcome, retry, fault = "unauthorized", False, "us"
    next_step = "Register the gateway's key with SEN (or rotate it, if it was banned), then release the queue."


class SenRefused(SenError):
    """Any other 4xx: this payload will never be taken. The message is held, the next one goes."""

    outcome, retry, fault = "refused", False, "us"
    next_step = "Read SEN's answer, correct the cause, then retry the message."


DELIVERED = "delivered"


def problem_with(answer: Answer) -> type[SenError] | None:
    """Return the class of what went wrong; None means delivered, which is HTTP 200 and nothing else."""
    match answer.status:
        case 200:
            return None
        case 429:
            return SenThrottled
        case 401 | 403:
            return SenUnauthorized
        case 408 | 425:
            return SenUnavailable
        case int(status) if 400 <= status < 500:
            return SenRefused
    return SenUnavailable
