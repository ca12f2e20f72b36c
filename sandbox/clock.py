"""The sandbox's clock. It can start elsewhere in time and run faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Shows `start` at first, else the real time, and runs `speed` times as fast as the wall clock."""

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        self.set(start or datetime.now(UTC), speed)

    def set(self, start: datetime, speed: float) -> None:
        # One assignment, so that a thread never sees half of it. The wall clock and not the monotonic one, which stands
        # still while a laptop sleeps: afterwards every correct timestamp would lie in the future.
        self._origin = start.astimezone(UTC), speed, time.time()

    @property
    def speed(self) -> float:
        return self._origin[1]

    def now(self) -> datetime:
        """Return the sandbox's time, aware UTC."""
        start, speed, since = self._origin
        return start + timedelta(seconds=(time.time() - since) * speed)
