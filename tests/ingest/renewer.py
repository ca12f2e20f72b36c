"""A worker of its own: `python -m tests.ingest.renewer CONNECTION NOW [dies]` renews one account's tokens when told to.

It says "ready", waits for a line, and prints the access token that it would use. With `dies` it is killed after the
receipt is on the disk and before the database has the tokens.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime

import django


def main(pk: str, now: str, dies: str = "") -> None:
    django.setup()
    from ingest import adapters, tokens, vendors  # noqa: PLC0415  models need the apps, which are loaded by now
    from ingest.models import Connection  # noqa: PLC0415

    vendors.VENDORS["solis"] = "tests.ingest.consenting.Consenting"
    if dies:
        tokens._commit = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    connection = Connection.objects.select_related("partner", "credential").get(pk=pk)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    adapter = adapters.open_account(connection, clock=lambda: datetime.fromisoformat(now), count=False)
    sys.stdout.write(adapter.http._bearer(None))


main(*sys.argv[1:])
