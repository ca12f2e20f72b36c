"""Who may make an account, and where people go when they have signed in."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from onboarding import invitations
from onboarding.views import branding


class AccountAdapter(DefaultAccountAdapter):
    """allauth's rules, with the sign-up page open only to who comes to join; staff are invited in the admin."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell whether the browser came through an open join page, or with an invitation nobody has used."""
        page = branding.of_browser(request)
        if page is None or page.open:
            return page is not None
        invitation = invitations.of_browser(request, page.partner)
        return invitation is not None and invitation.accepted_at is None

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the admin for staff, the home page for homeowners."""
        return front_page(request.user)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self.get_login_redirect_url(request)


def front_page(user: object) -> str:
    """Return the page that somebody who is signed in begins with."""
    staff = isinstance(user, User) and (user.is_staff or user.memberships.exists())
    return reverse("admin:index" if staff else "home")
