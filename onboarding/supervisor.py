"""Runs several processes as one: their output in one place, and all of them end when one of them does."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

GRACE_S = 30
_TICK_S = 0.2
_COLORS = 36, 32, 33, 35, 34, 31
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildFailed(Exception):
    """A process ended that should have gone on, or did not come up in time."""


class Child:
    """A process in a group of its own, out of reach of the terminal's Ctrl-C: we end it in its turn."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.name = name
        self.process = subprocess.Popen(  # noqa: S603  the commands are ours
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
            process_group=0, preexec_fn=_die_with_parent,  # noqa: PLW1509  there are no threads here
        )  # fmt: skip
        self.silent = False
        self._line = b""

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self) -> list[bytes]:
        """Return the lines that are complete by now; at the end of its output also what is left of one."""
        chunk = os.read(self.fileno(), 65536)
        *lines, self._line = (self._line + chunk).split(b"\n")
        if not chunk:
            self.silent = True
            lines += [self._line] if self._line else []
        return lines

    def kill(self) -> None:
        """Kill what is left of the process and of those it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self._pipe.close()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self.process.stdout is not None  # noqa: S101  it is a pipe, which the type does not tell
        return self.process.stdout


class Supervisor:
    """Starts children, passes on what they say line by line, and ends them in the reverse order.

    One thread does it all: a fork beside other threads could inherit a lock that nobody releases.
    """

    def __init__(self, out: IO[bytes], *, colored: bool) -> None:
        self._out = out
        self._colored = colored
        self._children: list[Child] = []

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Child:
        child = Child(name, command, env)
        self._children.append(child)
        return child

    def wait_for(self, name: str, ready: Callable[[], bool], *, seconds: float = 30) -> None:
        """Wait until `ready()`; raise ChildFailed if a child ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            self._look_after()
            if time.monotonic() > deadline:
                msg = f"{name} did not come up within {seconds:.0f} s."
                raise ChildFailed(msg)

    def finish(self, child: Child) -> None:
        """Wait for a child that is meant to end; raise ChildFailed if it ends badly."""
        while child.process.poll() is None:
            self._pass_on(self._children)
        self._bury(child)
        if child.process.returncode:
            msg = f"{child.name} {_how(child.process.returncode)}."
            raise ChildFailed(msg)

    def watch(self) -> None:
        """Pass on what the children say until one of them ends, which raises ChildFailed."""
        while True:
            self._look_after()

    def stop(self) -> None:
        """End all children, the last one started first. An interrupt meanwhile means: at once."""
        grace: float = GRACE_S
        for child in reversed(self._children):
            try:
                self._end(child, grace)
            except KeyboardInterrupt:
                grace = 0
        for child in self._children.copy():
            self._bury(child)

    def _end(self, child: Child, grace: float) -> None:
        child.process.terminate()
        deadline = time.monotonic() + grace
        while child.process.poll() is None and time.monotonic() < deadline:
            self._pass_on(self._children)

    def _bury(self, child: Child) -> None:
        child.kill()
        while not child.silent:
            self._pass_on([child])
        child.close()
        self._children.remove(child)

    def _look_after(self) -> None:
        self._pass_on(self._children)
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                msg = f"{child.name} {_how(status)} though nobody asked it to."
                raise ChildFailed(msg)

    def _pass_on(self, children: Sequence[Child]) -> None:
        heard, _, _ = select.select([child for child in children if not child.silent], [], [], _TICK_S)
        for child in heard:
            for line in child.read():
                self._out.write(self._prefix(child) + line + b"\n")
        self._out.flush()

    def _prefix(self, child: Child) -> bytes:
        text = f"{child.name:<8}| "
        color = _COLORS[sum(child.name.encode()) % len(_COLORS)]
        return (f"\x1b[{color}m{text}\x1b[0m" if self._colored else text).encode()


def _die_with_parent() -> None:
    """Let the kernel end this process when its parent dies without having had a chance to (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _how(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
