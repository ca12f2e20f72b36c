"""Whoever makes us wait for others, such as a slow webhook, holds half of the threads at most."""

from __future__ import annotations

from uuid import uuid4

import pytest

from gateways.rest import waiting
from ingest.passthrough import ids
from ingest.passthrough.ids import Native
from ingest.readings import DerKey, Kind
from tests import factories
from tests.api.calling import backend, problem

pytestmark = [pytest.mark.django_db, pytest.mark.once]
SITE = ids.encode(Native("solis", "1"))
METER = ids.encode(Native("solis", "1", DerKey(Kind.METER, "m")))


@pytest.fixture
def _one_place(monkeypatch):
    monkeypatch.setattr(waiting, "_PLACES", 1)


@pytest.mark.parametrize(
    "method, path",
    [
        ("post", "webhooks"), ("patch", "webhooks/{}"), ("post", "webhooks/{}/test"),
        ("post", "vendor-credentials"), ("patch", "vendor-credentials/{}"), ("post", "vendor-credentials/{}/test"),
        ("post", "connections"), ("post", "connections/{}/reconnect"), ("post", "connections/{}/test"),
        ("get", "sites"), ("get", f"sites/{SITE}"), ("get", "meters"), ("get", f"meters/{METER}"),
        ("get", f"meters/{METER}/intervals"),
        ("post", "gateways/{}/register"), ("post", "gateways/{}/rehearse-inception"), ("post", "gateways/{}/incept"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("_one_place")
def test_who_would_wait_for_others_is_sent_away_while_enough_do(method, path):
    api = backend()
    with waiting.place(0):
        answer = getattr(api, method)(path.format(uuid4()), {})
        assert api.get("gateways").status_code == 200
    assert (problem(answer), answer["Retry-After"]) == ((503, "live-busy"), "5")
    assert getattr(api, method)(path.format(uuid4()), {}).status_code in {200, 400, 404}


@pytest.mark.usefixtures("_one_place")
def test_a_place_is_free_again_whatever_came_of_it():
    api, body = backend(factories.partner(environment="production")), {"url": "http://127.0.0.1/"}
    answers = [problem(api.post("webhooks", body)) for _ in range(2)]
    assert answers == [(422, "refused")] * 2


def test_no_partner_takes_all_places(monkeypatch):
    monkeypatch.setattr(waiting, "_PLACES_OF_ONE", 1)
    partner = factories.partner()
    with waiting.place(partner.pk):
        assert problem(backend(partner).post("webhooks")) == (503, "live-busy")
        assert problem(backend().post("webhooks")) == (400, "invalid-request")
