"""Two at once: what is done to a partner happens one after the other, and nobody waits for ever."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from gateways import actions, events
from gateways.models import Event, Gateway, GatewayKey, GatewayType, Partner, Wallet
from tests.gateways.lives import BY, LATER, NOW, WALLET, gateway_at, states
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_rotations_at_once_one_is_refused(active):
    copies = [type(active).objects.get(pk=active.pk) for _ in range(2)]
    made = at_once(*(lambda copy=copy: actions.rotate_key(owner=copy, **BY) for copy in copies))
    assert {type(one) for one in made} == {GatewayKey, ValidationError}
    assert states(active) == {"active": 1, "pending": 1}
    assert events.first_broken(active.partner) is None


def test_activating_and_banning_at_once_end_one_after_the_other(global_type):
    gateway_at("active", global_type)
    old = global_type.keys.get()
    actions.rotate_key(owner=global_type, **BY)
    copies = [GatewayType.objects.get(pk=global_type.pk) for _ in range(2)]
    made = at_once(
        lambda: actions.activate_key(owner=copies[0], by="test", now=LATER),
        lambda: actions.ban_key(key=old, reason="stolen", by="test", now=LATER),
        lambda: actions.create_gateway(gateway_type=copies[1], **BY),
    )
    assert [type(one) for one in made] == [GatewayKey, GatewayKey, Gateway]
    assert states(global_type) == {"banned": 1, "active": 1}
    assert events.first_broken(global_type.partner) is None


def test_events_of_many_threads_are_one_whole_chain(partner):
    def many() -> None:
        for _ in range(10):
            events.record(partner=partner, name="test.done", subject="test:1", by="test", now=NOW)

    assert at_once(many, many, many) == [None] * 3
    assert Event.objects.count() == 30
    assert events.first_broken(partner) is None


def test_rows_of_the_partner_are_written_while_an_action_goes_on(partner):
    """What is stored for a partner has a foreign key to it, and must not wait for whoever records its events."""
    needs_several_writers()

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        Wallet.objects.create(partner=Partner.objects.get(pk=partner.pk), address=WALLET)

    with transaction.atomic():
        events.lock(partner.pk)
        assert at_once(write) == [None]
