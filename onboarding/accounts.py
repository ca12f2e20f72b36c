"""Who may make an account, and where people go when they have signed in."""

from __future__ import annotations

from typing import Any

import allauth.account.forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from onboarding import emails
from onboarding.models import Journey
from onboarding.views import branding, guests, reauthentication


class AccountAdapter(DefaultAccountAdapter):
    """allauth's rules, with the sign-up page open only to who comes to join; staff are invited in the admin."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell whether the browser came through an open join page, or with an invitation nobody has used."""
        page = branding.of_browser(request)
        if page is None or page.open:
            return page is not None
        invitation = guests.of_browser(request, page.partner)
        return invitation is not None and invitation.accepted_at is None

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Tell whether allauth asks who it is, after asking who has nothing to be asked for to sign in once more."""
        reauthentication.sign_in_again(self.request)
        required: bool = super().is_reauthentication_required(app=app, **kwargs)
        return required

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        assert isinstance(request.user, User)  # noqa: S101  allauth asks after signing in
        return front_page(request.user)

    def send_account_already_exists_mail(self, email: str) -> None:
        """Mail the way on to somebody who signs up a second time: the page itself tells nobody who has an account."""
        sign_in_url = emails.absolute(reverse("account_request_login_code"))
        self.send_mail("account/email/account_already_exists", email, {"sign_in_url": sign_in_url})

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self.get_login_redirect_url(request)


class LoginForm(allauth.account.forms.LoginForm):
    """allauth's form without the link in its help text, which is too small to tap; the page has one of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""


class SignupForm(allauth.account.forms.SignupForm):
    """allauth's form, with the address that an invitation was mailed to; it is still to be confirmed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        request = context.request
        page = branding.of_browser(request)
        invitation = guests.of_browser(request, page.partner) if page else None
        if invitation:
            self.fields["email"].initial = invitation.email


def front_page(user: User) -> str:
    """Return where somebody begins who has signed in: at the admin, or at the journey under way, or at home."""
    if user.is_staff:
        return reverse("admin:index")
    journey = Journey.objects.filter(user=user, finished_at=None, abandoned_at=None).first()
    return reverse("join_start", args=[journey.partner.slug]) if journey else reverse("home")
