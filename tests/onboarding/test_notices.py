from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from gateways.models import Membership, Partner
from ingest import connections, credentials
from ingest.models import Connection, VendorCredential
from onboarding import alerts, consents, expiry, journeys, letters, notices, reminders
from onboarding.emails import Letter, NotSent
from onboarding.models import Consent, JoinPage, Journey, Notice
from tests import factories

NOW = factories.NOW
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def partner() -> Partner:
    return factories.partner(name="Sunny", slug="sunny")


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", "anna@example.com")


@pytest.fixture
def broken_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)


def staff(partner: Partner, role: str) -> User:
    user = User.objects.create_user(role, f"{role}@example.com")
    Membership.objects.create(partner=partner, user=user, role=role)
    return user


def send_about(partner: Partner, about: str) -> bool:
    letter = Letter(subject="Hello", paragraphs=["You there."], link="http://x/", link_text="Go")
    return notices.send_once(
        kind="test", about=about, letter=lambda: letter, to=["a@example.com"], language="en", partner=partner, now=NOW
    )


def give(user: User, connection: Connection | None, *purposes: str, now: Any, partner: Partner | None = None) -> Any:
    owner: Any = partner or (connection and connection.partner)
    return consents.give(
        partner=owner, user=user, vendor="solis", purposes=purposes, kinds=["pv"], language="sv", now=now,
        connection=connection,
    )  # fmt: skip


# --- Once -------------------------------------------------------------------------------------------------------------


def test_an_incident_has_one_mail(partner: Partner, mailoutbox: Any) -> None:
    assert [send_about(partner, "one"), send_about(partner, "one"), send_about(partner, "two")] == [True, False, True]
    assert len(mailoutbox) == 2


def test_a_mail_that_did_not_leave_is_sent_another_time(partner: Partner, broken_mail: None) -> None:
    with pytest.raises(NotSent):
        send_about(partner, "one")
    assert not notices.was_sent("test", "one")


# --- Reminders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def journey(partner: Partner, anna: User) -> Journey:
    return journeys.begin(partner=partner, user=anna, now=NOW)


def test_a_journey_that_stands_still_for_a_day_is_reminded_of_once(journey: Journey, mailoutbox: Any) -> None:
    assert reminders.remind_due(now=NOW + DAY - timedelta(minutes=1)) == 0
    assert [reminders.remind_due(now=NOW + DAY * days) for days in (1, 2, 9)] == [1, 0, 0]
    (message,) = mailoutbox
    assert message.to == ["anna@example.com"]
    assert "/join/sunny/" in message.body
    assert [entry.what for entry in journey.entries.all()] == ["started", "reminded"]


def test_nobody_is_reminded_of_what_is_over_or_long_ago(partner: Partner, journey: Journey, mailoutbox: Any) -> None:
    assert reminders.remind_due(now=NOW + 20 * DAY) == 0
    journeys.abandon(journey=journey, by="test", now=NOW)
    assert reminders.remind_due(now=NOW + DAY) == 0
    with pytest.raises(ValidationError, match="over"):
        reminders.remind(journey=Journey.objects.get(), now=NOW)


def test_a_reminder_that_did_not_leave_is_tried_again(journey: Journey, mailoutbox: Any, monkeypatch: Any) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(mail.EmailMessage, "send", lambda *_, **__: (_ for _ in ()).throw(OSError("down")))
        assert reminders.remind_due(now=NOW + DAY) == 0
    assert reminders.remind_due(now=NOW + DAY) == 1


def test_the_link_in_a_reminder_stops_them_without_signing_in(
    partner: Partner, journey: Journey, anna: User, mailoutbox: Any
) -> None:
    reminders.remind_due(now=NOW + DAY)
    (message,) = mailoutbox
    link = message.extra_headers["List-Unsubscribe"].strip("<>")
    assert link in message.body
    browser = Client(enforce_csrf_checks=True)
    path = link.removeprefix(settings.PUBLIC_URL)
    assert browser.get(path).status_code == 200
    assert notices.wants_reminders(partner.pk, anna.pk), "a look at the page stops nothing: programs look, too"
    assert browser.post(path).status_code == 200
    assert not notices.wants_reminders(partner.pk, anna.pk)
    Notice.objects.filter(kind=reminders.KIND).delete()
    assert reminders.remind_due(now=NOW + DAY) == 0


def test_a_link_that_was_tampered_with_stops_nothing(client: Client, partner: Partner, anna: User) -> None:
    token = letters.stop_link(partner, anna).rstrip("/").rpartition("/")[2]
    assert client.post(reverse("no_reminders", args=[token[:-1] + "x"])).status_code == 404
    assert notices.wants_reminders(partner.pk, anna.pk)


def test_the_reminder_leads_to_the_sign_in_where_the_join_page_is_closed(journey: Journey, mailoutbox: Any) -> None:
    gateway_type = factories.gateway_type(journey.partner)
    JoinPage.objects.create(partner=journey.partner, gateway_type=gateway_type, open=False)
    assert reminders.remind(journey=Journey.objects.get(), now=NOW)
    assert "/accounts/login/?next=%2Fjoin%2Fsunny%2F" in mailoutbox[0].body


def test_the_reminder_speaks_the_language_of_the_invitation(partner: Partner, anna: User) -> None:
    assert notices.language_of(anna) == "en"
    consents.give(
        partner=partner, user=anna, vendor="solis", purposes=["rewards"], kinds=["pv"], language="de", now=NOW
    )
    assert notices.language_of(anna) == "de"


# --- Accounts that need their owner -----------------------------------------------------------------------------------


def lose(connection: Connection, at: Any) -> None:
    Connection.objects.filter(pk=connection.pk).update(status="active")
    connections.mark_needs_reconnect(connection=connection, reason="401", now=at)


def test_an_owner_is_asked_once_each_time_the_account_is_lost(partner: Partner, anna: User, mailoutbox: Any) -> None:
    connection = factories.connection(partner, owner=anna)
    assert alerts.ask_to_reconnect(now=NOW) == 0
    lose(connection, NOW)
    assert [alerts.ask_to_reconnect(now=NOW), alerts.ask_to_reconnect(now=NOW + DAY)] == [1, 0]
    assert mailoutbox[0].to == ["anna@example.com"]
    assert f"/home/consents/{connection.uid}/reconnect/" in mailoutbox[0].body
    lose(connection, NOW + 2 * DAY)
    assert alerts.ask_to_reconnect(now=NOW + 2 * DAY) == 1


def test_an_account_without_an_owner_is_told_to_the_partners_staff(partner: Partner, mailoutbox: Any) -> None:
    for role in ("owner", "operator", "support", "viewer"):
        staff(partner, role)
    lose(factories.connection(partner), NOW)
    assert alerts.ask_to_reconnect(now=NOW) == 1
    assert mailoutbox[0].to == ["operator@example.com", "owner@example.com"]
    assert "/admin/ingest/connection/" in mailoutbox[0].body


def test_one_mail_that_cannot_be_sent_holds_up_no_other(
    partner: Partner, anna: User, mailoutbox: Any, monkeypatch: Any
) -> None:
    bo = User.objects.create_user("bo", "bo@example.com")
    for owner in (anna, bo):
        lose(factories.connection(partner, owner=owner), NOW)
    send = mail.EmailMessage.send

    def refuse_anna(message: Any, *args: Any, **kwargs: Any) -> Any:
        if message.to == ["anna@example.com"]:
            raise OSError("mailbox full")
        return send(message, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(mail.EmailMessage, "send", refuse_anna)
        assert alerts.ask_to_reconnect(now=NOW) == 1
    assert alerts.ask_to_reconnect(now=NOW) == 1
    assert [message.to for message in mailoutbox] == [["bo@example.com"], ["anna@example.com"]]


def test_a_label_of_two_lines_adds_no_header_and_holds_up_no_mail(partner: Partner, mailoutbox: Any) -> None:
    staff(partner, "owner")
    lose(factories.connection(partner, label="Villa\r\nBcc: mallory@evil.example"), NOW)
    assert alerts.ask_to_reconnect(now=NOW) == 1
    assert mailoutbox[0].message()["Subject"].endswith("Villa Bcc: mallory@evil.example")
    assert mailoutbox[0].recipients() == ["owner@example.com"]


# --- What expires -----------------------------------------------------------------------------------------------------


@pytest.fixture
def credential(partner: Partner) -> VendorCredential:
    return credentials.add(
        partner=partner, vendor="solaredge", name="Fleet", secrets={"api_key": "k"}, by="test", now=NOW,
        expires_at=NOW + 30 * DAY,
    )  # fmt: skip


def test_a_credential_that_expires_is_warned_of_at_14_and_at_3_days(
    partner: Partner, credential: VendorCredential, mailoutbox: Any
) -> None:
    staff(partner, "owner")
    sent = [alerts.warn_of_credentials(now=NOW + DAY * day) for day in (15, 16, 17, 26, 27, 28, 31)]
    assert sent == [0, 1, 0, 0, 1, 0, 0]
    assert "expires in 14 days" in mailoutbox[0].subject
    assert "expires in 3 days" in mailoutbox[1].subject


def test_a_credential_found_late_is_warned_of_once(
    partner: Partner, credential: VendorCredential, mailoutbox: Any
) -> None:
    staff(partner, "owner")
    assert [alerts.warn_of_credentials(now=NOW + 29 * DAY), alerts.warn_of_credentials(now=NOW + 29.5 * DAY)] == [1, 0]
    assert "expires in 1 day" in mailoutbox[0].subject


def test_a_consent_that_ends_is_told_to_its_giver_in_one_mail_for_all_purposes(
    partner: Partner, anna: User, mailoutbox: Any
) -> None:
    given = consents.give(
        partner=partner, user=anna, vendor="solis", purposes=["rewards", "service"], kinds=["pv"], language="sv",
        now=NOW, connection=factories.connection(partner, owner=anna),
    )  # fmt: skip
    end = given[0].expires_at
    assert [alerts.warn_of_consents(now=end - DAY * days) for days in (20, 14, 10, 3, 1)] == [0, 1, 0, 1, 0]
    assert mailoutbox[0].to == ["anna@example.com"]


def test_a_consent_that_ended_is_not_warned_of(partner: Partner, anna: User, mailoutbox: Any) -> None:
    (given,) = consents.give(
        partner=partner, user=anna, vendor="solis", purposes=["rewards"], kinds=["pv"], language="sv", now=NOW,
        connection=factories.connection(partner, owner=anna),
    )  # fmt: skip
    consents.end(consent=given, ending="stopped", by=anna, now=NOW)
    assert alerts.warn_of_consents(now=given.expires_at - DAY) == 0


def test_a_consent_whose_time_is_over_ends_with_what_it_allowed(partner: Partner, anna: User) -> None:
    connection = factories.connection(partner, owner=anna)
    system = factories.system(of=connection)
    rewards, service = give(anna, connection, "rewards", "service", now=NOW)
    Consent.objects.filter(pk=service.pk).update(expires_at=service.expires_at + DAY)
    assert expiry.end_expired(now=rewards.expires_at - timedelta(seconds=1)) == 0
    assert expiry.end_expired(now=rewards.expires_at) == 1
    system.refresh_from_db()
    rewards.refresh_from_db()
    assert (rewards.ending, system.sends, system.shown) == ("expired", False, True)
    assert expiry.end_expired(now=service.expires_at + DAY) == 1
    connection.refresh_from_db()
    assert connection.status == "disconnected"


def test_a_consent_that_never_met_its_account_ends_too(partner: Partner, anna: User) -> None:
    (given,) = give(anna, None, "rewards", now=NOW, partner=partner)
    assert [expiry.end_expired(now=given.expires_at), expiry.end_expired(now=given.expires_at)] == [1, 0]
