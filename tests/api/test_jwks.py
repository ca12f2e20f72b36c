"""What a gateway signed, and the public keys that verify it, checked with PyJWT."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm

from gateways import actions, jwks
from ingest.readings import Kind, Reading
from sandbox.sen.envelope import open_envelope
from sandbox.sen.refusal import Refused
from tests import factories
from tests.api import homes
from tests.factories import NOW

WINDOW = {"from": "2026-06-15T12:00:00Z", "to": "2026-06-15T18:00:00Z"}
# The key of RFC 7638 is RSA; this one is the EC key of RFC 7517, appendix A.1.
X, Y = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
PUBLIC_HEX = (jwt.utils.base64url_decode(X) + jwt.utils.base64url_decode(Y)).hex()


@pytest.fixture
def pv(db):
    der = homes.sending().ders.get()
    homes.measure(der, homes.counted(NOW, 3))
    return der


@pytest.fixture
def sen(pv):
    return homes.validator(pv.system)


def keys(client, gateway):
    answer = client.get(f"/gateways/{gateway.serial}/jwks.json")
    assert answer["Content-Type"] == "application/jwk-set+json"
    return answer.json()["keys"]


def verified(client, gateway, token, **options):
    """Verify as whoever has the address of the keys: by the `kid` of the header."""
    found = jwt.PyJWKSet.from_dict({"keys": keys(client, gateway)})
    key = found[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["ES256"], options={"require": ["iss", "iat", "sub"]}, **options)


@pytest.mark.once
def test_a_public_key_is_the_published_jwk():
    known = jwks.jwk(PUBLIC_HEX)
    assert (known["kty"], known["crv"], known["x"], known["y"], known["alg"]) == ("EC", "P-256", X, Y, "ES256")
    assert known["kid"] == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"
    assert isinstance(ECAlgorithm.from_jwk(known), EllipticCurvePublicKey)


def test_a_signed_page_says_the_same_as_the_plain_one_and_verifies(pv, sen, client, settings):
    asked = {**WINDOW, "limit": 2}
    plain, signed = (sen.get(f"ders/{pv.sn}/telemetry", {**asked, "format": form}) for form in ("json", "jwt"))
    assert signed["Content-Type"] == "application/jwt"
    assert signed["Link"].replace("format=jwt", "format=json") == plain["Link"]
    gateway = pv.system.gateway
    claims = verified(client, gateway, signed.content.decode(), issuer=settings.PUBLIC_URL, subject=gateway.serial)
    assert {name: claims[name] for name in plain.json()} == plain.json()
    header = jwt.get_unverified_header(signed.content)
    assert header == {
        "alg": "ES256", "typ": "telemetry+jwt", "kid": header["kid"], "device": gateway.serial, "opr": "testing",
        "model": "partner_cloud", "dtype": "json", "sn": pv.sn,
    }  # fmt: skip


def test_the_media_type_asks_for_the_signed_form_too(pv, sen, client):
    asked = f"gateways/{pv.system.gateway.serial}/energy", {"date": "2026-06-15"}
    signed, plain = sen.get(*asked, {"Accept": "application/jwt"}), sen.get(*asked).json()
    claims = verified(client, pv.system.gateway, signed.content.decode())
    assert {name: claims[name] for name in plain} == plain
    header = jwt.get_unverified_header(signed.content)
    assert (header["typ"], "sn" in header) == ("energy+jwt", False)


def test_sen_does_not_take_a_signed_page_for_a_push(pv, sen):
    signed = sen.get(f"ders/{pv.sn}/telemetry", {**WINDOW, "format": "jwt"}).content
    with pytest.raises(Refused, match="typ must be JWT"):
        open_envelope(signed, strict=True)
    # Who does not look at the header finds no point in it: those are named by 13 digits.
    assert not any(name.isdecimal() for name in jwt.decode(signed, options={"verify_signature": False}))


def test_who_cannot_sign_says_so_and_not_what_staff_wrote_about_it(pv, sen):
    actions.ban_key(key=pv.system.gateway.keys.get(), reason="lost", by="test", now=NOW)
    refused = sen.get(f"ders/{pv.sn}/telemetry", {**WINDOW, "format": "jwt"})
    assert (refused.status_code, refused["Content-Type"]) == (409, "application/problem+json")
    assert refused.json()["type"].endswith("#gateway-without-key")
    assert "lost" not in refused.json()["detail"]
    assert sen.get(f"ders/{pv.sn}/telemetry", WINDOW).status_code == 200


def test_keys_are_public_and_those_before_a_rotation_still_verify_what_they_signed(pv, sen, client):
    gateway = pv.system.gateway
    before = sen.get(f"ders/{pv.sn}/telemetry", {**WINDOW, "format": "jwt"}).content.decode()
    actions.rotate_key(owner=gateway, by="test", now=NOW)
    assert len(keys(client, gateway)) == 1
    actions.activate_key(owner=gateway, by="test", now=NOW)
    after = sen.get(f"ders/{pv.sn}/telemetry", {**WINDOW, "format": "jwt"}).content.decode()
    assert len({jwt.get_unverified_header(token)["kid"] for token in (before, after)}) == 2
    assert verified(client, gateway, before)["data"] == verified(client, gateway, after)["data"]


def test_a_banned_key_verifies_nothing(pv, client):
    gateway = pv.system.gateway
    actions.ban_key(key=gateway.keys.get(), reason="lost", by="test", now=NOW)
    assert keys(client, gateway) == []


def test_a_key_of_the_type_verifies_for_its_gateways(db, client):
    of_type = factories.gateway_type(key_strategy="global")
    system: Any = factories.system(factories.active_gateway(of_type))
    meter = homes.add(system, Kind.METER)
    homes.measure(meter, [Reading(ts=NOW, power_w=1)])
    signed = homes.validator(system).get(f"ders/{meter.sn}/telemetry", {**WINDOW, "format": "jwt"}).content.decode()
    assert verified(client, system.gateway, signed)["sn"] == meter.sn


def test_nobody_else_signs_for_a_gateway(pv, sen, client):
    other = homes.sending()
    signed = sen.get(f"ders/{pv.sn}/telemetry", {**WINDOW, "format": "jwt"}).content.decode()
    with pytest.raises(KeyError):
        verified(client, other.gateway, signed)


def test_a_gateway_that_there_is_not_has_no_keys(db, client):
    missing = client.get("/gateways/acme-0000000000000000/jwks.json")
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")
    assert client.post("/gateways/acme-0000000000000000/jwks.json").status_code == 405
