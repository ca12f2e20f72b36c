"""Join flows at the stand-ins' own consent pages, with every login there is."""

from __future__ import annotations

import re
import uuid
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from django.utils import timezone

from ingest.models import Connection, Der
from onboarding import enrollments
from onboarding.models import Consent, Enrollment, JoinSession
from tests.ingest.vendor import pull_once
from tests.onboarding.flows.walk import STATE, Site
from tests.onboarding.homeowner import SOLIS_KEYS

pytestmark = pytest.mark.django_db

BOTH = pytest.mark.parametrize("vendor", ["enphase", "solaredge"])


@pytest.fixture
def site(join_page, clouds):
    applications = {one.vendor: one for one in join_page.partner.credentials.all()}
    return Site(join_page.partner, vendors={**applications, "solis": None})


@pytest.fixture
def walk(site, client, vendor):
    """Walk from the partner's site through all pages; return what the partner is told, "" if one stays on the way."""

    def go(login, *, decision="yes"):
        arrived = consented(client.get(site.link(vendor=vendor))["Location"], login, decision)
        return site.told(client.get(arrived)) if arrived else ""

    return go


def consented(url, login, decision):
    """Fill in the vendor's forms, at most one of each kind; return where the browser is sent in the end."""
    login, http = f"{login}+{uuid.uuid4().hex[:8]}", requests.Session()
    page = http.get(url, timeout=60)
    for _ in range(3):
        if page.status_code == 302:
            break
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        fields = {
            name: unescape(value) for name, value in re.findall(r'"hidden" name="(.*?)" value="(.*?)"', page.text)
        }
        fields |= {"username": login, "login": login, "password": "any", "code": "123456"}
        fields |= {"site": sites[0]} if (sites := re.findall(r'name="site" value="(\d+)"', page.text)) else {}
        fields["decision"] = (
            re.findall(r'name="decision" value="(\w+)"', page.text)[decision == "no"] if "decision" in page.text else ""
        )
        page = http.post(urljoin(page.url, action), fields, timeout=60, allow_redirects=False)
    back = urlsplit(page.headers.get("Location", ""))
    return f"{back.path}?{back.query}" if back.path else ""


@BOTH
@pytest.mark.parametrize("login", ["ok", "ok_two_sites", "mfa"])
def test_a_yes_ends_with_homes_that_are_read(walk, vendor, login):
    told = walk(login)
    enrollment = Enrollment.objects.get()
    # SolarEdge's grants are for one site each.
    expected = 2 if (vendor, login) == ("enphase", "ok_two_sites") else 1
    assert (told["state"], told["enrollmentID"]) == (STATE, str(enrollment.uid))
    assert enrollment.connection.systems.filter(gateway__isnull=False).count() == expected
    assert Consent.objects.get().connection == enrollment.connection


@BOTH
def test_a_wrong_password_stays_at_the_vendor_and_spoils_nothing(walk):
    assert walk("badlogin") == ""
    assert JoinSession.objects.get().used_at is None


@BOTH
def test_access_that_is_taken_away_later_leaves_an_enrollment_whose_account_needs_its_owner(walk):
    walk("badlogin_after")
    for _ in range(2):
        Connection.objects.update(next_pull_at=timezone.now())
        pull_once(Connection.objects.get(), timezone.now)
    assert Connection.objects.get().status == "needs_reconnect"
    assert Enrollment.objects.get().status == "active"


@BOTH
def test_a_vendor_that_is_down_when_the_browser_is_back_ends_at_the_partner(walk):
    told = walk("vendor_down")
    assert (told["error"], told["state"]) == ("temporarily_unavailable", STATE)
    assert not Connection.objects.exists()


@BOTH
@pytest.mark.parametrize("login,decision", [("denied", "yes"), ("ok", "no")])
def test_a_no_at_the_vendor_ends_at_the_partner(walk, login, decision):
    told = walk(login, decision=decision)
    assert (told["error"], told["state"]) == ("access_denied", STATE)


@BOTH
def test_an_account_without_devices_is_enrolled_and_waits_for_them(walk):
    assert "enrollmentID" in walk("no_devices")
    assert not Der.objects.exists()


def test_keys_end_with_homes_that_are_read(site, client):
    told = site.told(client.post(site.open_form(client), SOLIS_KEYS))
    enrollment = Enrollment.objects.get(uid=told["enrollmentID"])
    assert enrollment.connection.systems.filter(gateway__isnull=False).exists()
    assert enrollments.settle(now=timezone.now(), until=float("inf")) == 0
