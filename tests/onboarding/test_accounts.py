"""Accounts: who may make one, how people sign in, and where they go then."""

from __future__ import annotations

from urllib.parse import unquote, urlencode

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from onboarding import invitations
from onboarding.models import Invitation, Journey
from onboarding.views import guests
from tests.onboarding import homes
from tests.onboarding.homeowner import Homeowner

pytestmark = pytest.mark.once

SIGN_UP, SIGN_IN, BY_CODE = "/accounts/signup/", "/accounts/login/", "/accounts/login/code/"


@pytest.fixture
def closed(join_page):
    join_page.open = False
    join_page.save()
    return join_page


def member(email: str = "anna@home.example", **fields: object) -> User:
    user = User.objects.create_user(email, email, "correct horse battery", **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def invite(join_page, **fields: object) -> str:
    _, path = invitations.invite(partner=join_page.partner, by="test", now=timezone.now(), **fields)
    return path


def can_sign_up(homeowner: Homeowner) -> bool:
    return 'name="email"' in homeowner.browser.get(SIGN_UP).text


WAYS_IN = ("account_email", "account_set_password", "mfa_activate_totp", "mfa_add_webauthn")


@pytest.mark.parametrize("page", WAYS_IN)
def test_a_session_left_open_gets_no_further_way_to_sign_in(client, db, page):
    nobody = member()
    nobody.set_unusable_password()
    nobody.save()
    client.force_login(nobody)
    change = {
        "action_add": "",
        "email": "mallory@evil.example",
        "password1": "a new password",
        "password2": "a new password",
    }
    for answer in (client.post(reverse(page), change), client.get(reverse(page))):
        assert unquote(answer["Location"]) == f"/accounts/login/?next={reverse(page)}"
    assert not User.objects.get().has_usable_password()
    assert EmailAddress.objects.count() == 1


@pytest.mark.parametrize("page", ["account_email", "mfa_activate_totp", "mfa_add_webauthn"])
def test_who_has_a_password_is_asked_for_it_before_a_further_way_to_sign_in(client, db, page):
    client.force_login(member())
    answer = client.post(reverse(page), {"action_add": "", "email": "mallory@evil.example"})
    assert unquote(answer["Location"]) == f"/accounts/reauthenticate/?next={reverse(page)}"
    assert EmailAddress.objects.count() == 1


def test_who_has_just_signed_in_sets_a_password(db):
    nobody = member()
    nobody.set_unusable_password()
    nobody.save()
    new = {"password1": "correct horse battery", "password2": "correct horse battery"}
    assert homes.confirmed(nobody).post(reverse("account_set_password"), new).status_code == 302
    assert User.objects.get().has_usable_password()


def test_nobody_signs_up_who_comes_from_nowhere(homeowner):
    assert not can_sign_up(homeowner)
    assert "I have joined already: sign in" in homeowner.browser.get(SIGN_UP).text
    homeowner.browser.post(SIGN_UP, {"email": homeowner.email})
    assert not User.objects.exists()


def test_an_open_join_page_opens_the_sign_up(homeowner):
    homeowner.see()
    assert can_sign_up(homeowner)


def test_a_page_that_closes_closes_the_sign_up_too(homeowner, join_page):
    homeowner.see()
    join_page.open = False
    join_page.save()
    assert not can_sign_up(homeowner)


def test_an_invitation_opens_a_closed_page_with_its_address_filled_in(homeowner, closed):
    homeowner.browser.get(invite(closed, email="anna@home.example"))
    assert "Sunny Homes invites you" in homeowner.see()
    assert 'value="anna@home.example"' in homeowner.browser.get(SIGN_UP).text


def test_an_invitation_speaks_its_own_language(homeowner, closed):
    reply = homeowner.browser.get(invite(closed, language="sv"))
    assert reply.cookies["django_language"].value == "sv"
    assert '<html lang="sv">' in homeowner.see()


def test_an_invitation_names_the_brand(homeowner, closed):
    homeowner.browser.get(invite(closed, vendor="enphase"))
    homeowner.sign_up()
    assert homeowner.journey.vendor == "enphase"
    assert homeowner.at() == "sharing"


def test_an_invitation_for_one_lets_nobody_else_in(homeowner, closed):
    path = invite(closed, email="anna@home.example")
    homeowner.browser.get(path)
    homeowner.sign_up()
    invitation = Invitation.objects.get()
    assert invitation.accepted_by == homeowner.journey.user
    stranger = Homeowner("sunny", "mallory@home.example")
    stranger.browser.get(path)
    assert not can_sign_up(stranger)


def test_an_invitation_for_one_lets_nobody_else_in_who_has_an_account_already(homeowner, closed):
    path = invite(closed, email="anna@home.example")
    homeowner.browser.get(path)
    homeowner.sign_up()
    stranger = Homeowner("sunny", "mallory@home.example")
    stranger.browser.force_login(member(stranger.email))
    assert [stranger.browser.get(path).status_code, stranger.browser.get(stranger.url("start")).status_code] == [
        404,
        404,
    ]
    assert homeowner.browser.get(path).status_code == 302


def test_who_comes_with_it_a_moment_too_late_is_not_let_in(homeowner, closed, monkeypatch):
    path, stranger = invite(closed), Homeowner("sunny", "mallory@home.example")
    stranger.browser.force_login(member(stranger.email))
    stranger.browser.get(path)
    homeowner.browser.get(path)
    homeowner.sign_up()
    with monkeypatch.context() as before:
        before.setattr(guests, "of_browser", lambda *_: Invitation.objects.get())
        assert stranger.browser.get(stranger.url("start"))["Location"] == stranger.url("start")
    assert stranger.browser.get(stranger.url("start")).status_code == 404
    assert Journey.objects.get() == homeowner.journey


def test_a_poster_lets_many_in(homeowner, closed):
    path = invite(closed, for_many=True)
    for email in ("anna@home.example", "berit@home.example"):
        one = Homeowner("sunny", email)
        one.browser.get(path)
        one.sign_up()
    assert User.objects.count() == 2


@pytest.mark.parametrize("token", ["wrong", "x" * 200])
def test_a_wrong_token_opens_nothing(token, homeowner, closed):
    assert homeowner.browser.get(f"/join/sunny/i/{token}/").status_code == 404
    assert not can_sign_up(homeowner)


def test_an_invitation_of_another_partner_opens_nothing(homeowner, closed):
    path = invite(closed)
    assert homeowner.browser.get(path.replace("sunny", "rainy")).status_code == 404


def test_a_wrong_code_makes_no_journey(homeowner):
    homeowner.see()
    homeowner.browser.post(SIGN_UP, {"email": homeowner.email, "next": homeowner.url("start")})
    assert homeowner.browser.post("/accounts/confirm-email/", {"code": "AAAAAA"}).status_code == 200
    assert "_auth_user_id" not in homeowner.browser.session


def test_a_password_is_for_who_wants_one(homeowner):
    homeowner.see()
    homeowner.browser.post(SIGN_UP, {"email": homeowner.email, "password1": "short"})
    assert not User.objects.exists()
    homeowner.browser.post(SIGN_UP, {"email": homeowner.email, "password1": "correct horse battery"})
    assert User.objects.get().has_usable_password()


def test_who_knows_no_password_signs_in_by_a_code(homeowner):
    member()
    homeowner.browser.post(BY_CODE, {"email": homeowner.email, "next": homeowner.url("start")})
    reply = homeowner.browser.post(f"{BY_CODE}confirm/", {"code": homeowner.code(), "next": homeowner.url("start")})
    assert reply["Location"] == homeowner.url("start")


@pytest.mark.parametrize("form", [SIGN_UP, BY_CODE])
def test_an_answer_does_not_tell_whether_an_address_is_known(form, homeowner, join_page):
    member("known@home.example")
    homeowner.see()
    answers = []
    for email in ("known@home.example", "other@home.example"):
        visitor = Homeowner("sunny", email)
        visitor.see()
        reply = visitor.browser.post(form, {"email": email}, follow=True)
        answers.append((reply.redirect_chain, reply.status_code, reply.text.count("<form")))
        assert mail.outbox[-1].to == [email]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("is_staff, front", [(True, "/admin/"), (False, "/home/")])
def test_everybody_lands_where_they_work(is_staff, front, homeowner):
    member(is_staff=is_staff)
    reply = homeowner.browser.post(SIGN_IN, {"login": homeowner.email, "password": "correct horse battery"})
    assert reply["Location"] == front
    assert homeowner.browser.get("/", follow=True).redirect_chain[:2] == [(SIGN_IN, 302), (front, 302)]


def test_who_is_on_the_way_lands_on_the_way(homeowner):
    member()
    homeowner.enter()
    homeowner.browser.logout()
    reply = homeowner.browser.post(SIGN_IN, {"login": homeowner.email, "password": "correct horse battery"})
    assert reply["Location"] == homeowner.url("start")


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(away, homeowner):
    member()
    sent = {"login": homeowner.email, "password": "correct horse battery", "next": away}
    assert homeowner.browser.post(SIGN_IN, sent)["Location"] == "/home/"


def test_pages_of_the_account_look_like_the_partner(homeowner, join_page):
    join_page.color, join_page.logo, join_page.logo_type = "#ffd400", b"\x89PNG\r\n\x1a\n", "image/png"
    join_page.save()
    homeowner.see()
    page = homeowner.browser.get(SIGN_IN).text
    assert 'href="/join/sunny/brand.css"' in page
    assert '<img src="/join/sunny/logo" alt="Sunny Homes">' in page
    logo = homeowner.browser.get(reverse("join_logo", args=["sunny"]))
    assert (logo["Content-Type"], logo["X-Content-Type-Options"]) == ("image/png", "nosniff")


def test_the_portals_own_pages_look_like_nobody(client, db):
    assert "/join/" not in client.get(SIGN_IN).text


def test_a_partner_without_a_logo_has_none(client, join_page):
    assert client.get(reverse("join_logo", args=["sunny"])).status_code == 404
    assert client.get(reverse("join_brand_css", args=["sunny"])).text == ""
    assert client.get(reverse("join_brand_css", args=["nobody"])).status_code == 404


@pytest.mark.parametrize(
    "evil", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)"]
)
@pytest.mark.parametrize("page", [SIGN_IN, "/accounts/reauthenticate/", "/accounts/logout/", "/language/"])
def test_no_address_after_signing_in_leads_away_from_us(client, db, page, evil):
    anna = member()
    if page != SIGN_IN:
        client.force_login(anna)
    answers = {"login": anna.email, "password": "correct horse battery", "next": evil, "language": "sv"}
    answer = client.post(f"{page}?{urlencode({'next': evil})}", answers, headers={"referer": evil})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/")
    assert "evil" not in answer["Location"]


def test_signing_in_makes_a_session_that_nobody_knew_before(client, db):
    client.get(SIGN_IN)
    session = client.session
    session["known"] = "to a thief"
    session.save()
    before = client.cookies["sessionid"].value
    client.post(SIGN_IN, {"login": member().email, "password": "correct horse battery"})
    assert client.cookies["sessionid"].value != before
    assert client.cookies["sessionid"]["httponly"]
    assert client.cookies["sessionid"]["samesite"] == "Lax"
