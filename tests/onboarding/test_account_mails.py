"""The mails of signing in: the partner's, in the reader's language, and with a way on."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail

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
