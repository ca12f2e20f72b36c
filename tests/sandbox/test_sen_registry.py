"""Gateways, keys and bans as SEN's stand-in knows them, and what they change for data that comes in."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import SenClient
from tests.sandbox.partner import GATEWAY, NOW_MS, Signer, pv


def status(sen: SenClient, signer: Signer, device: str = GATEWAY) -> int:
    return sen.post(signer.jwt(pv(), device=device)).status_code


def test_registering_the_same_again_is_200_and_with_another_key_409(sen: SenClient, signer: Signer) -> None:
    assert sen.admin("gateways", id=GATEWAY, public_key=signer.public).status_code == 200
    assert sen.admin("gateways", id=GATEWAY).status_code == 200
    conflict = sen.admin("gateways", id=GATEWAY, public_key=Signer().public)
    assert conflict.status_code == 409
    assert "another key" in conflict.text
    assert len(sen.get(f"gateways/{GATEWAY}")["keys"]) == 1


def test_a_public_key_may_come_with_04_before_it_or_in_capitals(sen: SenClient, signer: Signer) -> None:
    assert sen.admin("gateways", id=GATEWAY, public_key=f"04{signer.public}").status_code == 200
    assert sen.admin("gateways", id=GATEWAY, public_key=signer.public.upper()).status_code == 200


@pytest.mark.parametrize(
    "gateway", ["other-01", "acme", "acme-", "acme_01", "acme-a:b", "acme-a|b", "acme-a.b", "acme-" + "0" * 60]
)
def test_an_id_without_a_known_prefix_or_with_other_characters_is_400(sen: SenClient, gateway: str) -> None:
    assert sen.admin("gateways", id=gateway, public_key=Signer().public).status_code == 400


@pytest.mark.parametrize(
    "body", [{}, {"id": "acme-02", "public_key": 7}, {"id": "acme-02", "key": "x"}, {"id": "acme-02"}]
)
def test_a_registration_that_says_too_little_is_400_and_leaves_nothing(sen: SenClient, body: dict[str, object]) -> None:
    assert sen.admin("gateways", **body).status_code == 400
    assert sen.get("ledger")["gateways"] == 1


def test_an_unknown_gateway_is_404(sen: SenClient) -> None:
    for path in ("gateways/acme-02/ban", "gateways/acme-02/keys", "types/other/keys"):
        assert sen.admin(path, public_key=Signer().public).status_code == 404
    assert sen.http.get("/sen/__admin/gateways/acme-02").status_code == 404
    assert sen.admin(f"keys/{Signer().public}/ban").status_code == 404


def test_a_rotation_leaves_no_gap(sen: SenClient, signer: Signer) -> None:
    new = Signer()
    assert status(sen, new) == 401
    assert sen.admin(f"gateways/{GATEWAY}/keys", public_key=new.public).status_code == 201
    assert sen.admin(f"gateways/{GATEWAY}/keys", public_key=new.public).status_code == 200
    assert (status(sen, new), status(sen, signer)) == (200, 200)


def test_after_a_rotation_the_old_key_can_be_banned_alone(sen: SenClient, signer: Signer) -> None:
    new = Signer()
    sen.admin(f"gateways/{GATEWAY}/keys", public_key=new.public)
    assert sen.admin(f"keys/{signer.public}/ban").status_code == 200
    assert (status(sen, new), status(sen, signer)) == (200, 403)
    banned = {key["public_key"]: key["banned"] for key in sen.get(f"gateways/{GATEWAY}")["keys"]}
    assert banned == {signer.public: True, new.public: False}


def test_a_ban_is_for_good(sen: SenClient, signer: Signer) -> None:
    sen.admin(f"keys/{signer.public}/ban")
    assert sen.admin(f"gateways/{GATEWAY}/keys", public_key=signer.public).status_code == 409
    assert sen.admin("gateways", id="acme-02", public_key=signer.public).status_code == 409
    assert status(sen, signer) == 403


def test_a_banned_gateway_flows_again_with_a_new_key(sen: SenClient, signer: Signer) -> None:
    new = Signer()
    assert sen.admin(f"gateways/{GATEWAY}/ban").status_code == 200
    assert status(sen, signer) == 403
    sen.admin(f"gateways/{GATEWAY}/keys", public_key=new.public)
    assert (status(sen, new), status(sen, signer)) == (200, 403)


@pytest.fixture
def global_key(sen: SenClient) -> Signer:
    """The key of the type `fleet`, which has the gateways fleet-01 and fleet-02 without keys of their own."""
    key = Signer()
    assert sen.admin("types", prefix="fleet", global_key=key.public).status_code == 201
    for gateway in ("fleet-01", "fleet-02"):
        assert sen.admin("gateways", id=gateway).status_code == 201
    return key


def test_a_global_key_signs_for_every_gateway_of_its_type_and_no_other(sen: SenClient, global_key: Signer) -> None:
    assert status(sen, global_key, "fleet-01") == status(sen, global_key, "fleet-02") == 200
    assert status(sen, global_key, GATEWAY) == 401


def test_defining_a_type_again_is_200_and_with_another_key_409(sen: SenClient, global_key: Signer) -> None:
    assert sen.admin("types", prefix="fleet", global_key=global_key.public).status_code == 200
    assert sen.admin("types", prefix="fleet").status_code == 200
    assert sen.admin("types", prefix="fleet", global_key=Signer().public).status_code == 409
    assert sen.admin("types", prefix="a:b").status_code == 400


def test_a_global_key_is_rotated_without_a_gap(sen: SenClient, global_key: Signer) -> None:
    new = Signer()
    assert sen.admin("types/fleet/keys", public_key=new.public).status_code == 201
    assert status(sen, global_key, "fleet-01") == status(sen, new, "fleet-02") == 200
    sen.admin(f"keys/{global_key.public}/ban")
    assert (status(sen, global_key, "fleet-01"), status(sen, new, "fleet-01")) == (403, 200)


def test_one_gateway_under_a_global_key_can_be_banned_alone(sen: SenClient, global_key: Signer) -> None:
    sen.admin("gateways/fleet-01/ban")
    assert (status(sen, global_key, "fleet-01"), status(sen, global_key, "fleet-02")) == (403, 200)


def test_a_type_goes_from_keys_of_its_gateways_to_a_global_one(sen: SenClient, signer: Signer) -> None:
    new = Signer()
    assert sen.admin("types/acme/keys", public_key=new.public).status_code == 201
    assert status(sen, signer) == status(sen, new) == 200


def test_the_longest_known_prefix_is_the_type(sen: SenClient) -> None:
    sen.admin("types", prefix="acme-north")
    gateway = sen.admin("gateways", id="acme-north-01", public_key=Signer().public)
    assert gateway.get_json()["prefix"] == "acme-north"


def test_a_refused_registration_does_not_stay_half_done(sen: SenClient) -> None:
    assert sen.admin("gateways", id="acme-03", public_key="not a key").status_code == 400
    assert sen.http.get("/sen/__admin/gateways/acme-03").status_code == 404
    assert sen.post(Signer().jwt(pv(NOW_MS), device="acme-03")).status_code == 401
