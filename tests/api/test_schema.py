"""The description of the API is complete, and its examples are as it says itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from gateways.rest import problem_types, problems
from ingest.api import problems as of_vendors

pytestmark = pytest.mark.once

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    answer = Client().get("/api/schema")
    found: dict[str, Any] = answer.json()
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def resolved(described: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    found: dict[str, Any] = described["components"][kind][name]
    return found


def contents(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each operation takes and answers in JSON, with where that is."""
    for name, operation in operations(described):
        parts = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for where, part in parts.items():
            for media_type, content in resolved(described, part).get("content", {}).items():
                if "json" in media_type:
                    yield f"{name} {where} {media_type}", content


def test_it_is_made_without_a_warning_and_follows_the_specification():
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        made = SchemaGenerator().get_schema(request=None, public=True)
    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})
    validate_schema(made)
    assert made["openapi"].startswith("3.1")


def test_every_operation_is_told_in_words_and_says_whose_token_may_do_it(described):
    tokens = described["components"]["securitySchemes"]["oauth2"]["flows"].values()
    known = {scope for flow in tokens for scope in flow["scopes"]}
    seen = set()
    for name, operation in operations(described):
        assert operation["summary"].endswith("."), name
        assert operation["description"], name
        assert operation["tags"], name
        assert operation["operationId"] not in seen, name
        seen.add(operation["operationId"])
        needed = operation["security"][0]["oauth2"]
        assert set(needed) <= known, name
        assert needed or name == "get /api/v1/me"
        for parameter in operation["parameters"]:
            assert resolved(described, parameter)["description"], (name, parameter)


def test_every_operation_names_what_can_go_wrong(described):
    for name, operation in operations(described):
        expected = {"400", "401", "403", "406", "429", "500"}
        expected |= {"404"} if "{" in name else set()
        expected |= set() if name.startswith("get") else {"409", "422"}
        expected |= (
            {"415"} if name.startswith(("post", "put", "patch")) else {"304"} if name.startswith("get") else set()
        )
        assert expected <= operation["responses"].keys(), name
        assert [code for code in operation["responses"] if code.startswith("2")], name


def test_every_answer_and_body_has_an_example_that_is_as_its_schema_says(described):
    for where, content in contents(described):
        examples = [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
        assert examples, where
        schema = {"components": described["components"], "allOf": [content["schema"]]}
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for example in examples:
            assert [error.message for error in validator.iter_errors(example)] == [], where


def test_what_is_taken_for_granted_may_be_said_as_well(described):
    for name, operation in operations(described):
        parameters = [resolved(described, parameter) for parameter in operation["parameters"]]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            properties = resolved(described, content["schema"])["properties"]
            parameters += [{"name": name, "schema": schema} for name, schema in properties.items()]
        for parameter in parameters:
            if "default" in parameter["schema"]:
                validator = Draft202012Validator({"components": described["components"], **parameter["schema"]})
                assert validator.is_valid(parameter["schema"]["default"]), (name, parameter["name"])


def test_examples_of_lists_show_a_row(described):
    pages = [
        content["example"] for where, content in contents(described) if "next_cursor" in content.get("example", {})
    ]
    assert pages
    assert all(page["data"] and page["data"][0] for page in pages)


def test_what_is_made_has_an_address_and_lists_have_a_next_page(described):
    for name, operation in operations(described):
        for code, answer in operation["responses"].items():
            headers = resolved(described, answer).get("headers", {})
            assert {"X-Request-ID", "Portal-Version", "RateLimit"} <= headers.keys(), (name, code)
            assert (code == "201") == ("Location" in headers), (name, code)
        if "next_cursor" in str(operation["responses"].get("200", {}).get("content", {}).get("application/json")):
            assert "Link" in operation["responses"]["200"]["headers"], name


def test_it_is_had_as_json_and_as_yaml(described):
    asked = {"format=yaml": {}, "format=json": {}, "": {"Accept": "application/yaml"}}
    answers = [Client().get(f"/api/schema?{query}", headers=headers) for query, headers in asked.items()]
    assert [answer["Content-Type"] for answer in answers] == [f"application/{it}" for it in ("yaml", "json", "yaml")]
    assert yaml.safe_load(answers[0].content)["paths"].keys() == described["paths"].keys()
    refused = Client().get("/api/schema?format=xml")
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")


def test_every_type_of_problem_that_the_code_tells_is_listed_and_no_other():
    code = "".join(
        file.read_text()
        for app in ("gateways", "ingest", "onboarding")
        for file in (settings.BASE_DIR / app).rglob("*.py")
        if file.name != "problem_types.py"
    )
    # A slug is the first argument of Problem, the argument slug, or stands in one of two tables.
    told = set(re.findall(r'(?:Problem\(|slug: str = |(?:invalid|conflict)\(.*slug=)"([a-z-]+)"', code))
    told |= {*problems._SLUGS.values(), *(slug for _, slug in of_vendors._SLUGS)}
    assert told == problem_types.KNOWN.keys()
    assert len(problem_types.KNOWN) == len(problem_types.TYPES)


def test_errors_of_vendors_and_sen_have_the_fault_of_their_type():
    for error, slug in of_vendors._SLUGS:
        if hasattr(error, "fault"):
            assert problem_types.KNOWN[slug].fault == error.fault, slug


def test_the_framework_refuses_with_the_statuses_of_our_types():
    for status, slug in problems._SLUGS.items():
        assert problem_types.KNOWN[slug].status == status


@pytest.mark.django_db
def test_the_page_of_problems_has_a_place_for_each_type():
    page = Client().get("/api/problems").content.decode()
    assert "Correct what <code>errors</code> names" in page
    assert [one.slug for one in problem_types.TYPES if f'id="{one.slug}"' not in page] == []
