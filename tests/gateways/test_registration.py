from __future__ import annotations

import csv

import pytest
from django.core.exceptions import ValidationError

from gateways import actions
from gateways.models import Gateway, GatewayType
from gateways.registration import registration_csv
from tests.gateways.lives import BY, gateway_at, signing_key

pytestmark = pytest.mark.django_db


def export() -> dict[str, str]:
    """Return {gateway id: public key} of the rows, whose other cells are blank."""
    rows = list(csv.DictReader(registration_csv(Gateway.objects.all()).splitlines()))
    assert all(row["mac_eth0"] == row["mac_wlan0"] == row["helium_public_key"] == "" for row in rows)
    return {row["ecc_serial"]: row["full_public_key"] for row in rows}


def test_a_new_gateway_is_exported_with_the_key_that_signs_once_it_is_registered(gateway_type, global_type):
    for kind in (gateway_type, global_type):
        gateway = gateway_at("created", kind)
        exported = export()[gateway.serial]
        actions.register_gateway(gateway=gateway, **BY)
        assert signing_key(gateway).public_key == exported
        assert export() == {}


def test_the_columns_are_those_of_the_factory_tool(created):
    key = created.keys.get().public_key
    text = f"ecc_serial,mac_eth0,mac_wlan0,helium_public_key,full_public_key\r\n{created.serial},,,,{key}\r\n"
    assert registration_csv(Gateway.objects.all()) == text


def test_a_new_key_of_a_registered_gateway_is_exported_until_it_is_active(active):
    assert export() == {}
    waiting = actions.rotate_key(owner=active, **BY)
    assert export() == {active.serial: waiting.public_key}
    actions.activate_key(owner=active, **BY)
    assert export() == {}


def test_a_new_global_key_is_exported_with_every_registered_gateway(global_type):
    old = global_type.global_key
    gateways = [gateway_at("active", global_type) for _ in range(2)]
    unregistered = gateway_at("created", global_type)
    waiting = actions.rotate_key(owner=global_type, **BY)
    expected = {gateway.serial: waiting.public_key for gateway in gateways}
    assert export() == expected | {unregistered.serial: old.public_key}


def test_gateways_of_a_type_that_turns_global_are_exported_with_its_key(gateway_type):
    gateways = [gateway_at("created", gateway_type), gateway_at("active", gateway_type)]
    key = actions.make_key_global(gateway_type=gateway_type, **BY)
    assert export() == {gateway.serial: key.public_key for gateway in gateways}


def test_released_gateways_and_banned_keys_are_not_exported(gateway_type, global_type):
    gateway_at("released", gateway_type)
    gateway_at("released", global_type)
    actions.ban_key(key=gateway_at("created", gateway_type).keys.get(), reason="stolen", **BY)
    assert export() == {}


def test_only_the_gateways_that_were_asked_for_are_exported(created, other_partner):
    assert registration_csv(Gateway.objects.filter(partner=other_partner)).count("\r\n") == 1


@pytest.mark.parametrize("prefix", ["=1+1", "+acme", "-acme", "@acme", "\tacme", "a,b", 'a"b', "a\r\nb"])
def test_nothing_that_a_spreadsheet_takes_for_a_formula_gets_into_an_id(partner, prefix):
    with pytest.raises(ValidationError):
        actions.create_gateway_type(partner=partner, name="Home", prefix=prefix, **BY)
    assert not GatewayType.objects.exists()


def test_exporting_a_fleet_takes_the_same_few_queries(gateway_type, django_assert_max_num_queries):
    for _ in range(5):
        gateway_at("created", gateway_type)
    with django_assert_max_num_queries(3):
        assert len(export()) == 5
