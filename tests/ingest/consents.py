"""What tests do to an account that is read with its owner's consent."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from gateways.models import Event
from ingest import adapters, connections, tokens, upkeep
from ingest.models import Connection
from ingest.vendors.base import Tokens
from tests.factories import NOW
from tests.ingest.consenting import FIRST, LIFE

HALF = LIFE / 2
SECOND = timedelta(seconds=1)
NEW = Tokens("SECRET-new", "SECRET-new-refresh", LIFE, account="anna")


def connect(app, given=FIRST, **more):
    return connections.connect(
        partner=app.partner, vendor="solis", label="Anna", credential=app, given=given, by="test", now=NOW, **more
    )


def reconnect(account, app, given, now):
    return connections.reconnect(connection=account, credential=app, given=given, by="test", now=now)


def bearer(account, time, refused=None):
    """The access token that a worker would use now."""
    fresh = Connection.objects.select_related("partner", "credential").get(pk=account.pk)
    return adapters.open_account(fresh, clock=time, count=False).http._bearer(refused)


def held(account):
    return tokens._open(Connection.objects.get(pk=account.pk))


def lease(account, now, seconds=40):
    """Somebody took the lease and is gone."""
    assert tokens._claim(account, now)
    Connection.objects.update(refresh_leased_until=now + timedelta(seconds=seconds))


def crash(account, time, monkeypatch):
    """Renew, and be gone before the database has what came; the lease is free again."""
    with monkeypatch.context() as patched:
        patched.setattr(tokens, "_commit", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bearer(account, time)


def names(*wanted):
    found = Event.objects.order_by("sequence").values_list("name", flat=True)
    return [name for name in found if name.partition(".")[2] in wanted]


def tick(time):
    upkeep.take_up_receipts(now=time())
    upkeep.renew_due(clock=time, until=math.inf)
    upkeep.revoke_due(clock=time, until=math.inf)


def disconnect(account, now=NOW):
    connections.disconnect(connection=account, by="test", now=now)
