"""The public endpoints of partners' Join flows: a browser comes from a partner's site and goes back to it."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ingest.models import Connection
from onboarding.models import JoinSession
from onboarding.vendor_oauth import JoinFailed


@require_GET
def authorize(request: HttpRequest, flow: uuid.UUID) -> HttpResponse:  # noqa: ARG001  flows come with the next commit
    return render(request, "404.html", status=404)


def granted(request: HttpRequest, session: JoinSession, connection: Connection) -> HttpResponse:  # noqa: ARG001  as above
    return render(request, "join/lost.html", {"text": ""})


def failed(request: HttpRequest, failure: JoinFailed) -> HttpResponse:
    return render(request, "join/lost.html", {"text": str(failure)}, status=400)
