"""Ports of 127.0.0.1 for processes that tests start, and that have to be told theirs."""

from __future__ import annotations

import itertools
import os
import socket

# Other ones for each worker of the tests, and below those that the kernel gives to whoever asks for any (Linux: from
# 32768 up): between the look and the start, a port of those may go to another test.
_FIRST = 10_000 + os.getpid() % 1_000 * 20
_PORTS = itertools.cycle(range(_FIRST, _FIRST + 20))


def free_port() -> int:
    """Return a port that nobody listens on, nor will before it has been given out 20 times."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return bool(probe.connect_ex(("127.0.0.1", port)))
