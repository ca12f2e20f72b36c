"""A look at an account that was just connected, while its owner waits."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from ingest import vendors
from ingest.models import Connection
from onboarding import linking


def look_around(request: HttpRequest, connection: Connection) -> None:
    """List the account's homes; what went wrong is in the vendor's words, and is tried again with the next pull."""
    if linking.look_around(connection, clock=timezone.now):
        text = _("%s has not told us everything yet. We go on asking: look again in a few minutes.")
        messages.warning(request, text % vendors.adapter_class(connection.vendor).label)
