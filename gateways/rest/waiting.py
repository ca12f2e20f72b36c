"""Callers that wait for others, such as vendors, SEN and webhooks: each holds a thread of the web process meanwhile.

Half of the threads stays for everybody else, however slow those others are or make themselves.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from gateways.rest.problems import Problem

_PLACES = threading.BoundedSemaphore(4)
_RETRY_AFTER_S = 5
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@contextmanager
def place() -> Iterator[None]:
    """Take a place among those that wait. Raises Problem where none is free."""
    if not _PLACES.acquire(blocking=False):
        raise _busy()
    try:
        yield
    finally:
        _PLACES.release()


def waits(method: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Let a view's method take a place while it runs."""

    @functools.wraps(method)
    def with_place(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        with place():
            return method(*args, **kwargs)

    return with_place


def _busy() -> Problem:
    detail = "Too many callers wait for vendors, SEN or webhooks right now. Try again in some seconds."
    return Problem("live-busy", detail, headers={"Retry-After": str(_RETRY_AFTER_S)})
