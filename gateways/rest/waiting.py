"""Callers that wait for others, such as vendors, SEN and webhooks: each holds a thread of the web process meanwhile.

Four of a process wait at most, so that of its threads (`WEB_THREADS`, 8 if nothing is said) the others stay for
everybody else, however slow those others are or make themselves; and no partner has all four places.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateways.rest.problems import Problem

_PLACES, _PLACES_OF_ONE = 4, 3
_RETRY_AFTER_S = 5
_lock = threading.Lock()
_taken: Counter[int] = Counter()
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def waits(method: Callable[Concatenate[Any, Given], Answer]) -> Callable[Concatenate[Any, Given], Answer]:
    """Let a view's method take a place while it runs."""

    @functools.wraps(method)
    def with_place(view: Any, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        with place(view.caller.partner.pk):
            return method(view, *args, **kwargs)

    return with_place


@contextmanager
def place(partner_id: int) -> Iterator[None]:
    """Take a place among those that wait. Raises Problem where none is free."""
    with _lock:
        if _taken.total() >= _PLACES or _taken[partner_id] >= _PLACES_OF_ONE:
            raise _busy()
        _taken[partner_id] += 1
    try:
        yield
    finally:
        with _lock:
            _taken.subtract([partner_id])


def _busy() -> Problem:
    detail = "Too many callers wait for vendors, SEN or webhooks right now. Try again in some seconds."
    return Problem("live-busy", detail, headers={"Retry-After": str(_RETRY_AFTER_S)})
