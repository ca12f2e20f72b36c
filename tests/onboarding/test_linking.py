"""From keys to a connected account: whose it is, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from ingest import connections, credentials
from ingest.models import Connection
from ingest.vendors.errors import VendorAuthFailed
from onboarding import linking
from onboarding.linking import LinkRefused
from tests import factories
from tests.clouds import APPLICATIONS
from tests.factories import NOW
from tests.onboarding.homeowner import SOLIS_KEYS

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return factories.partner()


@pytest.fixture
def anna():
    return User.objects.create_user("anna", "anna@home.example")


@pytest.fixture
def link(partner, anna, clouds):
    def keys(owner=anna, of=partner, **changed):
        return linking.link_keys(
            partner=of, vendor="solis", scheme="apikeysecret", secrets=SOLIS_KEYS | changed, owner=owner, label="home",
            by="test", clock=timezone.now,
        )  # fmt: skip

    return keys


def application(partner, vendor, name="App", **fields):
    scheme, secrets = APPLICATIONS[vendor]
    own = {"partner": partner, "vendor": vendor, "name": name, "scheme": scheme, "secrets": secrets}
    return credentials.add(**own, by="test", now=NOW, **fields)


def test_a_vendor_with_consents_is_offered_with_the_partners_application(partner):
    assert linking.offered(partner, NOW) == {"solis": None}
    app = application(partner, "enphase")
    application(factories.partner(), "solaredge")
    assert linking.offered(partner, NOW) == {"enphase": app, "solis": None}


def test_a_fleet_key_is_no_way_in_for_homeowners(partner):
    secrets = {"api_key": "fleet"}
    credentials.add(partner=partner, vendor="solaredge", name="Fleet", secrets=secrets, by="test", now=NOW)
    assert "solaredge" not in linking.offered(partner, NOW)


def test_of_two_applications_the_newest_counts_that_is_not_over(partner):
    first = application(partner, "enphase")
    second = application(partner, "enphase", "Next", expires_at=NOW + timedelta(days=1))
    assert linking.offered(partner, NOW)["enphase"] == second
    assert linking.offered(partner, NOW + timedelta(days=1))["enphase"] == first


def test_keys_that_work_connect_an_account_of_their_owner(link, anna):
    connection = link()
    assert (connection.owner, connection.status) == (anna, Connection.Status.ACTIVE)


def test_keys_that_do_not_work_are_not_kept(link):
    with pytest.raises(VendorAuthFailed):
        link(key_secret="wrong")
    assert not Connection.objects.exists()


def test_the_same_keys_again_are_the_same_account(link):
    first = link()
    connections.disconnect(connection=first, by="test", now=NOW)
    again = link()
    assert (again.pk, again.status) == (first.pk, Connection.Status.ACTIVE)
    assert Connection.objects.count() == 1


def test_keys_that_were_sent_twice_at_once_are_one_account_and_nobody_elses(link, monkeypatch):
    first = link()
    monkeypatch.setattr(connections, "known_account", lambda **_: None)  # as it was when both began
    assert link() == first
    with pytest.raises(LinkRefused):
        link(owner=User.objects.create_user("berit"))


@pytest.mark.parametrize("whose", ["another homeowner's", "the partner's own"])
def test_an_account_of_somebody_else_is_refused(whose, link, anna):
    link(owner=None if whose == "the partner's own" else User.objects.create_user("berit"))
    with pytest.raises(LinkRefused, match="linked already, under another sign-in") as refused:
        link(owner=anna)
    assert refused.value.code == "already_linked"
    assert Connection.objects.get().owner != anna


def test_another_partner_may_read_the_same_account(link):
    link()
    link(of=factories.partner())
    assert Connection.objects.count() == 2
