"""What the pages in docs/ say of the API is what its description says: addresses, parameters, answers."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator

from ingest import vendors
from ingest.passthrough import fanout
from sandbox import app

pytestmark = pytest.mark.once

PAGES = {page.name: page.read_text() for page in (settings.BASE_DIR / "docs").glob("*.md")}
_ADDRESS = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE)?[ `]*(?:/api/v1|\$PORTAL)(/[\w$/{}.-]*)(?:\?([^\s\"'`]+))?")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = Client().get("/api/schema").json()
    return found


def operations_at(described: dict[str, Any], address: str) -> list[dict[str, Any]]:
    """Return what is served at an address as a page writes it, with $NAMES, {names} or what has digits for ids."""
    asked = address.rstrip(".").split("/")
    for path, methods in described["paths"].items():
        parts = path.removeprefix("/api/v1").split("/")
        if len(parts) == len(asked) and all(map(_fits, parts, asked)):
            return list(methods.values())
    return []


def _fits(part: str, asked: str) -> bool:
    return part == asked or (part.startswith("{") and bool(re.match(r"[${]|.*[0-9]", asked)))


@pytest.mark.parametrize("name", ["api.md", "app-integration.md", "join-flows.md", "pass-through.md", "webhooks.md"])
def test_every_address_and_parameter_is_there(described, name):
    named = [found.groups() for found in _ADDRESS.finditer(PAGES[name])]
    named = [(address, query) for address, query in named if not address.startswith(("/oauth", "/.well-known"))]
    assert named
    for address, query in named:
        operations = operations_at(described, address.removeprefix("/api/v1"))
        assert operations, address
        known = {one["name"] for operation in operations for one in operation["parameters"] if "name" in one}
        assert {parameter for parameter, _ in parse_qsl(query or "")} <= known, (address, query)


@pytest.mark.parametrize("number, path", [(0, "/api/v1/sites"), (1, "/api/v1/batteries/{id}/intervals")])
def test_answers_of_vendors_are_as_described(described, number, path):
    answer = json.loads(re.findall(r"```json\n(.*?)```", PAGES["pass-through.md"], re.DOTALL)[number])
    place = path.replace("/", "~1")
    schema = f"#/paths/{place}/get/responses/200/content/application~1json/schema"
    validator = Draft202012Validator({**described, "$ref": schema})
    assert [error.message for error in validator.iter_errors(answer)] == []


def test_the_headers_of_every_vendor_are_named(described):
    parameters = described["paths"]["/api/v1/sites"]["get"]["parameters"]
    headers = {one["name"] for one in parameters if one.get("in") == "header" and one["name"].startswith("X-")}
    assert headers
    assert {name for name in headers if f"`{name}:" not in PAGES["pass-through.md"]} == set()
    assert f"within {fanout.PATIENCE_S:.0f} seconds" in PAGES["pass-through.md"]
    labels = {vendors.adapter_class(slug).label for slug in vendors.VENDORS}
    assert {label for label in labels if f"| {label} |" not in PAGES["pass-through.md"]} == set()


def test_the_app_asks_for_the_scopes_that_its_page_names():
    assert f"scopes `{app.SCOPES}`" in PAGES["app-integration.md"]
