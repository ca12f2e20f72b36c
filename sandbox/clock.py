"""The sandbox's clock. It can start elsewhere in time and run faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Shows `start` at first and runs `speed` times as fast as the wall clock."""

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        self.set(start or datetime.now(UTC), speed)

    def set(self, start: datetime, speed: float) -> None:
        self._start, self._speed, self._since = start, speed, time.monotonic()

    def now(self) -> datetime:
        """Return the sandbox's time, aware UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._since) * self._speed)
