"""`python -m bench.push`: messages that wait in the outbox, pushed by one worker process to a stand-in on loopback.

Every round measures all sides one after the other on the same messages; ratios are taken within a round, and the
medians of the rounds are shown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench import celery_worker, database, receiver, table
from bench.role import Role

_SLICE_S = 5.0
_TASKS = "post", "deliver"


@dataclass
class _Seen:
    """What became of the messages the worker was given, all rounds together."""

    waiting: int = 0
    received: int = 0
    duplicates: int = 0
    delivered: int = 0

    @property
    def whole(self) -> bool:
        return self.received == self.delivered and not self.duplicates


@dataclass
class _Measured:
    """Messages a second, one entry a round."""

    few: list[float] = field(default_factory=list)
    many: list[float] = field(default_factory=list)
    bare_few: list[float] = field(default_factory=list)
    bare_many: list[float] = field(default_factory=list)
    drain: list[float] = field(default_factory=list)
    tasks: dict[str, list[float]] = field(default_factory=lambda: {task: [] for task in _TASKS})
    memory_mib: dict[str, float] = field(default_factory=dict)


class _Bench:
    def __init__(self, options: argparse.Namespace, environment: dict[str, str], sen: receiver.Receiver) -> None:
        self._options = options
        self._environment = environment
        self._url = environment["DATABASE_URL"]
        self._sen = sen
        self.seen = _Seen()
        self.measured = _Measured()

    def run(self) -> None:
        """Measure all; the processes that take part live through all rounds."""
        with ExitStack() as stack:
            stack.enter_context(celery_worker.broker(self._environment))
            names = ("backlog", "bare", "worker", "enqueue")
            self._roles = {name: stack.enter_context(Role(f"bench.{name}", self._environment)) for name in names}
            self._roles["backlog"].ask(gateways=self._options.gateways)
            self._few_waiting()
            self._many_waiting()

    def _few_waiting(self) -> None:
        few, measured = self._options.few, self.measured
        for number in range(self._options.rounds + 1):
            self._fill(few)
            bare, push = self._bare(few), self._push(float("inf"))
            self._check()
            if number:  # round 0 warms up: imports, connections, signers
                measured.bare_few.append(bare)
                measured.few.append(_rate(push))
                self._fill(few)
                measured.tasks["post"].append(self._one_task_each("post"))
            measured.memory_mib["few"] = push["memory_mib"]
        measured.tasks["deliver"].append(self._one_task_each("deliver"))

    def _many_waiting(self) -> None:
        measured = self.measured
        self._fill(self._options.many)
        for _ in range(self._options.rounds):
            measured.bare_many.append(self._bare(self._options.few))
            push = self._push(_SLICE_S)
            measured.many.append(_rate(push))
        while self._options.full and push["messages"]:
            push = self._push(_SLICE_S)
            if push["seconds"] >= _SLICE_S:
                measured.drain.append(_rate(push))
        self._check()
        measured.memory_mib["many"] = push["memory_mib"]

    def _fill(self, messages: int) -> None:
        self._roles["backlog"].ask(messages=messages)
        database.settle(self._url)
        self._given = messages

    def _bare(self, messages: int) -> float:
        answer: dict[str, float] = self._roles["bare"].ask(messages=messages)
        self._sen.forget()
        return _rate(answer)

    def _push(self, seconds: float) -> dict[str, float]:
        answer: dict[str, float] = self._roles["worker"].ask(seconds=min(seconds, 1e9))
        counts = self._sen.forget()
        self.seen.received += counts.received
        self.seen.duplicates += counts.received - counts.distinct
        return answer

    def _one_task_each(self, task: str) -> float:
        """Return messages a second, from the first to the last that arrives: start-up is not counted."""
        number: int = self._options.tasks
        self._roles["enqueue"].ask(task=task, messages=number)
        with celery_worker.worker(self._environment, tasks="bench.naive"):
            while self._sen.counts().received < number:
                time.sleep(0.5)
        counts = self._sen.forget()
        return (number - 1) / counts.seconds

    def _check(self) -> None:
        """Compare what the stand-in got with what stands in the database."""
        with psycopg.connect(self._url) as connection:
            rows = connection.execute("SELECT count(*) FROM ingest_message WHERE state = 'delivered'").fetchall()
        self.seen.waiting += self._given
        self.seen.delivered += rows[0][0]


def _rate(answer: Mapping[str, float]) -> float:
    return answer["messages"] / answer["seconds"]


def _ratios(above: list[float], below: list[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=False)]


def _report(options: argparse.Namespace, bench: _Bench, settings: dict[str, str]) -> dict[str, Any]:
    m = bench.measured
    few, many = f"{options.few:,}", f"{options.many:,}"
    to_bare, to_bare_many = _ratios(m.few, m.bare_few), _ratios(m.many, m.bare_many)
    to_post = _ratios(m.few, m.tasks["post"])
    to_deliver = statistics.median(m.few) / statistics.median(m.tasks["deliver"])
    flat = statistics.median(m.few) / statistics.median(m.many)
    flat_to_bare = statistics.median(to_bare) / statistics.median(to_bare_many)
    table.show(
        "Messages a second, one worker process: median (range)",
        [
            (f"push, {few} waiting", table.spread(m.few)),
            ("  bare loop beside it: signer and client, no database", table.spread(m.bare_few)),
            (f"push, {many} waiting, the first of them", table.spread(m.many)),
            ("  bare loop beside it", table.spread(m.bare_many)),
            *([(f"push, {many} waiting, to the last", table.spread(m.drain))] if m.drain else []),
            ("one Celery task a message, sign and post alone", table.spread(m.tasks["post"])),
            ("one Celery task a message, read and marked too", table.spread(m.tasks["deliver"])),
        ],
    )
    table.show(
        "Ratios within a round",
        [
            ("push : bare loop", table.spread(to_bare), "target >= 0.5"),
            ("push : Celery tasks, sign and post alone", table.spread(to_post), "target >= 25"),
            ("push : Celery tasks, read and marked too", table.number(to_deliver), ""),
            (f"time a message, {many} : {few} waiting", table.number(flat), "target <= 1.2"),
            ("  the same in units of the bare loop beside it", table.number(flat_to_bare), ""),
            (
                "greatest memory of the worker, MiB",
                f"{m.memory_mib['few']:.0f} then {m.memory_mib['many']:.0f}",
                "flat",
            ),
        ],
    )
    table.show("Seen", [(name, f"{value:,}") for name, value in asdict(bench.seen).items()])
    table.show("PostgreSQL", sorted(settings.items()))
    ratios = {"bare": to_bare, "post": to_post, "deliver": to_deliver, "flat": flat, "flat_to_bare": flat_to_bare}
    return {
        "options": {**vars(options), "json": None},
        "measured": asdict(m),
        "ratios": ratios,
        "seen": asdict(bench.seen),
        "postgresql": settings,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.push", description=__doc__)
    parser.add_argument("--few", type=int, default=10_000, help="messages waiting in the small outbox")
    parser.add_argument("--many", type=int, default=1_000_000, help="messages waiting in the large outbox")
    parser.add_argument("--gateways", type=int, default=1_000)
    parser.add_argument("--tasks", type=int, default=2_000, help="messages given to Celery one by one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="push the large outbox to its last message")
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark; return 1 if a message was lost or doubled."""
    options = _options()
    with receiver.running() as sen, database.portal() as environment:
        bench = _Bench(options, {**environment, "SANDBOX_URL": sen.url}, sen)
        settings = database.settings(environment["DATABASE_URL"])
        bench.run()
    table.write(options.json, _report(options, bench, settings))
    return 0 if bench.seen.whole else 1


if __name__ == "__main__":
    sys.exit(main())
