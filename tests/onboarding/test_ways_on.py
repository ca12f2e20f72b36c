"""What people are mailed and shown on the way in: in their language, and with a way on."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail

from tests.onboarding.homeowner import Homeowner

SIGN_UP, BY_CODE = "/accounts/signup/", "/accounts/login/code/"


@pytest.fixture
def known(homeowner):
    """A homeowner who has an account, in a browser that is signed out."""
    user = User.objects.create_user(homeowner.email, homeowner.email)
    EmailAddress.objects.create(user=user, email=homeowner.email, verified=True, primary=True)
    homeowner.see()
    return homeowner


def test_who_signs_up_again_is_mailed_the_way_on(known):
    known.browser.post(SIGN_UP, {"email": known.email})
    assert mail.outbox[-1].subject == "You have an account already"
    assert f"{settings.PUBLIC_URL}{BY_CODE}" in str(mail.outbox[-1].body)


@pytest.mark.parametrize("language, subject", [("en", "Your code"), ("de", "Ihr Code")])
def test_a_code_comes_from_the_partner_in_the_language_of_the_page(language, subject, known):
    known.browser.cookies["django_language"] = language
    known.browser.post(BY_CODE, {"email": known.email})
    assert mail.outbox[-1].subject == subject
    assert str(mail.outbox[-1].body).splitlines()[-2] == "Sunny Homes"


def test_no_mail_names_the_machine_or_a_user_name(homeowner):
    homeowner.see()
    homeowner.browser.post(SIGN_UP, {"email": homeowner.email})
    letter = str(mail.outbox[-1].body)
    assert "testserver" not in letter
    assert User.objects.get().username not in letter


def test_who_asks_too_often_is_told_to_wait_in_their_language(homeowner, join_page):
    homeowner.sign_up()
    again = Homeowner(join_page.partner.slug, homeowner.email)
    again.browser.cookies["django_language"] = "sv"
    again.see()
    answer = again.browser.post(SIGN_UP, {"email": again.email})
    assert answer.status_code == 429
    assert "vänta fem minuter" in answer.text
    assert len(mail.outbox) == 1


def test_an_address_that_leads_nowhere_shows_a_homeowner_the_way_home(homeowner):
    homeowner.enter()
    homeowner.journey.delete()
    front_page = re.search(r'<a href="([^"]+)">To the front page</a>', homeowner.browser.get("/home/nobody-0/").text)
    assert front_page
    assert homeowner.browser.get(front_page[1])["Location"] == "/home/"
