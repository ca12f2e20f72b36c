"""`python -m sandbox --port 8801 --state FILE`: serve the stand-ins until interrupted; or a command, see `COMMANDS`."""

from __future__ import annotations

import argparse
import importlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn brings no types

from sandbox import server
from sandbox.clock import Clock

COMMANDS = {"app": "sandbox.app", "reconcile": "sandbox.reconcile"}
"""clients of the portal, by the name they are called with; `main` of the module takes the arguments behind it"""


class Standalone(BaseApplication):
    """gunicorn without its own command line: one process (the memory is in it), many threads."""

    def __init__(self, bind: str, threads: int, build: Any) -> None:
        self.bind, self.threads, self.build = bind, threads, build
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": self.bind, "workers": 1, "worker_class": "gthread", "threads": self.threads,
            "keepalive": 75, "timeout": 0, "graceful_timeout": 1, "loglevel": "warning", "control_socket_disable": True,
        }.items():  # fmt: skip
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return self.build()


def main() -> None:
    if command := COMMANDS.get("".join(sys.argv[1:2])):
        importlib.import_module(command).main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8801)
    parser.add_argument("--state", type=Path, help="SQLite file for the memory, which else ends with the process")
    parser.add_argument("--start", type=datetime.fromisoformat, help="time the clock shows at first, ISO 8601")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster than real the clock runs")
    parser.add_argument("--lenient", action="store_true", help="SEN accepts whatever verifies")
    parser.add_argument("--recordings", type=Path, help="folder of real replies that one home replays")
    parser.add_argument("--threads", type=int, default=16)
    args = parser.parse_args()
    if args.state:
        args.state.parent.mkdir(parents=True, exist_ok=True)

    def build() -> server.Server:
        clock = Clock(args.start.astimezone() if args.start else None, args.speed)
        return server.create(args.state or ":memory:", clock=clock, lenient=args.lenient, recordings=args.recordings)

    Standalone(f"{args.host}:{args.port}", args.threads, build).run()


if __name__ == "__main__":
    main()
