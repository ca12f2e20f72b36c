"""Schemathesis asks every operation what its description allows and what it does not: no answer is a surprise."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from gateways.oauth import clients, grants, scopes
from tests.admin.conftest import make_fleet
from tests.api import homes
from tests.api.calling import backend, token_of
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.once]

EXAMPLES = 3


def fault_of_ours(_context: Any, response: Any, _case: Any) -> None:
    """Refuse a 500, which every operation documents; that a vendor or SEN is away is no fault of ours."""
    assert response.status_code != 500, response.text


_ALWAYS = [
    fault_of_ours, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_schema_conformance, checks.response_headers_conformance,
]  # fmt: skip


class Client:
    """Asks with all scopes there are, about rows that are there."""

    def __init__(self) -> None:
        fleet = make_fleet()
        owner = User.objects.create_user("anna", "anna@example.com")
        gateway = fleet.gateway
        gateway.owner = owner
        gateway.save()
        app, _ = clients.create_app(
            partner=fleet.partner, name="App", redirect_uris=["http://127.0.0.1/back"], by="test", now=NOW,
            allowed_scopes=list(scopes.HOMEOWNERS), requests_per_minute=10**6,
        )  # fmt: skip
        grants.give(user=owner, client=app, gateways=[gateway], scopes=list(scopes.HOMEOWNERS), now=timezone.now())
        self.app = token_of(app, owner)
        self.backend = backend(fleet.partner, requests_per_minute=10**6).token
        self.rows = homes.named(fleet)

    def headers(self, path: str) -> dict[str, str]:
        token = self.backend if path.startswith("/api/") else self.app
        return {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}

    def about_what_there_is(self, case: Any) -> Any:
        case.path_parameters.update({name: self.rows[name] for name in case.path_parameters or () if name in self.rows})
        return case


@pytest.fixture
def client(settings):
    settings.SANDBOX_URL = "http://127.0.0.1:1"  # where nobody answers
    # A request of its own would end the connection, and with it the transaction of the test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield Client()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def described() -> list[Any]:
    found: Any = schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application())
    return [operation.ok() for operation in found.get_all_operations()]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_one_that_the_description_tells_of(client, mode):
    wrong = [message for operation in described() for message in surprises(operation, mode, client)]
    assert wrong == []


def surprises(operation: Any, mode: GenerationMode, client: Client) -> list[str]:
    found: dict[str, str] = {}
    expected = [*_ALWAYS, checks.negative_data_rejection] if mode is GenerationMode.NEGATIVE else _ALWAYS

    @seed(1)
    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            client.about_what_there_is(case)
        try:
            case.call_and_validate(headers=client.headers(operation.path), checks=expected)
        except schemathesis.errors.InternalError:
            raise
        except BaseExceptionGroup as group:
            for one in group.exceptions:
                found[f"{operation.label}: {str(one).splitlines()[0]}"] = str(one)

    with warnings.catch_warnings(action="ignore"):
        ask()
    return [f"{key}\n{value[:600]}" for key, value in found.items()]
