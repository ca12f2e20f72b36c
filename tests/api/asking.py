"""What a caller brings for vendors, and the trouble they can have."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from django.utils import timezone

from onboarding.vendor_oauth import redirect_uri
from tests.clouds import APPLICATIONS

SOLIS = base64.b64encode(b"sandbox-key:sandbox-secret").decode()
SOLAREDGE = {"X-Authorization-solaredge": "sandbox-fleet-key"}
APP = APPLICATIONS["enphase"][1]


def solis(value=SOLIS):
    return {"X-Authorization-solis": f"Basic {value}"}


def kind_of(problem):
    return problem["type"].rpartition("#")[2]


@pytest.fixture
def fault(clouds):
    """Order that the next requests to a cloud go wrong."""

    def order(vendor, **how):
        requests.post(f"{clouds}/__admin/faults", json={"cloud": vendor, **how}, timeout=60).raise_for_status()

    return order


@pytest.fixture(scope="module")
def enphase_token(running_clouds):
    """An access token as an owner's consent gives it to another app than the portal."""
    url, app = f"{running_clouds}/enphase", {**APP, "redirect_uri": redirect_uri("enphase")}
    requests.post(f"{url}/__admin/apps", json=app, timeout=60).raise_for_status()
    http = requests.Session()
    asked = {"response_type": "code", "client_id": APP["client_id"], "redirect_uri": app["redirect_uri"], "state": "s"}
    page = http.get(f"{url}/api/oauth/authorize", params=asked, timeout=60)
    for fields in ({"username": "ok", "password": "any"}, {"decision": "approve"}):
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        hidden = dict(re.findall(r'"hidden" name="(.*?)" value="(.*?)"', page.text))
        page = http.post(urljoin(page.url, action), {**hidden, **fields}, timeout=60, allow_redirects=False)
    (code,) = parse_qs(urlsplit(page.headers["Location"]).query)["code"]
    query = {"grant_type": "authorization_code", "code": code, "redirect_uri": app["redirect_uri"]}
    auth = (APP["client_id"], APP["client_secret"])
    return requests.post(f"{url}/api/oauth/token", params=query, auth=auth, timeout=60).json()["access_token"]


@pytest.fixture
def enphase(enphase_token):
    return {"X-Authorization-enphase": f"bearer {enphase_token}", "X-enphase-api-key": APP["api_key"]}


def yesterday():
    """A day that is over, in Amsterdam's summer or winter."""
    return (timezone.now() - timedelta(days=2)).replace(hour=6, minute=0, second=0, microsecond=0)
