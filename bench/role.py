"""Processes of a benchmark: each answers questions in JSON, one a line, over its pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self


class Role:
    """A running `python -m MODULE` that is asked and answers. Ends with the `with` block."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question: Any) -> Any:
        """Ask and wait for the answer; raise RuntimeError if the process ends instead."""
        assert self._process.stdin is not None  # noqa: S101  both are pipes
        assert self._process.stdout is not None  # noqa: S101
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            msg = f"{self._module} ended with status {self._process.wait()}."
            raise RuntimeError(msg)
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()


def serve(answer: Callable[..., Any]) -> None:
    """Answer the questions on stdin until it closes."""
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)
