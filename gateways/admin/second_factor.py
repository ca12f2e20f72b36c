"""The second factor, given just now: for what a stolen session must not do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

_RECENT = timedelta(minutes=5)


def given_recently(request: HttpRequest) -> bool:
    """Return whether the user gave a second factor in this session within the last five minutes."""
    records = get_authentication_records(request, request.user)
    times = [datetime.fromtimestamp(record["at"], UTC) for record in records if record["method"] == "mfa"]
    return any(timedelta() <= timezone.now() - at <= _RECENT for at in times)


def ask(request: HttpRequest, *, then: str) -> HttpResponseRedirect:
    """Send the user to give the second factor and on to `then`, or to set one up first."""
    if not is_mfa_enabled(request.user):
        messages.error(request, "Set up a second factor first, here: it is asked for before keys are shown.")
        return HttpResponseRedirect(reverse("mfa_index"))
    messages.info(request, "Give your second factor, then choose this again within five minutes.")
    typed = is_mfa_enabled(request.user, types=[Authenticator.Type.TOTP])
    page = reverse("mfa_reauthenticate" if typed else "mfa_reauthenticate_webauthn")
    return HttpResponseRedirect(f"{page}?{urlencode({REDIRECT_FIELD_NAME: then})}")
