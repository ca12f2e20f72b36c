from __future__ import annotations

import socket
import time
from datetime import timedelta
from typing import Any

import pytest

from gateways import events
from onboarding.webhooks import endpoints, sending
from tests import factories
from tests.onboarding.webhooks.receiver import SECRET, Names, running


@pytest.fixture(scope="module")
def running_receiver():
    with running() as receiver:
        yield receiver


@pytest.fixture
def receiver(running_receiver):
    running_receiver.forget()
    yield running_receiver
    running_receiver.released.set()


@pytest.fixture
def names(monkeypatch):
    stand_in = Names()
    monkeypatch.setattr(socket, "getaddrinfo", stand_in.look_up)
    return stand_in


class Clock:
    """The time of a test, which moves when it is told to."""

    def __init__(self) -> None:
        self.now = factories.NOW

    def __call__(self) -> Any:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Hooks:
    """What tests do: make webhooks, let things happen, let the worker go round."""

    def __init__(self, receiver: Any, clock: Clock) -> None:
        self.receiver, self.clock = receiver, clock
        self.partner = factories.partner()

    def make(self, *names: str, **fields: Any) -> Any:
        made, _secret = endpoints.create(
            partner=self.partner, by="test", now=self.clock(),
            **{"url": self.receiver.url, "names": names or ["*"], "secret": SECRET, **fields},
        )  # fmt: skip
        return made

    def proven(self, *names: str, **fields: Any) -> Any:
        """A webhook that has answered its challenge; what happened up to now is delivered and forgotten."""
        made = self.make(*names, **fields)
        self.go_round()
        self.receiver.forget()
        made.deliveries.all().delete()
        made.refresh_from_db()
        return made

    def happen(self, *names: str, times: int = 1) -> list[int]:
        """Let events happen; return their sequences."""
        happened = []
        for name in names or (events.GATEWAY_CREATED,):
            entries = [(f"gateway:{number}", {"number": number}) for number in range(times)]
            happened += events.record_each(
                partner=self.partner, name=name, entries=entries, by="test", now=self.clock()
            )
        return [event.sequence for event in happened]

    def go_round(self) -> int:
        return sending.deliver_due(clock=self.clock, until=time.monotonic() + 20)

    def change(self, hook: Any, **asked: Any) -> Any:
        return endpoints.change(endpoint=hook, by="test", now=self.clock(), **asked)

    def replay(self, hook: Any, **to: Any) -> Any:
        return endpoints.replay(endpoint=hook, by="test", now=self.clock(), **to)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hooks(db, receiver, clock):
    return Hooks(receiver, clock)
