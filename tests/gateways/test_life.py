"""The life of a gateway: every step, every step that is refused, and the event of each."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from gateways import actions, events
from gateways.models import Coordinates, Event, Gateway, GatewayKey, GatewayType, Wallet
from tests.gateways.lives import BY, HOME, LATER, NOW, OTHER_WALLET, WALLET, gateway_at, own, states

pytestmark = pytest.mark.django_db

ACTIONS = {
    "register": lambda gateway: actions.register_gateway(gateway=gateway, **BY),
    "bind_wallet": lambda gateway: actions.bind_wallet(gateway=gateway, address=OTHER_WALLET, **BY),
    "own": lambda gateway: actions.own_gateway(gateway=gateway, **BY),
    "locate": lambda gateway: actions.locate_gateway(gateway=gateway, **HOME, **BY),
    "activate": lambda gateway: actions.activate_gateway(gateway=gateway, **BY),
    "suspend": lambda gateway: actions.suspend_gateway(gateway=gateway, **BY),
    "resume": lambda gateway: actions.resume_gateway(gateway=gateway, **BY),
    "release": lambda gateway: actions.release_gateway(gateway=gateway, **BY),
    "rotate_key": lambda gateway: actions.rotate_key(owner=gateway, **BY),
    "activate_key": lambda gateway: actions.activate_key(owner=gateway, **BY),
}
# Which statuses an action is for, and the words that say what to do in the others.
ALLOWED = {
    "register": ({"created"}, "activate the key"),
    "bind_wallet": ({"created", "registered"}, "create a new gateway"),
    "own": ({"registered"}, "register it"),
    "locate": ({"created", "registered", "owned", "located", "active", "suspended"}, "[Cc]reate a new gateway"),
    "activate": ({"located"}, "do the next of these|Set the position"),
    "suspend": ({"active"}, "leave it as it is"),
    "resume": ({"suspended"}, "activate it instead"),
    "release": ({"created", "registered", "owned", "located", "active", "suspended"}, "[Cc]reate a new gateway"),
    "rotate_key": ({"registered", "owned", "located", "active", "suspended"}, "create a new gateway|ban it first"),
    "activate_key": (
        {"registered", "owned", "located", "active", "suspended"},
        "Mark the gateway|create a new gateway",
    ),
}
REFUSED = [
    (action, status, advice)
    for action, (allowed, advice) in ALLOWED.items()
    for status in Gateway.Status.values
    if status not in allowed
]


def names() -> list[str]:
    return list(Event.objects.order_by("sequence").values_list("name", flat=True))


def test_a_gateway_goes_from_created_to_released_and_every_step_is_an_event(gateway_type):
    gateway = gateway_at("suspended", gateway_type)
    actions.resume_gateway(gateway=gateway, **BY)
    actions.release_gateway(gateway=gateway, **BY)
    assert names() == [
        "gateway_type.created",
        "gateway.created",
        "key.created",
        "gateway.registered",
        "key.activated",
        "gateway.wallet_named",
        "gateway.owned",
        "gateway.located",
        "gateway.activated",
        "gateway.suspended",
        "gateway.resumed",
        "key.retired",
        "gateway.released",
    ]
    subjects = set(Event.objects.exclude(name="gateway_type.created").values_list("subject", "actor"))
    assert subjects == {(f"gateway:{gateway.serial}", "test")}


@pytest.mark.parametrize("action,status,advice", REFUSED)
def test_a_step_out_of_turn_is_refused_with_advice_and_changes_nothing(gateway_type, action, status, advice):
    gateway = gateway_at(status, gateway_type)
    before = names()
    with pytest.raises(ValidationError, match=advice):
        ACTIONS[action](gateway)
    assert names() == before
    assert Gateway.objects.get().status == status


@pytest.mark.parametrize(
    "action,status", [(action, status) for action, (allowed, _) in ALLOWED.items() for status in sorted(allowed)]
)
def test_an_action_and_its_events_are_one_transaction(gateway_type, monkeypatch, action, status):
    gateway = gateway_at(status, gateway_type)
    if action == "own":
        actions.bind_wallet(gateway=gateway, address=WALLET, **BY)
    if action == "activate_key":
        actions.rotate_key(owner=gateway, **BY)
    before = everything()

    def broken(**kwargs):
        raise ConnectionError("the database went away")

    monkeypatch.setattr(events, "record_each", broken)
    with pytest.raises(ConnectionError):
        ACTIONS[action](gateway)
    assert everything() == before
    monkeypatch.undo()
    ACTIONS[action](gateway)
    assert len(everything()[-1]) > len(before[-1])


def everything():
    return [
        list(model.objects.order_by("pk").values())
        for model in (GatewayType, Gateway, GatewayKey, Wallet, Coordinates, Event)
    ]


def test_an_action_sees_the_row_as_it_is_now_and_leaves_the_instance_up_to_date(active):
    stale = Gateway.objects.get()
    actions.suspend_gateway(gateway=active, **BY)
    with pytest.raises(ValidationError, match="is suspended"):
        actions.suspend_gateway(gateway=stale, **BY)
    assert actions.resume_gateway(gateway=stale, **BY) is stale
    assert stale.status == "active"


def test_an_id_is_the_prefix_and_sixteen_random_hex_digits(gateway_type):
    first, second = (actions.create_gateway(gateway_type=gateway_type, **BY).serial for _ in range(2))
    assert first != second
    assert first.startswith("acme-")
    assert int(first.removeprefix("acme-"), 16) >= 0
    assert len(first) == len("acme-") + 16


def test_an_id_that_sourceful_knows_already_is_taken_over(gateway_type):
    assert actions.create_gateway(gateway_type=gateway_type, serial="acme-0123456789abcdef", **BY).serial.endswith(
        "cdef"
    )


@pytest.mark.parametrize(
    "serial", ["other-0123456789abcdef", "acme-x-0123456789abcdef", "acme0123456789abcdef", "acme-0123"]
)
def test_an_id_of_another_form_is_refused(gateway_type, serial):
    with pytest.raises(ValidationError, match="16 hex digits"):
        actions.create_gateway(gateway_type=gateway_type, serial=serial, **BY)


def test_a_bad_prefix_is_refused(partner):
    with pytest.raises(ValidationError, match="{'prefix'"):
        actions.create_gateway_type(partner=partner, name="Home", prefix="-x", **BY)


def test_model_and_dtype_of_a_type_are_as_agreed(partner):
    made = actions.create_gateway_type(
        partner=partner, name="Home", prefix="acme", model="sunspec", dtype="sunspec_json", **BY
    )
    assert (made.model, made.dtype) == ("sunspec", "sunspec_json")


def test_a_wallet_may_be_named_before_registration_and_changed_until_inception(created):
    actions.bind_wallet(gateway=created, address=WALLET, **BY)
    assert (created.status, created.wallet.address) == ("created", WALLET)
    actions.register_gateway(gateway=created, **BY)
    actions.bind_wallet(gateway=created, address=OTHER_WALLET, **BY)
    actions.own_gateway(gateway=created, **BY)
    assert (created.status, created.wallet.address) == ("owned", OTHER_WALLET)
    assert Event.objects.get(name="gateway.owned").data == {"wallet": OTHER_WALLET}


def test_without_a_wallet_a_gateway_cannot_be_owned(gateway_type):
    with pytest.raises(ValidationError, match="Name the wallet first"):
        actions.own_gateway(gateway=gateway_at("registered", gateway_type), **BY)


def test_a_proven_wallet_stays_proven_since_the_first_proof(created):
    actions.bind_wallet(gateway=created, address=WALLET, proven=True, **BY)
    actions.bind_wallet(gateway=created, address=WALLET, proven=True, by="test", now=LATER)
    actions.bind_wallet(gateway=created, address=WALLET, **BY)
    assert created.wallet.proven_at == NOW
    assert [event.data for event in Event.objects.filter(name="gateway.wallet_named")] == [
        {"wallet": WALLET, "proven": True}
    ] * 3


def test_a_bad_wallet_address_names_nothing(created):
    with pytest.raises(ValidationError, match="wallet address"):
        actions.bind_wallet(gateway=created, address="0x12", **BY)
    assert not Wallet.objects.exists()


def test_a_gateway_that_was_located_early_is_located_as_soon_as_it_is_owned(created):
    actions.locate_gateway(gateway=created, **HOME, **BY)
    assert created.status == "created"
    actions.register_gateway(gateway=created, **BY)
    own(created)
    assert created.status == "located"
    assert actions.activate_gateway(gateway=created, **BY).status == "active"


def test_moving_a_position_keeps_the_status_and_the_row(active):
    row = active.coordinates_id
    moved = HOME | {"latitude": Decimal("-33.8688197"), "source": "browser"}
    actions.locate_gateway(gateway=active, **moved, **BY, consented_at=LATER)
    place = Coordinates.objects.get()
    assert (place.pk, place.latitude, place.source, place.consented_at) == (
        row,
        Decimal("-33.868820"),
        "browser",
        LATER,
    )
    assert active.status == "active"


@pytest.mark.parametrize(
    "latitude,longitude,says",
    [
        ("118", "34", "swapped"),
        ("59", "181", "swapped"),
        ("NaN", "18", "Latitude lies between"),
        ("59", "Infinity", "longitude between"),
        ("1e30", "18", "Latitude lies between"),
        ("0", "0", "lies in the sea"),
        ("0.0000001", "-0.0000001", "lies in the sea"),
    ],
)
def test_a_place_that_cannot_be_is_refused(created, latitude, longitude, says):
    place = HOME | {"latitude": Decimal(latitude), "longitude": Decimal(longitude)}
    with pytest.raises(ValidationError, match=says):
        actions.locate_gateway(gateway=created, **place, **BY)
    assert not Coordinates.objects.exists()


def test_the_position_stays_out_of_the_log_and_its_history_goes_with_it(active):
    assert "59.3" not in str(list(Event.objects.values()))
    assert Coordinates.history.count() == 1
    Gateway.objects.update(coordinates=None, status="owned")
    Coordinates.objects.get().delete()
    assert not Coordinates.history.exists()


def test_releasing_retires_the_keys_that_wait_too(gateway_type):
    gateway = gateway_at("active", gateway_type)
    actions.rotate_key(owner=gateway, **BY)
    actions.release_gateway(gateway=gateway, **BY)
    assert states(gateway) == {"retired": 2}


def test_an_action_by_a_user_names_the_user(created, admin_user):
    actions.register_gateway(gateway=created, by=admin_user, now=NOW)
    assert Event.objects.get(name="gateway.registered").actor == f"user:{admin_user.pk}"
