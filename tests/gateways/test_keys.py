"""Both key strategies: rotation without a gap, bans, and a type that turns from one to the other."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from gateways import actions, queries, vault
from gateways.models import Event, Gateway, GatewayKey
from tests.gateways.lives import BY, LATER, gateway_at, signing_key, states

pytestmark = pytest.mark.django_db
MESSAGE = b"what the gateway says"


def sign(gateway: Gateway) -> tuple[str, bytes]:
    """Sign as the push does; return the public key and the signature."""
    public_key, uri = queries.active_keys([gateway.pk])[gateway.pk]
    return public_key, vault.signer_for(uri, public_key).sign(MESSAGE)


@pytest.fixture(params=["per_device", "global"])
def owner_and_gateway(request, gateway_type, global_type):
    """The owner of the keys and an active gateway that they sign for."""
    gateway = gateway_at("active", gateway_type if request.param == "per_device" else global_type)
    return (gateway if request.param == "per_device" else gateway.gateway_type), gateway


def test_a_key_signs_from_registration_on(gateway_type, global_type):
    for kind in (gateway_type, global_type):
        gateway = gateway_at("created", kind)
        assert queries.active_keys([gateway.pk]) == {}
        actions.register_gateway(gateway=gateway, **BY)
        assert vault.verify(*sign(gateway), MESSAGE)


def test_each_gateway_has_its_own_key_or_all_have_the_same(gateway_type, global_type):
    own = {sign(gateway_at("active", gateway_type))[0] for _ in range(2)}
    shared = {sign(gateway_at("active", global_type))[0] for _ in range(2)}
    assert (len(own), len(shared)) == (2, 1)
    assert shared == {global_type.keys.get().public_key}


def test_rotation_has_no_gap_and_what_was_signed_before_stays_valid(owner_and_gateway):
    owner, gateway = owner_and_gateway
    old, signature = sign(gateway)
    new = actions.rotate_key(owner=owner, **BY)
    assert sign(gateway)[0] == old
    actions.activate_key(owner=owner, by="test", now=LATER)
    new.refresh_from_db()
    assert (sign(gateway)[0], new.state, new.registered_at) == (new.public_key, "active", LATER)
    assert states(owner) == {"retired": 1, "active": 1}
    assert vault.verify(old, signature, MESSAGE)


def test_a_second_rotation_waits_for_the_first(owner_and_gateway):
    owner, _ = owner_and_gateway
    actions.rotate_key(owner=owner, **BY)
    with pytest.raises(ValidationError, match="A new key waits already"):
        actions.rotate_key(owner=owner, **BY)


def test_there_is_nothing_to_activate_without_a_rotation(owner_and_gateway):
    owner, _ = owner_and_gateway
    with pytest.raises(ValidationError, match="rotate the key"):
        actions.activate_key(owner=owner, **BY)


def test_a_banned_key_signs_nothing_until_another_one_is_active(owner_and_gateway):
    owner, gateway = owner_and_gateway
    key = signing_key(gateway)
    actions.ban_key(key=key, reason="laptop stolen", **BY)
    assert queries.active_keys([gateway.pk]) == {}
    assert "banned: laptop stolen" in queries.why_no_key(gateway)
    actions.rotate_key(owner=owner, **BY)
    assert queries.active_keys([gateway.pk]) == {}
    assert "register the key" in queries.why_no_key(gateway)
    actions.activate_key(owner=owner, **BY)
    assert vault.verify(*sign(gateway), MESSAGE)
    assert queries.why_no_key(gateway) == ""
    assert states(owner) == {"banned": 1, "active": 1}


def test_a_ban_needs_a_reason_and_happens_once(active):
    key = active.keys.get()
    with pytest.raises(ValidationError, match="Say why"):
        actions.ban_key(key=key, reason="  ", **BY)
    with pytest.raises(ValidationError, match="at most 200"):
        actions.ban_key(key=key, reason="x" * 201, **BY)
    key.refresh_from_db()
    assert key.state == "active"
    actions.ban_key(key=key, reason="stolen", **BY)
    with pytest.raises(ValidationError, match="banned already"):
        actions.ban_key(key=key, reason="stolen", **BY)
    assert Event.objects.get(name="key.banned").data == {"public_key": key.public_key, "reason": "stolen"}


def test_a_key_that_waits_or_is_retired_can_be_banned_too(active):
    waiting = actions.rotate_key(owner=active, **BY)
    actions.ban_key(key=waiting, reason="seen on a screen", **BY)
    old = active.keys.get(state="active")
    actions.rotate_key(owner=active, **BY)
    actions.activate_key(owner=active, **BY)
    actions.ban_key(key=old, reason="found in a backup", by="test", now=LATER)
    old.refresh_from_db()
    assert old.ended_at < LATER  # it ended when it was retired
    assert states(active) == {"banned": 2, "active": 1}


def test_a_gateway_whose_waiting_key_is_banned_gets_another_before_it_is_registered(created):
    actions.ban_key(key=created.keys.get(), reason="exported by mail", **BY)
    with pytest.raises(ValidationError, match="rotate the key"):
        actions.register_gateway(gateway=created, **BY)
    actions.rotate_key(owner=created, **BY)
    actions.register_gateway(gateway=created, **BY)
    assert vault.verify(*sign(created), MESSAGE)


def test_after_release_nothing_signs(owner_and_gateway):
    _, gateway = owner_and_gateway
    actions.release_gateway(gateway=gateway, **BY)
    assert queries.active_key(gateway) is None
    assert queries.active_keys([gateway.pk]) == {}
    assert not queries.with_active_key(Gateway.objects.all()).exists()
    assert "released" in queries.why_no_key(gateway)


def test_registering_a_gateway_leaves_the_rotation_of_its_type_alone(global_type):
    first = gateway_at("active", global_type)
    waiting = actions.rotate_key(owner=global_type, **BY)
    second = gateway_at("registered", global_type)
    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert sign(first)[0] == sign(second)[0] != waiting.public_key


def test_keys_are_rotated_where_they_are(gateway_type, global_type):
    with pytest.raises(ValidationError, match="rotate the type's key"):
        actions.rotate_key(owner=gateway_at("active", global_type), **BY)
    with pytest.raises(ValidationError, match="rotate those, or make the key global"):
        actions.rotate_key(owner=gateway_type, **BY)


def test_a_global_type_has_its_key_from_the_beginning(global_type):
    assert global_type.global_key == global_type.keys.get()
    actions.create_gateway(gateway_type=global_type, **BY)
    assert GatewayKey.objects.count() == 1
    with pytest.raises(ValidationError, match="rotate the key"):
        actions.make_key_global(gateway_type=global_type, **BY)


def test_a_type_turns_global_without_a_gap(gateway_type):
    sending, unregistered = gateway_at("active", gateway_type), gateway_at("created", gateway_type)
    own = sign(sending)[0]
    key = actions.make_key_global(gateway_type=gateway_type, **BY)
    assert states(unregistered) == {"retired": 1}
    assert sign(sending)[0] == own
    actions.activate_key(owner=gateway_type, **BY)
    assert sign(sending)[0] == key.public_key
    assert states(sending) == {"retired": 1}
    actions.register_gateway(gateway=unregistered, **BY)
    assert sign(unregistered)[0] == key.public_key
    retired = Event.objects.filter(name="key.retired").values_list("subject", flat=True)
    assert set(retired) == {f"gateway:{sending.serial}", f"gateway:{unregistered.serial}"}


def test_a_gateway_in_a_type_that_turns_global_is_registered_with_the_key_of_the_type(created, gateway_type):
    key = actions.make_key_global(gateway_type=gateway_type, **BY)
    actions.register_gateway(gateway=created, **BY)
    gateway_type.refresh_from_db()
    assert sign(created)[0] == key.public_key
    assert gateway_type.global_key == key


def test_a_ban_while_a_type_turns_global_silences_that_gateway_alone(gateway_type):
    hit, spared = gateway_at("active", gateway_type), gateway_at("active", gateway_type)
    actions.make_key_global(gateway_type=gateway_type, **BY)
    actions.ban_key(key=hit.keys.get(), reason="stolen", **BY)
    assert set(queries.active_keys([hit.pk, spared.pk])) == {spared.pk}
    actions.activate_key(owner=gateway_type, **BY)
    assert set(queries.active_keys([hit.pk, spared.pk])) == {hit.pk, spared.pk}
