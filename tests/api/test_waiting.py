"""Whoever makes us wait for others, such as a slow webhook, holds half of the threads at most."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from gateways.rest import waiting
from tests import factories
from tests.api.calling import backend, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(monkeypatch):
    """One place for all."""
    one = threading.BoundedSemaphore(1)
    monkeypatch.setattr(waiting, "_PLACES", one)
    return one


@pytest.mark.parametrize(
    "method, path",
    [
        ("post", "webhooks"), ("patch", "webhooks/{}"), ("post", "webhooks/{}/test"),
        ("post", "vendor-credentials"), ("patch", "vendor-credentials/{}"), ("post", "vendor-credentials/{}/test"),
        ("post", "connections"), ("post", "connections/{}/reconnect"), ("post", "connections/{}/test"),
        ("post", "gateways/{}/register"), ("post", "gateways/{}/rehearse-inception"), ("post", "gateways/{}/incept"),
    ],
)  # fmt: skip
def test_who_would_wait_for_others_is_sent_away_while_enough_do(places, method, path):
    api = backend()
    with places:
        answer = getattr(api, method)(path.format(uuid4()), {})
        assert api.get("gateways").status_code == 200
    assert (problem(answer), answer["Retry-After"]) == ((503, "live-busy"), "5")
    assert getattr(api, method)(path.format(uuid4()), {}).status_code in {400, 404}


def test_a_place_is_free_again_whatever_came_of_it(places):
    api, body = backend(factories.partner(environment="production")), {"url": "http://127.0.0.1/"}
    answers = [problem(api.post("webhooks", body)) for _ in range(2)]
    assert answers == [(422, "refused")] * 2
