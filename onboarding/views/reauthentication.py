"""Asks people once more who they are, before what cannot be taken back and before another way to sign in."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

_View = Callable[..., HttpResponseBase]


def asked_again(view: _View) -> _View:
    """Ask for password, second factor or passkey, unless that was done within the last minutes.

    Who has none of them signs in by a code in a mail, and does so again (`sign_in_again`).
    """
    asked: _View = login_required(reauthentication_required(view))
    return asked


def there_just_now(view: _View) -> _View:
    """Ask as `asked_again` does, but nobody who has signed in within the last minutes."""
    asking = asked_again(view)

    @functools.wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return (view if _signed_in_lately(request) else asking)(request, *args, **kwargs)

    return asked


def sign_in_again(request: HttpRequest) -> None:
    """Send who has neither password nor second factor to sign in once more: allauth would let them pass.

    Raises ImmediateHttpResponse, unless they signed in within the last minutes.
    """
    if get_adapter().get_reauthentication_methods(request.user) or _signed_in_lately(request):
        return
    back = request.get_full_path()
    logout(request)
    messages.info(request, _("Please sign in once more, so that we know it is you."))
    raise ImmediateHttpResponse(redirect_to_login(back))


def _signed_in_lately(request: HttpRequest) -> bool:
    times = [record["at"] for record in get_authentication_records(request, request.user)]
    return bool(times) and time.time() - max(times) < app_settings.REAUTHENTICATION_TIMEOUT
