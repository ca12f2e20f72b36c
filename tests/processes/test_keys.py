"""A gateway's life and keys against SEN's stand-in: registration, inception, both key strategies, rotation."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from gateways import actions
from gateways.models import Gateway, GatewayKey, GatewayType
from ingest import lifecycle, push, store
from ingest.models import GatewayQueue, System
from tests import factories
from tests.processes.portal import Portal

pytestmark = pytest.mark.django_db(transaction=True)


def registered(kind: GatewayType) -> Gateway:
    gateway = factories.gateway(kind)
    return lifecycle.register_in_sandbox(gateway=gateway, by="test", now=timezone.now())


def send(system: System, ago: timedelta) -> None:
    """Store one reading and push what waits."""
    at = timezone.now().replace(microsecond=0) - ago
    store.store_readings(system=system, readings=factories.readings(system, 1, start=at), now=timezone.now())
    push.push_due(clock=timezone.now, until=time.monotonic() + 20)


def signed_by(portal: Portal, gateway: Gateway) -> list[str]:
    """The public keys of the points in SEN's ledger, oldest point first."""
    points = portal.points(gateway.serial)
    return [points[key]["public_key"] for key in sorted(points, key=lambda key: key[1])]


def active_key(owner: Gateway | GatewayType) -> str:
    return owner.keys.get(state=GatewayKey.State.ACTIVE).public_key


@pytest.mark.parametrize("app_form", [False, True], ids=["ID:WALLET", "WALLET|NONCE|TIME|ID"])
def test_inception_binds_the_wallet_after_a_rehearsal_that_binds_nothing(portal, app_form):
    gateway = registered(factories.gateway_type())
    gateway = actions.bind_wallet(gateway=gateway, address=factories.WALLET, by="test", now=timezone.now())
    assert lifecycle.incept(gateway=gateway, by="test", now=timezone.now(), dry_run=True, app_form=app_form)
    assert portal.sen(f"gateways/{gateway.serial}")["wallet"] is None
    assert lifecycle.incept(gateway=gateway, by="test", now=timezone.now(), app_form=app_form)
    assert portal.sen(f"gateways/{gateway.serial}")["wallet"] == factories.WALLET
    gateway.refresh_from_db()
    assert gateway.status == Gateway.Status.OWNED


def test_both_key_strategies_work_side_by_side(portal):
    partner = factories.partner()
    own = factories.activate(registered(factories.gateway_type(partner)))
    shared_type = factories.gateway_type(partner, key_strategy=GatewayType.KeyStrategy.GLOBAL)
    shared = [factories.activate(registered(shared_type)) for _ in range(2)]
    for gateway in (own, *shared):
        send(factories.system(gateway), timedelta(minutes=5))
    assert signed_by(portal, own) == [active_key(own)]
    assert [signed_by(portal, gateway) for gateway in shared] == [[active_key(shared_type)]] * 2


@pytest.mark.parametrize("strategy", GatewayType.KeyStrategy.values)
def test_rotation_leaves_no_gap_and_what_was_signed_before_stays_valid(portal, strategy):
    kind = factories.gateway_type(key_strategy=strategy)
    gateway = factories.activate(registered(kind))
    owner: Gateway | GatewayType = kind if strategy == GatewayType.KeyStrategy.GLOBAL else gateway
    system = factories.system(gateway)
    old = active_key(owner)
    send(system, timedelta(minutes=9))
    new = actions.rotate_key(owner=owner, by="test", now=timezone.now()).public_key
    send(system, timedelta(minutes=8))
    lifecycle.register_in_sandbox(gateway=gateway, by="test", now=timezone.now())
    send(system, timedelta(minutes=7))
    assert signed_by(portal, gateway) == [old, old, new]
    assert GatewayKey.objects.get(public_key=old).state == GatewayKey.State.RETIRED


def test_a_banned_key_signs_nothing_and_its_queue_says_why(portal):
    gateway = factories.activate(registered(factories.gateway_type()))
    system = factories.system(gateway)
    key = gateway.keys.get(state=GatewayKey.State.ACTIVE)
    actions.ban_key(key=key, reason="laptop stolen", by="test", now=timezone.now())
    send(system, timedelta(minutes=5))
    assert portal.points(gateway.serial) == {}
    assert GatewayQueue.objects.get(pk=gateway.pk).waiting == 1
    actions.rotate_key(owner=gateway, by="test", now=timezone.now())
    lifecycle.register_in_sandbox(gateway=gateway, by="test", now=timezone.now())
    push.push_due(clock=timezone.now, until=time.monotonic() + 20)
    assert signed_by(portal, gateway) == [active_key(gateway)]
