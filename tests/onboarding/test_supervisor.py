from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
import time

import pytest

from onboarding.supervisor import ChildFailed, Supervisor

ENV = {**os.environ, "PYTHONUNBUFFERED": "1"}
SLEEPS = "import time; print('up'); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
SAYS_WHEN_IT_ENDS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit("{0} ends"))
print("up")
signal.pause()
"""
# A lock on a file goes away with its process, however that ends.
LOCKS = "import fcntl, time; f = open({0!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('up'); time.sleep(60)"
SUPERVISES = """
import os, sys
from onboarding.supervisor import Supervisor
supervisor = Supervisor(sys.stdout.buffer, colored=False)
supervisor.start("web", [sys.executable, "-c", {0!r}], os.environ)
supervisor.watch()
"""


class Screen(io.BytesIO):
    """What people see; it stays readable after the supervisor is done."""

    @property
    def lines(self):
        return self.getvalue().decode().splitlines()


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def supervisor(screen):
    running = Supervisor(screen, colored=False)
    yield running
    running.stop()


def start(supervisor, name, code):
    return supervisor.start(name, [sys.executable, "-c", code], ENV)


def wait_for_up(supervisor, screen, count=1):
    supervisor.wait_for("it", lambda: sum(line.endswith("| up") for line in screen.lines) == count)


def test_every_line_carries_the_name_of_its_process(supervisor, screen):
    supervisor.finish(start(supervisor, "web", "print('one'); print('two'); print('and half a line', end='')"))
    assert screen.lines == ["web     | one", "web     | two", "web     | and half a line"]


def test_names_are_colored_on_a_terminal(screen):
    supervisor = Supervisor(screen, colored=True)
    supervisor.finish(start(supervisor, "web", "print('one')"))
    assert screen.lines[0].startswith("\x1b[")


def test_processes_end_in_the_reverse_order(supervisor, screen):
    for name in ("first", "second", "third"):
        start(supervisor, name, SAYS_WHEN_IT_ENDS.format(name))
    wait_for_up(supervisor, screen, 3)
    supervisor.stop()
    assert [line.split("| ")[1] for line in screen.lines[3:]] == ["third ends", "second ends", "first ends"]


def test_a_process_that_ends_by_itself_is_named_with_its_status(supervisor):
    start(supervisor, "worker", "raise SystemExit(7)")
    with pytest.raises(ChildFailed, match="worker ended with status 7 though nobody asked it to."):
        supervisor.watch()


def test_a_process_that_is_killed_is_named_with_the_signal(supervisor):
    start(supervisor, "worker", SLEEPS).process.kill()
    with pytest.raises(ChildFailed, match="worker was ended by SIGKILL"):
        supervisor.watch()


def test_a_step_that_fails_stops_the_start(supervisor):
    with pytest.raises(ChildFailed, match="seed ended with status 1"):
        supervisor.finish(start(supervisor, "seed", "raise SystemExit(1)"))


def test_what_does_not_come_up_in_time_stops_the_start(supervisor):
    start(supervisor, "web", SLEEPS)
    with pytest.raises(ChildFailed, match="web did not come up within 0 s"):
        supervisor.wait_for("web", lambda: False, seconds=0.3)


def test_a_process_that_does_not_want_to_end_is_killed_after_the_grace(supervisor, screen, monkeypatch):
    monkeypatch.setattr("onboarding.supervisor.GRACE_S", 0.3)
    stubborn = start(supervisor, "stubborn", STUBBORN)
    wait_for_up(supervisor, screen)
    supervisor.stop()
    assert stubborn.process.returncode == -signal.SIGKILL


def test_a_second_interrupt_ends_everything_at_once(supervisor, screen, monkeypatch):
    stubborn = start(supervisor, "stubborn", STUBBORN)
    wait_for_up(supervisor, screen)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    began = time.monotonic()
    supervisor.stop()
    assert stubborn.process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 20


def test_what_a_process_started_ends_with_it(supervisor, screen):
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"
    parent = start(supervisor, "parent", code)
    wait_for_up(supervisor, screen)
    supervisor.stop()
    assert parent.silent, "the pipe is still open, so somebody holds it"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_processes_end_with_a_supervisor_that_is_killed(tmp_path):
    lock = tmp_path / "lock"
    code = SUPERVISES.format(LOCKS.format(str(lock)))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=ENV) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"web     | up\n"
        parent.kill()
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits as long as the child lives; the time limit of tests would end it
