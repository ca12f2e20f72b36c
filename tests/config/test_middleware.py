from __future__ import annotations

import io
import json
import logging

import pytest
from django.conf import settings

from config import logging as log_config


@pytest.fixture
def json_lines():
    """Everything that is logged meanwhile, as it would be in production; call it to get the parsed lines."""
    stream = io.StringIO()
    log_config.configure(log_config.settings(log_format="json", level="INFO"))
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    log_config.configure(settings.LOGGING)


def test_a_request_is_logged_as_one_json_line_with_the_id_the_client_was_told(client, json_lines):
    response = client.get("/healthz")
    (line,) = json_lines()
    assert line["request_id"] == response["X-Request-ID"]
    assert (line["event"], line["request"], line["code"]) == ("request_finished", "GET /healthz", 200)


def test_no_query_gets_into_the_log(client, json_lines):
    client.get("/healthz?code=an-oauth-code")
    assert "an-oauth-code" not in json.dumps(json_lines())


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/join/sunny/i/", "/no-reminders/", "/accounts/confirm-email/"])
def test_no_key_of_a_link_gets_into_the_log(client, json_lines, path):
    client.get(f"{path}a-secret-key/")
    lines = json_lines()
    assert [line["request"] for line in lines if "request" in line] == [f"GET {path}…/"]
    assert "a-secret-key" not in json.dumps(lines)


@pytest.mark.django_db
def test_no_page_is_kept_unless_its_view_says_so(client):
    for path in ("/accounts/login/", "/accounts/2fa/", "/nowhere/", "/admin/"):
        assert "no-store" in client.get(path)["Cache-Control"]


def test_an_exception_is_one_json_line_too(client, json_lines):
    try:
        raise ValueError("something broke")
    except ValueError:
        logging.getLogger("ingest").exception("could not do %s", "it")
    (line,) = json_lines()
    assert line["event"] == "could not do it"
    assert "ValueError: something broke" in line["exception"]


def test_an_id_sent_from_outside_is_not_believed(client):
    assert client.get("/healthz", headers={"X-Request-ID": "mine"})["X-Request-ID"] != "mine"


@pytest.mark.django_db
def test_scripts_may_be_evaluated_in_the_admin_and_nowhere_else(admin_client, client):
    assert "'unsafe-eval'" in admin_client.get("/admin/auth/user/")["Content-Security-Policy"]
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_staff_sign_in_through_allauth(client):
    response = client.get("/admin/login/", follow=True)
    assert response.request["PATH_INFO"] == "/accounts/login/"


def test_addresses_with_keys_in_them_are_not_logged_by_the_http_library(settings):
    log_config.configure(log_config.settings(log_format="json", level="DEBUG"))
    try:
        assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.ERROR)
    finally:
        log_config.configure(settings.LOGGING)
