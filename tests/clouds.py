"""The stand-ins of SEN and of all vendors in this process, and a partner that homeowners can join: as fixtures."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import requests
from werkzeug.serving import make_server

import sandbox.server
from ingest import credentials
from ingest.vendors.solis import Solis
from onboarding.models import JoinPage
from onboarding.vendor_oauth import redirect_uri
from tests import factories
from tests.factories import NOW

APPLICATIONS = {
    "enphase": (
        "developerapp",
        {"client_id": "sandbox-enphase", "client_secret": "sandbox-enphase-secret", "api_key": "sandbox-enphase-key"},
    ),
    "solaredge": ("siteaccess", {"client_id": "sandbox-solaredge", "client_secret": "sandbox-solaredge-secret"}),
}


@pytest.fixture(scope="module")
def running_clouds():
    server = make_server("127.0.0.1", 0, sandbox.server.create(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    requests.post(f"{url}/solis/__admin/settings", json={"per_second": 1000}, timeout=60).raise_for_status()
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clouds(running_clouds, settings, monkeypatch):
    """The stand-ins of SEN and the vendors, where our applications are registered; Solis' second is not waited for."""
    settings.SANDBOX_URL = running_clouds
    for vendor, (_, secrets) in APPLICATIONS.items():
        app = {**secrets, "redirect_uri": redirect_uri(vendor)}
        requests.post(f"{running_clouds}/{vendor}/__admin/apps", json=app, timeout=60).raise_for_status()
    monkeypatch.setattr(Solis, "policy", dataclasses.replace(Solis.policy, quotas=()))
    yield running_clouds
    requests.delete(f"{running_clouds}/__admin/faults", timeout=60)


@pytest.fixture
def join_page(db):
    """A partner whose homeowners can join with Solis, Enphase and SolarEdge."""
    gateway_type = factories.gateway_type(factories.partner(slug="sunny", name="Sunny Homes"))
    for vendor, (scheme, secrets) in APPLICATIONS.items():
        credentials.add(
            partner=gateway_type.partner, vendor=vendor, name="App", scheme=scheme, secrets=secrets, by="test", now=NOW
        )
    return JoinPage.objects.create(
        partner=gateway_type.partner, gateway_type=gateway_type, support_email="help@sunny.example"
    )
