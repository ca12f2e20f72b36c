"""Sandbox and production never mix, and settings that name nothing are told."""

from __future__ import annotations

import pytest
from django.db import connections

from config import startup
from gateways.models import Partner
from ingest import checks
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_production_partner_and_the_real_world_go_together(settings):
    factories.partner(environment=Partner.Environment.PRODUCTION)
    assert checks.production_never_talks_to_the_sandbox() == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:8801/sen/", "http://localhost/sen/", "https://sandbox.example/sen/"])
@pytest.mark.parametrize("name", ["SEN_DATA_URL", "SEN_GRAPHQL_URL"])
def test_a_production_partner_against_a_sandbox_url_is_an_error(settings, name, url):
    settings.SANDBOX_URL = "https://sandbox.example"
    setattr(settings, name, url)
    factories.partner()
    assert checks.production_never_talks_to_the_sandbox() == [], "sandbox partners may do as they like"
    factories.partner(environment=Partner.Environment.PRODUCTION)
    (error,) = checks.production_never_talks_to_the_sandbox()
    assert error.id == "ingest.E001"
    assert name in error.msg
    assert url in error.msg


def test_a_vendor_cloud_of_a_production_partner_is_looked_at_too(settings):
    settings.VENDOR_URLS = {"solis": {"api": "http://localhost:13333"}}
    factories.partner(environment=Partner.Environment.PRODUCTION)
    (error,) = checks.production_never_talks_to_the_sandbox()
    assert "VENDOR_URLS[solis][api]" in error.msg


def test_no_process_starts_with_a_production_partner_against_the_sandbox(settings, monkeypatch, capsys):
    monkeypatch.setattr(connections, "close_all", lambda: None)  # the test's transaction is in there
    settings.SEN_DATA_URL = "http://127.0.0.1:8801/sen/gw/data/"
    startup.refuse_what_must_not_run()
    factories.partner(environment=Partner.Environment.PRODUCTION)
    with pytest.raises(SystemExit):
        startup.refuse_what_must_not_run()
    assert "Not started: SEN_DATA_URL is http://127.0.0.1:8801" in capsys.readouterr().err


@pytest.mark.parametrize("urls", [{"nobody": {"api": "https://a.example"}}, {"solis": {"data": "https://a.example"}}])
def test_hosts_of_unknown_vendors_or_roles_are_an_error(settings, urls):
    settings.VENDOR_URLS = urls
    (error,) = checks.vendor_urls_name_known_hosts()
    assert error.id == "ingest.E002"
    settings.VENDOR_URLS = {"solis": {"api": "https://a.example"}}
    assert checks.vendor_urls_name_known_hosts() == []
