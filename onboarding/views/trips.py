"""Which trips to vendors this browser began; nobody else may come back from them."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpRequest

from onboarding.models import JoinSession

_KEY = "join_sessions"
_KEPT = 10


def remember(request: HttpRequest, session: JoinSession) -> None:
    """Let this browser, and no other, come back with the session's answer."""
    request.session[_KEY] = [*own(request), str(session.uid)][-_KEPT:]


def own(request: HttpRequest) -> Collection[str]:
    """Return the uids of the sessions that this browser began."""
    begun: list[str] = request.session.get(_KEY, [])
    return begun
