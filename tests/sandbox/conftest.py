from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import Client, TestResponse

from sandbox.clock import Clock
from sandbox.sen import Sen
from sandbox.server import Server, World
from sandbox.state import State
from tests.ports import free_port
from tests.sandbox.partner import GATEWAY, NOW_MS, Signer

ROOT = Path(__file__).resolve().parents[2]


class SenClient:
    """Calls SEN's stand-in inside this process, at a moment that stands still."""

    def __init__(self, *, lenient: bool = False) -> None:
        self.state = State()
        self.clock = Clock(datetime.fromtimestamp(NOW_MS / 1000, UTC), speed=0)
        world = World(self.clock, self.state, {"lenient": lenient})
        self.http = Client(Server(world, {"sen": Sen(world)}))

    def post(self, jwt: str | bytes) -> TestResponse:
        return self.http.post("/sen/gw/data/", data=jwt, content_type="text/plain")

    def admin(self, path: str, **body: Any) -> TestResponse:
        return self.http.post(f"/sen/__admin/{path}", json=body)

    def get(self, path: str) -> Any:
        return self.http.get(f"/sen/__admin/{path}").get_json()

    def points(self) -> list[dict[str, Any]]:
        points: list[dict[str, Any]] = self.get("points")["points"]
        return points

    def ask(self, query: str) -> Any:
        response = self.http.post("/sen/", json={"query": query})
        assert response.status_code == 200
        return response.get_json()


@pytest.fixture
def state() -> Iterator[State]:
    memory = State()
    yield memory
    memory.close()


@pytest.fixture
def signer() -> Signer:
    return Signer()


def _registered(signer: Signer, *, lenient: bool) -> Iterator[SenClient]:
    client = SenClient(lenient=lenient)
    assert client.admin("types", prefix="acme").status_code == 201
    assert client.admin("gateways", id=GATEWAY, public_key=signer.public).status_code == 201
    yield client
    client.state.close()


@pytest.fixture
def sen(signer: Signer) -> Iterator[SenClient]:
    """SEN, strict, that knows the gateway of `signer`."""
    yield from _registered(signer, lenient=False)


@pytest.fixture
def lenient_sen(signer: Signer) -> Iterator[SenClient]:
    yield from _registered(signer, lenient=True)


class Process:
    """`python -m sandbox` as people start it."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "sandbox", "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.http = requests.Session()
        self.http.trust_env = False
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (
                f"the sandbox ended: {self.process.stderr and self.process.stderr.read()}"
            )
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail("the sandbox did not begin to listen within a minute")

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(self.url + path, **{"timeout": 60, **options})

    def get(self, path: str) -> Any:
        response = self.http.get(self.url + path, timeout=60)
        response.raise_for_status()
        return response.json()

    def stop(self) -> str:
        """End the process and return what it wrote to stderr."""
        self.http.close()
        self.process.terminate()
        _, errors = self.process.communicate(timeout=60)
        return errors


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., Process]]:
    """Start sandbox processes with options of the command line; they end with the test."""
    started: list[Process] = []

    def start(*options: str) -> Process:
        started.append(Process(*options))
        return started[-1]

    yield start
    for process in started:
        if process.process.returncode is None:
            process.stop()
