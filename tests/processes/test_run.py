"""`manage.py run`: the whole portal with one command, and nothing of it left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from onboarding import dotenv
from tests import schema
from tests.ports import free_port

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]


class Machine:
    """A machine with nothing but the code: `run` as people start it, in folders of its own."""

    def __init__(self, folder: Path) -> None:
        dotenv.write(str(folder / ".env"))
        self.port = free_port()
        self.folder = folder
        self.runs: list[subprocess.Popen[str]] = []
        self.env = {
            "PATH": os.environ["PATH"],
            "ENV_FILE": str(folder / ".env"),
            "VAR_DIR": str(folder / "var"),
            "PORT": str(self.port),
            "SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
            "PYTHONUNBUFFERED": "1",
        }

    def run(self) -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", "run"]
        with (self.folder / "output").open("w") as output:
            run = subprocess.Popen(command, cwd=ROOT, env=self.env, text=True, stdout=output, stderr=output)
        self.runs.append(run)
        return run

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    def wait_for_output(self, text: str, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < deadline, f"waited for {text!r}, saw:\n{self.output}"
            time.sleep(0.2)

    def wait_until_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not (reply := requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=60)).ok:
            assert time.monotonic() < deadline, f"{reply.text}\n{self.output}"
            time.sleep(0.5)


@pytest.fixture
def machine(tmp_path_factory):
    # A short path: a unix socket's name may have 107 bytes.
    bare = Machine(tmp_path_factory.mktemp("m"))
    yield bare
    for run in bare.runs:
        run.kill()  # its children end with it
        run.wait()


@pytest.mark.django_db
def test_one_command_brings_everything_up_and_ctrl_c_ends_all_of_it(machine):
    schema.copy_into(machine.folder / "var")
    first = machine.run()
    machine.wait_for_output("The portal is at")
    machine.wait_until_ready()
    assert "\x1b[" not in machine.output, "no colors into a file"
    password = re.search(r"seed +\| Sign in as \S+ with the password (\S+)", machine.output)
    assert password
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(machine.env["SANDBOX_URL"], timeout=60)

    second = machine.run()
    machine.wait_for_output("The portal is at")
    assert "Sign in as admin" not in machine.output, "the data was kept, so nobody new was made"
    second.terminate()
    assert second.wait(60) == 0


def test_a_port_that_is_taken_is_said_with_how_to_choose_another(machine):
    with socket.create_server(("127.0.0.1", machine.port)):
        assert machine.run().wait(60) == 1
    assert f"Cannot listen on port {machine.port} of 127.0.0.1" in machine.output
    assert "PORT=8001 make run" in machine.output


def test_a_sandbox_port_that_is_taken_is_said_too(machine):
    taken = int(machine.env["SANDBOX_URL"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", taken)):
        assert machine.run().wait(60) == 1
    assert "SANDBOX_URL=http://127.0.0.1:8802 make run" in machine.output
