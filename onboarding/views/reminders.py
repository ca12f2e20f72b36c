"""Where the link in a reminder leads: no more of them, without signing in."""

from __future__ import annotations

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from onboarding import letters, notices


@csrf_exempt  # mail programs post here by themselves (RFC 8058); the token in the address is the proof
@require_http_methods(["GET", "POST"])
def no_reminders(request: HttpRequest, token: str) -> HttpResponse:
    """Ask once more, as programs that look through mails open its links; then write no more reminders."""
    try:
        partner_id, user_id = letters.read_stop_token(token)
    except signing.BadSignature:
        return render(request, "404.html", status=404)
    if request.method == "POST":
        notices.stop_reminders(partner_id=partner_id, user_id=user_id, now=timezone.now())
    stopped = not notices.wants_reminders(partner_id, user_id)
    return render(request, "join/no_reminders.html", {"stopped": stopped})
