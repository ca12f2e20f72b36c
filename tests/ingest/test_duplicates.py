"""The same devices in two accounts of a partner: only one of them sends."""

from __future__ import annotations

import functools

import pytest

from gateways import actions as gateway_actions
from gateways.models import Gateway
from ingest import duplicates
from ingest.models import Der
from onboarding import actions
from tests import factories
from tests.factories import NOW
from tests.together import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind():
    return factories.gateway_type()


def home(kind, *serials, account=None):
    """A home whose devices have these serials, by an account of its own unless another is given."""
    system = factories.system(None, account or factories.connection(kind.partner))
    system.ders.all().delete()
    Der.objects.bulk_create([Der(system=system, kind="pv", sn=sn) for sn in serials])
    return system


def give(kind, system):
    return actions.give_gateway(system=system, gateway_type=kind, by="test", now=NOW)


def test_a_device_that_sends_through_another_account_is_refused_with_the_way_there(kind):
    first, second = home(kind, "INV-1", "INV-2"), home(kind, "INV-2", "INV-3")
    gateway = give(kind, first)
    with pytest.raises(duplicates.LinkedElsewhere, match="INV-2 through") as refused:
        give(kind, second)
    assert f"{gateway}, of {first.connection}" in refused.value.messages[0]
    assert [der.sn for der in refused.value.ders] == ["INV-2"]
    assert Gateway.objects.get() == gateway


def test_devices_that_nobody_sends_are_free(kind):
    home(kind, "INV-1")
    assert give(kind, home(kind, "INV-1"))


def test_the_same_device_at_another_partner_is_its_own_affair(kind):
    other = factories.gateway_type()
    give(other, home(other, "INV-1"))
    assert give(kind, home(kind, "INV-1"))


def test_serials_that_an_account_makes_up_for_its_own_homes_may_repeat(kind):
    account = factories.connection(kind.partner)
    give(kind, home(kind, "INV-1", account=account))
    assert give(kind, home(kind, "INV-1", account=account))


def test_a_home_that_was_released_can_be_linked_again(kind):
    gateway = give(kind, home(kind, "INV-1"))
    gateway_actions.release_gateway(gateway=gateway, by="test", now=NOW)
    assert give(kind, home(kind, "INV-1"))


@pytest.mark.parametrize("moved", [0, 1])
def test_a_device_that_moved_away_stands_in_nobodys_way(kind, moved):
    homes = [home(kind, "INV-1"), home(kind, "INV-1")]
    homes[moved].ders.update(gone_at=NOW)
    assert all(give(kind, system) for system in homes)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_time_one_wins(kind):
    homes = [home(kind, "INV-1"), home(kind, "INV-1")]
    said = at_once(*(functools.partial(give, kind, system) for system in homes))
    assert {type(one) for one in said} == {Gateway, duplicates.LinkedElsewhere}
    assert Gateway.objects.count() == 1
