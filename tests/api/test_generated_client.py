"""A Python client that is generated from the description works against a real server."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.api.calling import backend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def portal(tmp_path, monkeypatch) -> Any:
    """The generated package."""
    described, config = tmp_path / "schema.json", tmp_path / "config.yaml"
    described.write_bytes(Client().get("/api/schema").content)
    config.write_text("post_hooks: []\n")
    folder = tmp_path / "generated_portal"
    command = ["generate", "--path", described, "--output-path", folder, "--meta", "none", "--config", config]
    ended = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *map(str, command), "--fail-on-warning"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: importlib.import_module(f"generated_portal.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "generated_portal"]:
        del sys.modules[name]


def test_gateways_are_listed_shown_made_and_refused(portal, live_server):
    kind = factories.gateway_type()
    known = factories.gateway(kind, name="Known")
    api, models = portal("api.gateways"), portal("models")
    made_with = portal("client").AuthenticatedClient
    with made_with(base_url=live_server.url, token=backend(kind.partner).token) as client:

        def call(operation: str, *args: str, **asked: Any) -> Any:
            return portal(f"{api.__name__.partition('.')[2]}.{operation}").sync(*args, client=client, **asked)

        page = call("gateways_list", limit=10)
        assert [(row.id, row.name) for row in page.data] == [(known.serial, "Known")]
        assert page.next_cursor is None
        body = models.NewGatewayBody(type_=kind.prefix, name="New")
        made, again = (call("gateways_create", body=body, idempotency_key="one") for _ in range(2))
        assert made.id == again.id
        assert call("gateways_retrieve", made.id).created_at == made.created_at
        refused = call("gateways_create", body=models.NewGatewayBody(type_="unknown"))
        assert isinstance(refused, models.Problem)
        assert (refused.status, refused.errors[0].field) == (400, "type")
        assert call("gateways_retrieve", "unknown-1").type_.endswith("#not-found")
