"""What comes of a trip: consents, homes that are read, and a vendor that takes its time to approve."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from gateways.models import Event, Gateway
from ingest import connections, upkeep
from ingest.models import Connection, System
from ingest.vendors.base import Approval
from ingest.vendors.errors import VendorUnavailable
from onboarding import enrollments
from onboarding.models import Consent, Enrollment, JoinPage, JoinSession
from tests import factories
from tests.ingest.vendor import home, pull_once
from tests.onboarding.flows.walk import Site, application

pytestmark = pytest.mark.django_db


def settle():
    return enrollments.settle(now=timezone.now(), until=math.inf)


def told(enrollment):
    events = Event.objects.filter(subject=f"enrollment:{enrollment.uid}").order_by("sequence")
    return [event.name.removeprefix("enrollment.") for event in events]


@pytest.fixture
def grid(site):
    """A flow at a vendor that looks at each account before it may be read."""
    return Site(site.partner, vendors={"enphase": application(site.partner, "grid", "Grid")}, name="Grid")


@pytest.fixture
def pending(grid, client):
    grid.join(client)
    return Enrollment.objects.get()


def ask_vendor(vendor, approval):
    """Let the vendor have decided, and the ticks pass."""
    vendor.approves = approval
    Connection.objects.update(next_pull_at=timezone.now() - timedelta(minutes=1))
    upkeep.ask_approvals(clock=timezone.now, until=math.inf)
    settle()


# --- an account that may be read at once ------------------------------------------------------------------------------


def test_each_home_gets_a_gateway_and_is_pulled(site, client, vendor):
    vendor.homes = [home("first"), home("second", sn="PV-2")]
    site.join(client)
    of_type = site.partner.gateway_types.get()
    assert list(System.objects.values_list("name", "gateway__gateway_type")) == [
        ("first", of_type.pk), ("second", of_type.pk)
    ]  # fmt: skip
    assert Connection.objects.filter(next_pull_at__lte=timezone.now()).exists()
    assert told(Enrollment.objects.get()) == ["created"]


def test_homes_get_the_type_of_the_partners_join_page(site, client):
    chosen = factories.gateway_type(site.partner)
    JoinPage.objects.create(partner=site.partner, gateway_type=chosen)
    site.join(client)
    assert Gateway.objects.get().gateway_type == chosen


def test_homes_wait_where_nobody_has_said_of_which_type_they_are(site, client):
    second = factories.gateway_type(site.partner)
    site.join(client)
    assert System.objects.get().gateway is None
    JoinPage.objects.create(partner=site.partner, gateway_type=second)
    settle()
    assert Gateway.objects.get(system__isnull=False).gateway_type == second


def test_homes_the_vendor_tells_of_later_are_taken_in_by_the_tick(site, client, vendor):
    vendor.down = VendorUnavailable("503")
    site.join(client)
    vendor.down = None
    pull_once(Connection.objects.get(), timezone.now)
    settle()
    assert System.objects.get().gateway is not None


def test_a_home_that_sends_through_another_account_is_left_alone(site, client):
    site.join(client)
    site.join(Client(), code="bert", user="user-8")
    settle()
    assert {system.connection.account for system in System.objects.filter(gateway=None)} == {"bert"}


def test_what_is_agreed_to_is_what_the_flow_asks_for(site, client):
    Site(site.partner, purposes=["service"], kinds=["pv"], name="Help only").join(client)
    consent = Consent.objects.get()
    account = Connection.objects.get()
    assert (consent.purpose, consent.kinds, consent.subject) == ("service", ["pv"], "user-7")
    assert (consent.connection, consent.user) == (account, None)
    assert account.withheld_kinds == ["battery", "meter"]
    assert System.objects.values_list("sends", "shown").get() == (False, True)


def test_joining_again_replaces_the_consent_and_keeps_the_enrollment(site, client):
    before = site.join(client)["enrollmentID"]
    assert site.join(client)["enrollmentID"] == before
    assert sorted(Consent.objects.values_list("ending", flat=True)) == ["", "replaced"]
    assert told(Enrollment.objects.get()) == ["created", "renewed"]


def test_through_another_flow_it_is_another_enrollment_and_what_that_asks_for_counts(site, client):
    site.join(client)
    other = Site(site.partner, purposes=["service"], name="Help only")
    now_one = other.join(client)["enrollmentID"]
    assert set(Enrollment.objects.values_list("uid", "status")) == {
        (Enrollment.objects.get(flow=site.flow).uid, "ended"), (Enrollment.objects.get(uid=now_one).uid, "active")
    }  # fmt: skip
    assert System.objects.values_list("sends", "shown").get() == (False, True)


def test_an_account_that_is_disconnected_ends_its_enrollment_and_consents(site, client):
    site.join(client)
    assert settle() == 0
    connections.disconnect(connection=Connection.objects.get(), by="test", now=timezone.now())
    assert (settle(), settle()) == (1, 0)
    enrollment = Enrollment.objects.get()
    assert (enrollment.status, told(enrollment)) == ("ended", ["created", "ended"])
    assert Consent.objects.get().ending == "stopped"


def test_who_joins_again_while_the_tick_is_about_to_end_it_stays_enrolled(site, client):
    site.join(client)
    connections.disconnect(connection=Connection.objects.get(), by="test", now=timezone.now())
    seen = Enrollment.objects.select_related("connection").get()
    site.join(Client())
    enrollments._follow(seen, timezone.now())
    assert Enrollment.objects.get().status == "active"
    assert Consent.objects.filter(ended_at=None).count() == 1


def test_an_account_that_needs_its_owner_stays_enrolled(site, client):
    site.join(client)
    connections.mark_needs_reconnect(connection=Connection.objects.get(), reason="401", now=timezone.now())
    assert settle() == 0


def test_another_user_may_have_an_account_that_was_disconnected(site, client):
    site.join(client)
    connections.disconnect(connection=Connection.objects.get(), by="test", now=timezone.now())
    site.join(Client(), user="user-8")
    assert list(Enrollment.objects.order_by("pk").values_list("user_reference", "status")) == [
        ("user-7", "ended"), ("user-8", "active")
    ]  # fmt: skip
    assert Consent.objects.get(ended_at=None).subject == "user-8"


# --- an account that the vendor has to approve ------------------------------------------------------------------------


def test_an_enrollment_waits_for_the_vendor(pending):
    assert (pending.status, pending.settled_at) == ("pending_vendor", None)
    assert settle() == 0
    assert not System.objects.exists()


def test_an_approved_enrollment_is_active_and_its_homes_are_read(pending, vendor):
    ask_vendor(vendor, Approval.PENDING)
    assert Enrollment.objects.get().status == "pending_vendor"
    ask_vendor(vendor, Approval.GRANTED)
    pull_once(Connection.objects.get(), timezone.now)
    settle()
    enrollment = Enrollment.objects.get()
    assert (enrollment.status, told(enrollment)) == ("active", ["created", "activated"])
    assert System.objects.get().gateway is not None


def test_a_rejected_enrollment_is_rejected_and_nothing_is_agreed_to_any_more(pending, vendor):
    ask_vendor(vendor, Approval.REJECTED)
    enrollment = Enrollment.objects.get()
    assert (enrollment.status, told(enrollment)) == ("rejected", ["created", "rejected"])
    assert not Consent.objects.filter(ended_at=None).exists()


def test_who_was_rejected_may_ask_again(pending, grid, vendor):
    ask_vendor(vendor, Approval.REJECTED)
    assert grid.join(Client())["enrollmentID"] == str(pending.uid)
    assert Enrollment.objects.get().status == "pending_vendor"
    connections.disconnect(connection=Connection.objects.get(), by="test", now=timezone.now())
    settle()
    assert Enrollment.objects.get().status == "ended"


# --- trips nothing came of --------------------------------------------------------------------------------------------


def test_trips_nothing_came_of_are_forgotten_after_a_month(site, client):
    site.begin(client)
    site.join(client)
    assert enrollments.forget_trips(now=timezone.now() + timedelta(days=30)) == 0
    assert enrollments.forget_trips(now=timezone.now() + timedelta(days=32)) == 1
    assert JoinSession.objects.get().enrollment is not None
