"""A task that a test loses with its worker; the worker is told to include this module."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import shared_task


@shared_task
def stay(*, diary: str, **_: Any) -> None:
    """Write down who has started and stay for as long as a slice may last; the second one ends at once."""
    lines = Path(diary).read_text().splitlines() if Path(diary).exists() else []
    with Path(diary).open("a") as file:
        file.write(f"{os.getpid()}\n")
    if not lines:
        time.sleep(40)
