"""Asks people once more who they are, before what cannot be taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

_View = Callable[..., HttpResponseBase]


def asked_again(view: _View) -> _View:
    """Ask for password, second factor or passkey, unless that was done within the last minutes.

    Who has none of them signs in by a code in a mail, and does so again: allauth would let them pass.
    """
    by_secret = reauthentication_required(view)

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if get_adapter().get_reauthentication_methods(request.user):
            response: HttpResponseBase = by_secret(request, *args, **kwargs)
            return response
        if _signed_in_lately(request):
            return view(request, *args, **kwargs)
        back = request.get_full_path()
        logout(request)
        messages.info(request, _("This cannot be undone, so please sign in once more."))
        return redirect_to_login(back)

    return wrapped


def _signed_in_lately(request: HttpRequest) -> bool:
    times = [record["at"] for record in get_authentication_records(request, request.user)]
    return bool(times) and time.time() - max(times) < app_settings.REAUTHENTICATION_TIMEOUT
