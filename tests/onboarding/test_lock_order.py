"""Rows are locked in one order (docs/architecture.md, Locks): whoever waits for a row holds none that comes later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet

from gateways.models import Gateway
from gateways.oauth import clients, scopes
from ingest import credentials, discovery, outbox, sharing
from ingest.models import Der, GatewayQueue, Message
from ingest.vendors.base import VendorSystem
from onboarding import actions, invitations
from tests import factories
from tests.factories import NOW
from tests.ingest import queues
from tests.onboarding import homes
from tests.together import needs_several_writers

BY: dict[str, Any] = {"by": "test", "now": NOW}
Case = tuple[str, Callable[[], object], QuerySet[Any], QuerySet[Any]]


@pytest.mark.django_db(transaction=True)
def test_whoever_waits_for_a_row_holds_none_that_comes_later():
    needs_several_writers()
    assert [name for name, act, first, later in _cases() if not _keeps_order(act, first, later)] == []


def _cases() -> Iterator[Case]:
    """Yield who does what, the rows it has to wait for, and later ones, which it must not hold by then."""
    anna = homes.user()
    home = homes.home(anna)
    account, gateway, partner = home.connection, homes.gateway_of(home), home.connection.partner
    der = Der.objects.filter(system=home)
    queues.add(gateway, der[0].pk, 2)
    queue, held = GatewayQueue.objects.filter(pk=gateway.pk), Message.objects.filter(state="held")
    Message.objects.filter(pk=Message.objects.earliest("pk").pk).update(state="held", done_at=NOW, held_reason="bad")
    key = credentials.add(partner=partner, vendor="solis", name="Key", secrets=homes.KEYS, **BY)
    lost = factories.connection(partner, credential=key, status="needs_reconnect")
    guest, _path = invitations.invite(partner=partner, email="bo@example.com", **BY)
    app, _secret = clients.create_backend(partner=partner, name="App", allowed_scopes=[scopes.GATEWAYS_READ], **BY)
    token = app.accesstoken_set.create(token="t", expires=NOW, scope="")
    told = VendorSystem(external_id=home.external_id, name="Villa", timezone="UTC", described=True, ders=())
    vendor: Any = SimpleNamespace(systems=lambda: [told], describe=lambda _: told)
    on, systems, of_partner = _row(account), _row(home), _row(partner)

    yield "retry a message", lambda: outbox.retry_message(message=held.get(), **BY), queue, held
    yield "list systems", lambda: discovery.discover(account, vendor, NOW), on, systems
    yield "describe a system", lambda: discovery.describe(home, vendor, NOW), systems, der
    yield "withhold a kind", lambda: sharing.withhold(connection=account, kinds=["pv"], **BY), on, systems
    yield "share anew", lambda: homes.share(account, "rewards"), on, systems
    yield "share less", lambda: homes.share(account, "service"), of_partner, Gateway.objects.filter(pk=gateway.pk)
    give = lambda: actions.give_gateway(system=home, gateway_type=gateway.gateway_type, **BY)  # noqa: E731
    yield "give a gateway", give, on, systems
    renew = lambda: credentials.renew(credential=key, secrets=homes.KEYS, **BY)  # noqa: E731
    yield "renew a credential", renew, _row(lost), of_partner
    yield "renew it again", renew, of_partner, _row(key)
    yield "cancel an invitation", lambda: invitations.cancel(invitation=guest, **BY), of_partner, _row(guest)
    yield "disable a client", lambda: clients.disable(client=app, **BY), of_partner, _row(token)


def _row(of: Model) -> QuerySet[Any]:
    return type(of)._default_manager.filter(pk=of.pk)


def _keeps_order(act: Callable[[], object], first: QuerySet[Any], later: QuerySet[Any]) -> bool:
    """Hold `first` until `act` waits for it; tell whether `later` is free at that moment."""
    pids: list[int] = []

    def run() -> None:
        try:
            connection.ensure_connection()
            pids.append(connection.connection.info.backend_pid)
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    try:
        with transaction.atomic():
            assert first.select_for_update(of=("self",))
            thread.start()
            while not _waits(pids):
                assert thread.is_alive()
                thread.join(0.01)
            assert later.select_for_update(of=("self",), nowait=True)
    except OperationalError:
        return False
    finally:
        thread.join(60)
    return True


def _waits(pids: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pids[0] if pids else 0])
        return bool(cursor.fetchone()[0])
