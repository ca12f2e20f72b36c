"""Several questions at once, each to another account, with one deadline for all."""

from __future__ import annotations

import contextvars
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import structlog
from django.db import connections

from gateways.rest.problems import Problem, problem_of, unexpected
from ingest.readings import ReadingInvalid
from ingest.vendors.errors import VendorError, VendorReplyInvalid, VendorUnavailable

log = structlog.get_logger(__name__)
Key = TypeVar("Key")
Answer = TypeVar("Answer")
PATIENCE_S = 20.0
_AT_ONCE = 8  # each thread may hold a connection to the database


def ask(questions: Mapping[Key, Callable[[], Answer]], *, until: float) -> dict[Key, Answer | Problem]:
    """Ask all at once and return what each brought by `until` (time.monotonic): the answer, or what went wrong.

    A question that is late goes on alone until its own time-outs end it; nobody waits for it.
    """
    if not questions:
        return {}
    pool = ThreadPoolExecutor(min(len(questions), _AT_ONCE), thread_name_prefix="passthrough")
    try:
        begun: dict[Key, Future[Answer]] = {}
        for key, question in questions.items():
            begun[key] = pool.submit(contextvars.copy_context().run, _alone, question)
        wait(begun.values(), timeout=max(0.0, until - time.monotonic()))
        return {key: _outcome(future, until) for key, future in begun.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _alone(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    finally:
        connections.close_all()  # this thread's own: it ends, and would leave them open


def _outcome(future: Future[Any], until: float) -> Any:
    if not future.done():
        return _too_slow()
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, VendorUnavailable) and time.monotonic() >= until:
        return _too_slow()
    return told(error)


def told(error: Exception) -> Problem:
    """Return an error as the problem it is for the caller. Of one that nobody expected only the place is logged.

    Its text could hold what the caller brought.
    """
    if isinstance(error, ReadingInvalid):
        error = VendorReplyInvalid(str(error))
    problem = problem_of(error)
    if problem is None:
        place = "".join(traceback.format_tb(error.__traceback__))
        log.error("a live question failed", error=type(error).__name__, place=place)
        return unexpected()
    if isinstance(error, VendorError):  # what it says to do next is for who reads accounts in the background
        next_step = "Ask again later." if error.retry else error.next_step
        problem.detail = f"{str(error).rstrip('.')}. {next_step}"
    return problem


def _too_slow() -> Problem:
    detail = "The vendor did not answer in time. Ask for less (a smaller `limit`, a shorter time), or try again later."
    return Problem("vendor-too-slow", detail)
