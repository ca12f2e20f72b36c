"""What requests may be as a whole: bodies are JSON in UTF-8 and of a size, and what is not is no fault of ours."""

from __future__ import annotations

import pytest

from gateways.models import GatewayType
from tests.api.calling import backend, problem

pytestmark = pytest.mark.django_db


def send(raw, content_type="application/json", **headers):
    return backend().browser.generic("POST", "/api/v1/gateway-types", raw, content_type, headers=headers)


@pytest.mark.parametrize(
    "raw",
    [b"[" * 30_000, b'{"a":' * 10_000, b"\xff", b"{", b"nothing", b"NaN", b'{"name":"\\ud800"}', b'["prefix"]', b"7"],
    ids=[
        "deep list",
        "deep object",
        "no UTF-8",
        "cut off",
        "a word",
        "no number",
        "half a character",
        "list",
        "number",
    ],
)
def test_a_body_that_is_no_object_of_json_is_the_callers_fault(raw):
    assert problem(send(raw)) == (400, "invalid-request")


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
@pytest.mark.parametrize("size", [65_537, 3_000_000])
def test_a_body_longer_than_any_that_is_asked_for_is_refused(size, headers):
    raw = b'{"prefix":"acme","name":"Acme"}'.ljust(size)
    assert problem(send(raw, **headers)) == (413, "too-large")
    assert not GatewayType.objects.exists()


def test_a_thousand_parameters_are_the_callers_fault():
    assert problem(backend().browser.get(f"/api/v1/gateways?{'a&' * 1001}")) == (400, "invalid-request")


@pytest.mark.parametrize("charset", ["punycode", "utf-16"])
def test_no_header_chooses_how_a_body_is_decoded(charset):
    assert send(b'{"prefix":"acme","name":"Acme"}', f"application/json; charset={charset}").status_code == 201
