"""Who sees what, since when, and how it is changed, stopped, given again and disconnected."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from gateways.models import Event
from ingest import connections, credentials, outbox
from ingest.models import Connection, GatewayQueue, Message, Reading, System
from ingest.vendors.errors import VendorAuthFailed
from onboarding import consents, linking, my_sharing
from onboarding.models import Consent, JoinSession
from tests.factories import NOW
from tests.onboarding import homes

pytestmark = pytest.mark.django_db


def see(browser, name, *args):
    response = browser.get(reverse(name, args=args))
    assert response.status_code == 200, response.headers
    return " ".join(response.text.split())


def stored_of(system, kind):
    return Reading.objects.filter(der__system=system, der__kind=kind).count()


def test_the_center_says_who_sees_what_since_and_until_when_and_what_was_last_read_and_sent(signed_in, villa):
    Connection.objects.update(last_success_at=NOW)
    GatewayQueue.objects.update(last_delivered_at=NOW + timedelta(days=1))
    page = see(signed_in, "home_consents")
    partner = villa.connection.partner.name
    assert f"{partner} reads from Solis:" in page
    assert f"{partner} sees your readings" in page
    assert "What your solar panels produce" in page
    assert "June 15, 2026" in page
    assert "June 15, 2028" in page
    assert "June 16, 2026, 2 p.m." in page
    consent = Consent.objects.first()
    assert consent is not None
    assert consent.text.splitlines()[0] in page


def test_stopping_the_rewards_withdraws_what_waits_and_sends_nothing_more(signed_in, anna, villa):
    assert Message.objects.filter(state="waiting").exists()
    signed_in.post(reverse("home_stop", args=[villa.connection.uid, "rewards"]))
    villa.refresh_from_db()
    assert (villa.sends, villa.shown) == (False, True)
    assert homes.active_purposes(villa.connection) == {"service"}
    assert not Message.objects.filter(state="waiting").exists()
    assert GatewayQueue.objects.get().waiting == 0
    homes.read(villa, until=NOW)
    assert not Message.objects.exists()
    villa.connection.refresh_from_db()
    assert villa.connection.status == "active"


def test_stopping_the_service_hides_the_readings_from_staff_and_sends_on(signed_in, villa):
    signed_in.post(reverse("home_stop", args=[villa.connection.uid, "service"]))
    villa.refresh_from_db()
    assert (villa.sends, villa.shown) == (True, False)
    assert Message.objects.filter(state="waiting").exists()


def test_the_other_purpose_keeps_its_own_dates(signed_in, villa):
    before = Consent.objects.get(purpose="service", ended_at=None)
    signed_in.post(reverse("home_stop", args=[villa.connection.uid, "rewards"]))
    after = Consent.objects.get(purpose="service", ended_at=None)
    assert (after.pk, after.given_at) == (before.pk, before.given_at)


def test_an_account_without_any_purpose_left_is_disconnected_and_that_is_said_before(signed_in, anna, villa):
    for purpose, said in (("service", False), ("rewards", True)):
        assert ("Solis is disconnected, too" in signed_in.get(reverse("home_consents")).text) is said
        my_sharing.stop(connection=villa.connection, purpose=purpose, by=anna, now=NOW)
    connection = Connection.objects.get()
    assert (connection.status, connection.secrets) == ("disconnected", "")
    assert set(Consent.objects.values_list("ending", flat=True)) == {"stopped"}


def test_a_purpose_can_be_given_again_and_only_new_readings_go(signed_in, anna, villa):
    my_sharing.stop(connection=villa.connection, purpose="rewards", by=anna, now=NOW)
    url = reverse("home_sharing", args=[villa.connection.uid])
    assert 'value="rewards" id="id_purposes_0"' in see(signed_in, "home_sharing", villa.connection.uid)
    answer = signed_in.post(url, {"purposes": ["rewards", "service"], "kinds": ["pv", "battery", "meter"]})
    assert answer.headers["Location"] == reverse("home_consents")
    villa.refresh_from_db()
    assert villa.sends
    assert not Message.objects.exists()
    homes.read(villa, 1, until=NOW)
    assert Message.objects.filter(state="waiting").count() == 3


def test_what_is_agreed_to_is_kept_as_it_was_shown(signed_in, villa):
    uid = villa.connection.uid
    page = see(signed_in, "home_sharing", uid)
    signed_in.post(reverse("home_sharing", args=[uid]), {"purposes": ["rewards"], "kinds": ["pv"]})
    given = Consent.objects.get(connection=villa.connection, ended_at=None)
    assert (given.purpose, given.kinds, given.language) == ("rewards", ["pv"], "en")
    for line in given.text.splitlines():
        assert line.removeprefix("- ") in page
    assert Consent.objects.filter(ending="replaced").count() == 2


def test_a_kind_that_is_unticked_is_not_kept_any_more(signed_in, villa):
    meters = stored_of(villa, "meter")
    url = reverse("home_sharing", args=[villa.connection.uid])
    signed_in.post(url, {"purposes": ["rewards", "service"], "kinds": ["pv", "battery"]})
    assert Connection.objects.get().withheld_kinds == ["meter"]
    assert not Message.objects.filter(state="waiting", der__kind="meter").exists()
    homes.read(System.objects.get(), until=NOW)
    assert stored_of(villa, "meter") == meters
    assert stored_of(villa, "battery") > meters


@pytest.mark.parametrize(
    "answers", [{}, {"purposes": ["rewards"]}, {"kinds": ["pv"]}, {"purposes": ["everything"], "kinds": ["pv"]}],
    ids=["nothing", "no kind", "no purpose", "a purpose there is none of"],
)  # fmt: skip
def test_a_form_that_shares_nothing_is_refused_and_changes_nothing(signed_in, villa, answers):
    answer = signed_in.post(reverse("home_sharing", args=[villa.connection.uid]), answers)
    assert answer.status_code == 422
    assert "<title>Error:" in " ".join(answer.text.split())
    assert homes.active_purposes(villa.connection) == {"rewards", "service"}


def test_sharing_nothing_is_no_change_of_sharing(anna, villa):
    with pytest.raises(ValidationError, match="disconnect"):
        my_sharing.share(connection=villa.connection, purposes=[], kinds=["pv"], language="en", by=anna, now=NOW)


def test_disconnecting_ends_the_consents_forgets_the_keys_and_keeps_the_home(signed_in, villa):
    uid = villa.connection.uid
    assert "Your home stays bound to its wallet" in see(signed_in, "home_disconnect", uid)
    signed_in.post(reverse("home_disconnect", args=[uid]))
    connection = Connection.objects.get()
    assert (connection.status, connection.secrets) == ("disconnected", "")
    assert not consents.active(connection).exists()
    assert homes.gateway_of(System.objects.get()).status == "active"
    assert not Message.objects.filter(state="waiting").exists()
    assert stored_of(villa, "pv") > 0


def test_who_connects_again_agrees_first_and_goes_on_with_the_same_home(signed_in, anna, villa, monkeypatch):
    monkeypatch.setattr(connections, "test_credentials", lambda *_, **__: [])
    my_sharing.disconnect(connection=villa.connection, by=anna, now=NOW)
    uid, serial = villa.connection.uid, homes.gateway_of(villa).serial
    reconnect, sharing = reverse("home_reconnect", args=[uid]), reverse("home_sharing", args=[uid])
    assert signed_in.get(reconnect).headers["Location"] == sharing
    answer = signed_in.post(sharing, {"purposes": ["rewards"], "kinds": ["pv", "battery", "meter"]})
    assert answer.headers["Location"] == reconnect
    assert signed_in.post(reconnect, {**homes.KEYS, "key_id": anna.email}).status_code == 302
    system = System.objects.get()
    assert (system.connection.status, homes.gateway_of(system).serial, system.sends) == ("active", serial, True)


def test_keys_that_the_vendor_refuses_are_not_kept(signed_in, villa, monkeypatch):
    def refuse(*_, **__):
        raise VendorAuthFailed("wrong key")

    monkeypatch.setattr(connections, "test_credentials", refuse)
    before = Connection.objects.get().secrets
    answer = signed_in.post(reverse("home_reconnect", args=[villa.connection.uid]), homes.KEYS)
    assert answer.status_code == 422
    assert "does not accept these keys" in answer.text
    assert "TOP-SECRET" not in answer.text
    assert Connection.objects.get().secrets == before


def test_new_keys_bring_an_account_back_that_needed_its_owner(signed_in, anna, villa, monkeypatch):
    monkeypatch.setattr(connections, "test_credentials", lambda *_, **__: [])
    connections.mark_needs_reconnect(connection=villa.connection, reason="401", now=NOW)
    signed_in.post(reverse("home_reconnect", args=[villa.connection.uid]), {**homes.KEYS, "key_id": anna.email})
    connection = Connection.objects.get()
    assert (connection.pk, connection.status, connection.needs_reconnect_at) == (villa.connection.pk, "active", None)


def test_an_account_with_consent_goes_to_the_vendors_own_page(signed_in, anna, clouds, join_page):
    application = linking.offered(join_page.partner, NOW)["solaredge"]
    connection = Connection.objects.create(
        partner=join_page.partner,
        vendor="solaredge",
        scheme="siteaccess",
        label="a",
        owner=anna,
        credential=application,
    )
    homes.share(connection)
    url = reverse("home_reconnect", args=[connection.uid])
    page = signed_in.get(url)
    assert clouds.rsplit(":", 1)[-1] in page.headers["Content-Security-Policy"]
    answer = signed_in.post(url)
    assert answer.headers["Location"].startswith(f"{clouds}/solaredge/")
    session = JoinSession.objects.get()
    assert (session.connection, session.user) == (connection, anna)
    assert str(session.uid) in signed_in.session["join_sessions"]


def test_an_account_that_the_partner_keys_open_is_the_partners_to_look_after(signed_in, anna, join_page):
    key = credentials.add(
        partner=join_page.partner, vendor="solaredge", name="Fleet", secrets={"api_key": "k"}, by="test", now=NOW
    )
    connection = connections.connect(
        partner=join_page.partner, vendor="solaredge", label="a", credential=key, owner=anna, by="test", now=NOW
    )
    homes.share(connection)
    assert "looks after this account" in see(signed_in, "home_reconnect", connection.uid)


@pytest.mark.parametrize("stranger", ["neighbor", "staff of the same partner"])
def test_an_account_of_somebody_else_is_not_found(villa, stranger):
    other = homes.user("bo@example.com", is_staff=stranger != "neighbor")
    if other.is_staff:
        other.memberships.create(partner=villa.connection.partner, role="owner")
    browser, uid = homes.confirmed(other), villa.connection.uid
    for name in ("home_sharing", "home_disconnect", "home_reconnect"):
        assert browser.get(reverse(name, args=[uid])).status_code == 404
        assert browser.post(reverse(name, args=[uid])).status_code == 404
    assert browser.post(reverse("home_stop", args=[uid, "rewards"])).status_code == 404
    assert homes.active_purposes(villa.connection) == {"rewards", "service"}
    assert villa.connection.partner.name not in see(browser, "home_consents")


def test_nothing_is_stopped_by_a_link(signed_in, villa):
    assert signed_in.get(reverse("home_stop", args=[villa.connection.uid, "rewards"])).status_code == 405


def test_a_foreign_page_can_stop_nothing(anna, villa):
    browser = homes.browser(anna)
    browser.handler.enforce_csrf_checks = True
    assert browser.post(reverse("home_stop", args=[villa.connection.uid, "rewards"])).status_code == 403
    assert homes.active_purposes(villa.connection) == {"rewards", "service"}


def test_what_is_changed_stands_in_the_log_without_names(anna, villa):
    my_sharing.disconnect(connection=villa.connection, by=anna, now=NOW)
    named = [event for event in Event.objects.all() if anna.email in str((event.subject, event.actor, event.data))]
    assert named == []
    assert Event.objects.filter(name="consent.ended").count() == 2


def test_a_claimed_message_of_a_stopped_home_is_not_written_down_as_waiting(anna, villa):
    now = timezone.now()
    (claim,) = outbox.claim_due(now=now)
    my_sharing.stop(connection=villa.connection, purpose="rewards", by=anna, now=NOW)
    outbox.record([outbox.Outcome(claim, delivered=[m.id for m in claim.messages])], vendors={}, now=now)
    assert GatewayQueue.objects.get().waiting == 0


@pytest.mark.parametrize("vendor", ["solaredge", "enphase"])
def test_a_lost_account_is_connected_again_at_the_vendor_and_keeps_its_homes(homeowner, clouds, vendor):
    login = f"ok+reconnect-{vendor}"
    homeowner.sign_up()
    homeowner.agree(vendor)
    homeowner.consent_at_the_vendor(login)
    connection = Connection.objects.get()
    systems = list(connection.systems.values_list("pk", "external_id"))
    connections.mark_needs_reconnect(connection=connection, reason="401", now=NOW)
    leave = homeowner.browser.post(reverse("home_reconnect", args=[connection.uid]))
    answer = homeowner.browser.get(homeowner.answer_of_vendor(leave, login))
    assert answer["Location"] == "/home/"
    again = Connection.objects.get()
    assert (again.pk, again.status) == (connection.pk, "active")
    assert systems
    assert list(again.systems.values_list("pk", "external_id")) == systems


def test_the_consent_of_another_account_connects_nothing(homeowner, clouds):
    homeowner.sign_up()
    homeowner.agree("enphase")
    homeowner.consent_at_the_vendor("ok+mine")
    connection = Connection.objects.get()
    tokens = connection.secrets
    leave = homeowner.browser.post(reverse("home_reconnect", args=[connection.uid]))
    answer = homeowner.browser.get(homeowner.answer_of_vendor(leave, "ok+other"), follow=True)
    assert "This is the consent of another account." in answer.text
    assert Connection.objects.get().secrets == tokens
