from __future__ import annotations

import functools
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import RequestFactory

from gateways.models import Event, Partner
from onboarding import invitation_csv, invitation_mails, invitations, journeys
from onboarding.models import Invitation, Journey
from onboarding.views import guests
from tests import factories
from tests.onboarding import homes
from tests.together import at_once

NOW = factories.NOW
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def partner() -> Partner:
    return homes.partner(name="Sunny", slug="sunny")


def invite(partner: Partner, **fields: Any) -> tuple[Invitation, str]:
    return invitations.invite(partner=partner, by="test", now=NOW, **fields)


def send(now: Any = NOW) -> int:
    return invitation_mails.send_due(clock=lambda: now, until=time.monotonic() + 60)


def opened(partner: Partner, path: str, now: Any = NOW) -> Invitation | None:
    request = RequestFactory().get(path)
    request.session = {}  # type: ignore[assignment]
    return guests.open_link(request, partner, path.rstrip("/").rpartition("/")[2], now=now)


def link_in(message: Any) -> str:
    found = re.search(r"http\S+(/join/\S+/)", message.body)
    assert found, message.body
    return found[1]


# --- One --------------------------------------------------------------------------------------------------------------


def test_a_link_opens_its_invitation_and_the_token_is_kept_nowhere(partner: Partner) -> None:
    invitation, path = invite(partner)
    assert opened(partner, path) == invitation
    row = Invitation.objects.filter(pk=invitation.pk).values().get()
    assert path.rstrip("/").rpartition("/")[2] not in str(row)
    invitation.refresh_from_db()
    assert invitation.opened_at == NOW


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_at_once_with_an_invitation_for_one_one_is_let_in() -> None:
    of = homes.partner()
    invitation, _path = invite(of)
    begin = functools.partial(journeys.begin, partner=of, invitation=invitation, now=NOW)
    users = [homes.user(f"{name}@home.example") for name in ("anna", "berit")]
    came = at_once(*(functools.partial(begin, user=user) for user in users))
    assert {type(one) for one in came} == {Journey, invitations.Used}
    assert Journey.objects.get().user == Invitation.objects.get().accepted_by


def test_a_link_opens_nothing_of_another_partner_nor_after_its_time_nor_when_cancelled(partner: Partner) -> None:
    invitation, path = invite(partner)
    assert opened(factories.partner(), path) is None
    assert opened(partner, path, NOW + invitations.LIFETIME) is None
    invitations.cancel(invitation=invitation, by="test", now=NOW)
    assert opened(partner, path) is None
    with pytest.raises(ValidationError, match="only once"):
        invitations.cancel(invitation=invitation, by="test", now=NOW)


def test_a_poster_lasts_a_year(partner: Partner) -> None:
    _invitation, path = invite(partner, for_many=True)
    assert opened(partner, path, NOW + timedelta(days=364))


def test_a_new_link_makes_the_old_one_dead(partner: Partner) -> None:
    invitation, old = invite(partner)
    new = invitations.renew(invitation=invitation, by="test", now=NOW + HOUR)
    assert opened(partner, old, NOW + HOUR) is None
    assert opened(partner, new, NOW + HOUR) == invitation


def test_whoever_is_invited_already_is_not_invited_twice(partner: Partner) -> None:
    invite(partner, email="anna@example.com")
    with pytest.raises(ValidationError, match="within the last hour"):
        invite(partner, email="Anna@example.com")
    send()
    with pytest.raises(ValidationError, match="within the last hour"):
        invitations.invite(partner=partner, by="test", now=NOW + HOUR / 2, email="anna@example.com")
    with pytest.raises(ValidationError, match="resend"):
        invitations.invite(partner=partner, by="test", now=NOW + 2 * HOUR, email="anna@example.com")
    assert invite(homes.partner(), email="anna@example.com"), "another partner may ask"


def test_what_is_done_to_an_invitation_is_on_record(partner: Partner) -> None:
    invitation, _path = invite(partner)
    invitations.renew(invitation=invitation, by="test", now=NOW)
    invitations.cancel(invitation=invitation, by="test", now=NOW)
    names = Event.objects.filter(subject=f"invitation:{invitation.uid}").order_by("pk").values_list("name", flat=True)
    assert list(names) == ["invitation.made", "invitation.renewed", "invitation.cancelled"]


# --- Mail -------------------------------------------------------------------------------------------------------------


def test_the_mail_speaks_the_homeowners_language_and_its_link_works(partner: Partner, mailoutbox: Any) -> None:
    invitation, shown = invite(partner, email="anna@example.com", name="Anna <b>", language="sv")
    assert send() == 1
    (message,) = mailoutbox
    assert message.to == ["anna@example.com"]
    assert message.from_email == "Sunny <portal@localhost>"
    assert opened(partner, link_in(message)) == invitation
    assert opened(partner, shown) is None, "the mail's link takes the place of the one before"
    html = message.alternatives[0][0]
    assert link_in(message) in html
    assert "Anna &lt;b&gt;" in html
    assert '<html lang="sv">' in html
    invitation.refresh_from_db()
    assert (invitation.sent_at, invitation.sends, invitation.send_due_at) == (NOW, 1, None)
    assert send() == 0


def test_a_mail_that_fails_is_seen_and_tried_again_with_growing_gaps(
    partner: Partner, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("nobody listens")

    with monkeypatch.context() as patched:
        patched.setattr(mail.EmailMessage, "send", refuse)
        invitation, _path = invite(partner, email="anna@example.com")
        waits = []
        for _try in range(3):
            invitation.refresh_from_db()
            assert invitation.send_due_at is not None
            at = invitation.send_due_at
            assert send(at) == 0
            invitation.refresh_from_db()
            assert invitation.send_due_at is not None
            waits.append(invitation.send_due_at - at)
            assert invitation.send_error == "nobody listens"
    assert waits == [timedelta(minutes=2), timedelta(minutes=4), timedelta(minutes=8)]
    assert send(invitation.send_due_at) == 1
    invitation.refresh_from_db()
    assert (invitation.send_failures, invitation.send_error) == (0, "")
    assert opened(partner, link_in(mailoutbox[0])) == invitation


def test_two_workers_send_one_mail(partner: Partner, mailoutbox: Any) -> None:
    invitation, _path = invite(partner, email="anna@example.com")
    assert invitation_mails._claim(invitation, NOW)
    assert not invitation_mails._claim(Invitation(pk=invitation.pk, partner=partner, send_due_at=NOW), NOW)


def test_a_cancelled_invitation_is_not_mailed(partner: Partner, mailoutbox: Any) -> None:
    invitation, _path = invite(partner, email="anna@example.com")
    invitations.cancel(invitation=invitation, by="test", now=NOW)
    assert send() == 0
    assert mailoutbox == []


def test_resending_is_refused_within_the_hour_and_makes_a_new_link_later(partner: Partner, mailoutbox: Any) -> None:
    invitation, _path = invite(partner, email="anna@example.com")
    send()
    with pytest.raises(ValidationError, match="last hour"):
        invitations.renew(invitation=invitation, by="test", now=NOW + HOUR / 2)
    invitations.renew(invitation=invitation, by="test", now=NOW + HOUR)
    assert opened(partner, link_in(mailoutbox[0]), NOW + HOUR) is None
    assert send(NOW + HOUR) == 1
    assert opened(partner, link_in(mailoutbox[1]), NOW + HOUR) == invitation


# --- Many -------------------------------------------------------------------------------------------------------------


def read(partner: Partner, *lines: str) -> list[invitation_csv.Row]:
    return invitation_csv.read("\n".join(lines), partner=partner, now=NOW)


def test_a_list_becomes_invitations(partner: Partner, mailoutbox: Any) -> None:
    rows = read(
        partner,
        "email,name,language,vendor,reference",
        "anna@example.com,Anna,sv,Solis,C-1",
        'bo@example.com,"Bo, the second",,,',
    )
    assert [row.problems for row in rows] == [[], []]
    made = invitations.invite_many(partner=partner, people=[row.fields for row in rows], by="test", now=NOW)
    anna, bo = made
    assert (anna.name, anna.language, anna.vendor, anna.user_reference) == ("Anna", "sv", "solis", "C-1")
    assert bo.name == "Bo, the second"
    assert send() == 2
    assert Event.objects.filter(name="invitation.made").count() == 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lists_of_any_countrys_spreadsheet_are_read(partner: Partner, separator: str) -> None:
    text = f"\ufeffName{separator}E-mail{separator}Language".replace("E-mail", "Email")
    rows = invitation_csv.read(f"{text}\r\nÅsa{separator}asa@example.com{separator}SV\r\n", partner=partner, now=NOW)
    assert [row.fields["name"] for row in rows] == ["Åsa"]
    assert rows[0].fields["language"] == "sv"
    assert rows[0].problems == []


@pytest.mark.parametrize(
    "line,problem",
    [
        (",Anna,,,", "address is missing"),
        ("anna@,Anna,,,", "no e-mail address"),
        ("anna@example.com,,xx,,", "No such language"),
        ("anna@example.com,,,tesla,", "cannot join with this vendor"),
        (f"anna@example.com,{'x' * 101},,,", "name is longer than 100"),
        ("known@example.com,,,,", "within the last hour"),
    ],
)
def test_each_row_says_what_is_wrong_with_it(partner: Partner, line: str, problem: str) -> None:
    invite(partner, email="known@example.com")
    (row,) = read(partner, "email,name,language,vendor,reference", line)
    assert problem in " ".join(row.problems)


def test_the_same_address_twice_in_a_list_is_pointed_out(partner: Partner) -> None:
    rows = read(partner, "email", "anna@example.com", "Anna@Example.com")
    assert [row.problems for row in rows] == [[], ["The same address stands in row 2."]]


@pytest.mark.parametrize(
    "text,said",
    [
        ("", "no column"),
        ("name\nAnna", "no column"),
        ("email,password\nanna@example.com,x", "Not known: password"),
        ("email", "0 rows"),
        ("email," + "x" * 140_000, "no CSV file"),
        ("email\n" + "\n".join(f"a{number}@example.com" for number in range(1001)), "1001 rows"),
    ],
)
def test_what_is_no_list_of_ours_is_refused_whole(partner: Partner, text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        invitation_csv.read(text, partner=partner, now=NOW)


def test_many_are_invited_all_or_none(partner: Partner) -> None:
    invite(partner, email="known@example.com")
    people = [{"email": "new@example.com"}, {"email": "known@example.com"}]
    with pytest.raises(ValidationError, match="known@example.com"):
        invitations.invite_many(partner=partner, people=people, by="test", now=NOW)
    assert not Invitation.objects.filter(email="new@example.com").exists()
