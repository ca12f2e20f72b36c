from __future__ import annotations

import pytest

from gateways import actions, queries
from gateways.models import Gateway
from tests.gateways.lives import BY, gateway_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(gateway_type, global_type, other_partner):
    """Gateways in every status under either strategy, some of them with a banned or a waiting key."""
    turning = actions.create_gateway_type(partner=other_partner, name="Turning", prefix="turning", **BY)
    for kind in (gateway_type, global_type, turning):
        for status in Gateway.Status.values:
            gateway_at(status, kind)
    banned, rotated = (gateway_at("active", gateway_type) for _ in range(2))
    actions.ban_key(key=banned.keys.get(), reason="stolen", **BY)
    actions.rotate_key(owner=rotated, **BY)
    actions.make_key_global(gateway_type=turning, **BY)
    return list(Gateway.objects.all())


def test_the_three_ways_to_ask_for_keys_agree(fleet):
    at_once = queries.active_keys([gateway.pk for gateway in fleet])
    one_by_one = {gateway.pk: queries.active_key(gateway) for gateway in fleet}
    assert at_once == {pk: (key.public_key, key.uri) for pk, key in one_by_one.items() if key}
    assert set(queries.with_active_key(Gateway.objects.all())) == {
        gateway for gateway in fleet if gateway.pk in at_once
    }
    assert {gateway.pk for gateway in fleet if not queries.why_no_key(gateway)} == set(at_once)
    assert 0 < len(at_once) < len(fleet)


def test_nothing_signs_for_gateways_that_sen_does_not_know_or_that_are_released(fleet):
    silent = [gateway for gateway in fleet if gateway.status in {"created", "released"}]
    assert len(silent) == 6
    assert queries.active_keys([gateway.pk for gateway in silent]) == {}


def test_keys_of_many_gateways_take_three_queries(fleet, django_assert_num_queries):
    with django_assert_num_queries(3):
        queries.active_keys([gateway.pk for gateway in fleet])


def test_no_gateways_have_no_keys():
    assert queries.active_keys([]) == {}


def test_a_gateway_without_any_key_says_so(active):
    active.keys.all().delete()
    assert queries.why_no_key(active).startswith("It has no key. Rotate the key")
