"""Every rule of the models holds in the database itself: `update` and `bulk_create` pass all Python by."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.db.models import UniqueConstraint

from gateways.models import (
    Client,
    Coordinates,
    Event,
    Gateway,
    GatewayGrant,
    GatewayKey,
    GatewayType,
    IdempotentRequest,
    Membership,
    Partner,
    Wallet,
)
from tests.gateways.lives import LATER, NOW, OTHER_WALLET, WALLET, gateway_at

pytestmark = pytest.mark.django_db

HEX = "ab" * 64
OTHER_HEX = "cd" * 64
ALL_BUT_CREATED = ("registered", "owned", "located", "active", "suspended")


@pytest.fixture
def rows(active, global_type, partner, other_partner):
    user = get_user_model().objects.create(username="ann")
    return SimpleNamespace(
        partner=partner,
        other_partner=other_partner,
        type=active.gateway_type,
        global_type=global_type,
        gateway=active,
        created=gateway_at("created", active.gateway_type),
        key=active.keys.get(),
        wallet=active.wallet,
        coordinates=active.coordinates,
        membership=Membership.objects.create(partner=partner, user=user),
        event=Event.objects.first(),
    )


def change(row, **values):
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def add(model, **values):
    model._base_manager.bulk_create([model(**values)])


def add_key(**values):
    add(GatewayKey, **{"public_key": HEX, "uri": "sealed:x", "registered_at": NOW} | values)


def copy_event(rows):
    fields = {field.attname: getattr(rows.event, field.attname) for field in Event._meta.concrete_fields}
    add(Event, **fields | {"id": None})


def make_client(rows, **values):
    fields = {"partner": rows.partner, "client_type": "confidential", "authorization_grant_type": "client-credentials"}
    return Client.objects.create(**fields | values)


def change_client(rows, **values):
    change(make_client(rows), **values)


def give_twice(rows):
    given = {"client": make_client(rows), "gateway": rows.gateway, "user": rows.membership.user, "scopes": []}
    GatewayGrant.objects.create(**given, given_at=NOW, ended_at=LATER)
    GatewayGrant.objects.create(**given, given_at=LATER)
    add(GatewayGrant, **given, given_at=LATER)


def ask_twice(rows):
    asked = {"client": make_client(rows), "key": "k", "created_at": NOW}
    IdempotentRequest.objects.create(**asked)
    add(IdempotentRequest, **asked)


BROKEN = {
    "client_always_asks": [lambda rows: change_client(rows, skip_authorization=True)],
    "client_backend_has_secret": [lambda rows: change_client(rows, client_type="public")],
    "client_grant_type": [
        lambda rows, grant=grant: change_client(rows, authorization_grant_type=grant)
        for grant in ("password", "implicit", "")
    ],
    "client_may_ask": [lambda rows: change_client(rows, requests_per_minute=0)],
    "client_purpose": [lambda rows: change_client(rows, purpose="curiosity")],
    "client_secret_hashed": [lambda rows: change_client(rows, hash_client_secret=False)],
    "coordinates_latitude": [
        lambda rows: change(rows.coordinates, latitude="90.000001"),
        lambda rows: change(rows.coordinates, latitude="-91"),
    ],
    "coordinates_longitude": [
        lambda rows: change(rows.coordinates, longitude="180.000001"),
        lambda rows: change(rows.coordinates, longitude="-181"),
    ],
    "coordinates_not_null_island": [
        lambda rows: change(rows.coordinates, latitude=0, longitude=0),
        lambda _: add(Coordinates, latitude=0, longitude=0),
    ],
    "coordinates_source": [lambda rows: change(rows.coordinates, source="rumor")],
    "event_sequence": [copy_event],
    "gateway_grant_once": [give_twice],
    "gateway_located_has_coordinates": [
        lambda rows, status=status: change(rows.gateway, coordinates=None, status=status)
        for status in ("located", "active", "suspended")
    ],
    "gateway_owned_has_wallet": [
        lambda rows, status=status: change(rows.gateway, wallet=None, status=status) for status in ALL_BUT_CREATED[1:]
    ],
    "gateway_registered_has_time": [
        lambda rows, status=status: change(rows.gateway, registered_at=None, status=status)
        for status in ALL_BUT_CREATED
    ],
    "gateway_serial": [
        lambda rows, serial=serial: change(rows.gateway, serial=serial)
        for serial in (
            "acme-0123456789abcdeF",
            "acme-0123456789abcde",
            "acme-0123456789abcdef\n",
            "acme0123456789abcdef",
            "ac:me-0123456789abcdef",
            "ac|me-0123456789abcdef",
            "ac.me-0123456789abcdef",
            "ac/me-0123456789abcdef",
            "åcme-0123456789abcdef",
            "-acme-0123456789abcdef",
            "-0123456789abcdef",
        )
    ],
    "gateway_status": [lambda rows: change(rows.gateway, status="asleep")],
    "gateway_type_global_has_key": [
        lambda rows: change(rows.type, key_strategy="global"),
        lambda rows: change(rows.global_type, global_key=None),
        lambda rows: add(GatewayType, partner=rows.partner, name="x", prefix="x", key_strategy="global"),
    ],
    "gateway_type_prefix": [
        lambda rows, prefix=prefix: add(GatewayType, partner=rows.partner, name="x", prefix=prefix)
        for prefix in ("", "ac me", "=acme", "-acme", "acme\n", "a:b", "a|b", "a.b", "a/b", "å")
    ],
    "gateway_type_strategy": [lambda rows: change(rows.type, key_strategy="none")],
    "idempotent_request_once": [ask_twice],
    "key_active_is_registered": [lambda rows: change(rows.key, registered_at=None)],
    "key_banned_has_reason": [
        lambda rows: change(rows.key, state="banned", ended_at=NOW),
        lambda rows: change(rows.key, ban_reason="stolen"),
    ],
    "key_ended_has_time": [
        lambda rows: change(rows.key, ended_at=NOW),
        lambda rows: change(rows.key, state="retired"),
        lambda rows: change(rows.key, state="lost", ended_at=NOW),
        lambda rows: change(rows.key, state="banned", ban_reason="stolen"),
    ],
    "key_exactly_one_owner": [
        lambda rows: change(rows.key, gateway=None),
        lambda rows: change(rows.key, gateway_type=rows.type),
        lambda _: add_key(state="retired", ended_at=LATER),
    ],
    "key_has_uri": [lambda rows: change(rows.key, uri="")],
    "key_one_active_per_gateway": [lambda rows: add_key(gateway=rows.gateway, state="active")],
    "key_one_active_per_type": [
        lambda rows: [
            add_key(gateway_type=rows.global_type, state="active"),
            add_key(gateway_type=rows.global_type, state="active", public_key=OTHER_HEX),
        ],
    ],
    "key_one_pending_per_gateway": [lambda rows: add_key(gateway=rows.created, state="pending")],
    "key_one_pending_per_type": [lambda rows: add_key(gateway_type=rows.global_type, state="pending")],
    "key_public_hex": [
        lambda rows, public_key=public_key: change(rows.key, public_key=public_key)
        for public_key in ("", HEX[:-1], HEX.upper(), HEX[:-1] + "\n", HEX[:-2] + "zz")
    ],
    "membership_once_per_partner": [
        lambda rows: add(Membership, partner=rows.partner, user=rows.membership.user, role="owner")
    ],
    "membership_role": [lambda rows: change(rows.membership, role="king")],
    "partner_environment": [lambda rows: change(rows.partner, environment="moon")],
    "partner_retention_a_week_or_more": [lambda rows: change(rows.partner, retention_days=6)],
    "partner_slug_is_free": [lambda rows: change(rows.partner, slug="flows")],
    "wallet_address_base58": [
        lambda rows, address=address: change(rows.wallet, address=address)
        for address in ("", WALLET[:31], WALLET[:-1] + "\n", "0" + WALLET[1:], "l" + WALLET[1:])
    ],
    "wallet_once_per_partner": [lambda rows: add(Wallet, partner=rows.partner, address=WALLET)],
}
# What only a trigger can compare, and the words it says.
BROKEN_ACROSS_ROWS = {
    "append-only": [
        lambda rows: change(rows.event, name="gateway.nothing"),
        lambda rows: change(rows.event, hash="0" * 64),
    ],
    "partner of its type and wallet, and its id starts with the prefix": [
        lambda rows: change(rows.gateway, serial="other-0123456789abcdef"),
        lambda rows: change(rows.gateway, serial="acme-x-0123456789abcdef"),
        lambda rows: change(rows.gateway, gateway_type=rows.global_type),
        lambda rows: change(rows.gateway, wallet=a_wallet(rows.other_partner)),
        lambda rows: add_gateway(rows, partner=rows.other_partner),
        lambda rows: add_gateway(rows, serial="other-0123456789abcdef"),
        lambda rows: add_gateway(rows, wallet=a_wallet(rows.other_partner)),
    ],
    "prefix stands in the ids": [lambda rows: change(rows.type, prefix="other")],
    "between partners": [
        lambda rows: change(rows.type, partner=rows.other_partner),
        lambda rows: change(rows.wallet, partner=rows.other_partner),
    ],
}


def a_wallet(partner: Partner) -> Wallet:
    return Wallet.objects.create(partner=partner, address=OTHER_WALLET)


def add_gateway(rows, **values):
    fields = {"partner": rows.partner, "gateway_type": rows.type, "serial": "acme-0123456789abcdef"}
    add(Gateway, **fields | values)


def each(broken):
    return [pytest.param(name, act, id=f"{name}-{n}") for name, acts in broken.items() for n, act in enumerate(acts)]


@pytest.mark.parametrize("name,break_it", each(BROKEN))
def test_the_database_refuses(rows, name, break_it):
    with pytest.raises(IntegrityError, match=what_is_said(name)), transaction.atomic():
        break_it(rows)


@pytest.mark.parametrize("message,break_it", each(BROKEN_ACROSS_ROWS))
def test_the_database_refuses_across_rows(rows, message, break_it):
    with pytest.raises(IntegrityError, match=message), transaction.atomic():
        break_it(rows)


def test_every_constraint_has_its_test():
    assert set(declared()) == set(BROKEN)


@pytest.mark.parametrize(
    "model,values",
    [
        (Gateway, {"serial": "acme-0123456789abcdef"}),
        (GatewayType, {"prefix": "acme"}),
        (GatewayKey, {"public_key": HEX}),
    ],
)
def test_ids_prefixes_and_public_keys_exist_once(rows, model, values):
    add_gateway(rows)
    add_key(gateway=rows.gateway, state="retired", ended_at=NOW)
    copied = model.objects.get(**values)
    copied.pk = None
    with pytest.raises(IntegrityError, match="UNIQUE|unique"), transaction.atomic():
        model._base_manager.bulk_create([copied])


def test_what_is_within_the_rules_is_accepted(rows):
    change(rows.coordinates, latitude=0, longitude="-180")
    change(rows.coordinates, latitude="-90", longitude=0)
    change(rows.gateway, serial="acme-0123456789abcdef")
    longest = GatewayType.objects.create(partner=rows.partner, name="x", prefix="_" + "-" * 46)
    serial = f"{longest.prefix}-0123456789abcdef"
    assert len(Gateway.objects.create(partner=rows.partner, gateway_type=longest, serial=serial).serial) == 64
    change(GatewayType.objects.create(partner=rows.partner, name="x", prefix="free"), prefix="freed")


def declared():
    models = apps.get_app_config("gateways").get_models()
    return {constraint.name: constraint for model in models for constraint in model._meta.constraints}


def what_is_said(name: str) -> str:
    if name == "gateway_serial":  # of two rules that are broken at once the trigger speaks first
        return "gateway_serial|starts with the prefix of its type"
    unique = isinstance(declared()[name], UniqueConstraint)
    # SQLite names the columns of a unique constraint, not the constraint.
    return "UNIQUE constraint" if unique and connection.vendor == "sqlite" else rf"\b{name}\b"
