from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.models import Tally

pytestmark = pytest.mark.django_db


def test_the_counts_of_the_data_plane_are_told_to_prometheus(client):
    Tally.objects.create(kind="pull", vendor="solis", outcome="ok", count=7, seconds=3.5)
    response = client.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(response.content.decode())}
    (sample,) = families["portal_pulls"].samples
    assert (sample.labels, sample.value) == ({"vendor": "solis", "outcome": "ok"}, 7)
    assert response["Content-Type"].startswith("text/plain; version=")


@pytest.mark.parametrize(
    "request_parts",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
    ],
)
def test_without_a_token_only_this_machine_may_read(client, request_parts):
    assert client.get("/metrics", **request_parts).status_code == 403


def test_behind_a_proxy_there_must_be_a_token(client, settings):
    settings.BEHIND_PROXY = True
    assert client.get("/metrics").status_code == 403


@pytest.mark.parametrize(
    "given,status", [("Bearer t0ken", 200), ("Bearer other", 403), ("Bearer tökén", 403), ("", 403)]
)
def test_with_a_token_whoever_has_it_may_read(client, settings, given, status):
    settings.METRICS_TOKEN = "t0ken"
    assert client.get("/metrics", HTTP_AUTHORIZATION=given, REMOTE_ADDR="203.0.113.9").status_code == status
