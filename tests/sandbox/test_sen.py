"""SEN's stand-in receives data: each check of sen.md 13 in its order, with the known answers of sen.md 15."""

from __future__ import annotations

import base64
import json

import pytest

from sandbox.sen import crypto
from tests.sandbox.conftest import SenClient
from tests.sandbox.known_answers import EMS, K1, K1_JWT, K1_PRIVATE, K2, SIGNATURES
from tests.sandbox.partner import GATEWAY, HEADER, NOW_MS, Signer, b64url, pv

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def k1(sen: SenClient) -> SenClient:
    assert sen.admin("gateways/" + GATEWAY + "/keys", public_key=K1).status_code == 201
    return sen


def test_the_published_data_jwt_is_accepted_and_its_points_are_kept(k1: SenClient) -> None:
    response = k1.post(K1_JWT)
    assert (response.status_code, response.data) == (200, b"")
    first, second = k1.points()
    assert (first["device"], first["sn"], first["ts"], first["dtype"]) == (
        GATEWAY,
        "SN0001",
        1750840420369,
        "modbus_registers",
    )
    assert first["data"] == {"5016": 2500, "5017": 0, "5035": 500, "13021": 0, "13033": 2400, "13034": 0}
    assert second["ts"] == 1750840430369
    assert first["public_key"] == K1


def test_the_path_works_without_its_trailing_slash(k1: SenClient) -> None:
    assert k1.http.post("/sen/gw/data", data=K1_JWT).status_code == 200


def test_only_post_brings_data(sen: SenClient) -> None:
    assert sen.http.get("/sen/gw/data/").status_code == 405
    assert sen.http.put("/sen/gw/data/", data=K1_JWT).status_code == 405


def test_256_kib_are_read_and_one_byte_more_is_413(sen: SenClient) -> None:
    assert sen.post("a" * 256 * 1024).status_code == 400
    assert sen.post("a" * (256 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize("body", ["", "a", "a.b", "..", "{}", "é.b.c", K1_JWT.rpartition(".")[0]])
def test_what_is_no_jwt_is_400(sen: SenClient, body: str) -> None:
    assert sen.post(body.encode()).status_code == 400


@pytest.mark.parametrize("segment", [0, 1, 2])
@pytest.mark.parametrize("change", [lambda s: "+" + s[1:], lambda s: s[:-1] + "/", lambda s: " " + s, lambda s: s[:5]])
def test_another_alphabet_or_half_a_byte_is_400(k1: SenClient, segment: int, change: object) -> None:
    segments = K1_JWT.split(".")
    segments[segment] = change(segments[segment])  # type: ignore[operator]
    assert k1.post(".".join(segments)).status_code == 400


@pytest.mark.parametrize("segment", [0, 1])
def test_padding_of_header_or_payload_is_400(sen: SenClient, signer: Signer, segment: int) -> None:
    segments = signer.jwt(pv()).split(".")
    segments[segment] += "=" * (-len(segments[segment]) % 4 or 4)
    assert sen.post(".".join(segments)).status_code == 400


def test_a_second_spelling_of_the_same_signature_is_400(k1: SenClient) -> None:
    assert K1_JWT.endswith("yA")
    respelled = K1_JWT[:-1] + "B"
    assert base64.urlsafe_b64decode(respelled[-86:] + "==") == base64.urlsafe_b64decode(K1_JWT[-86:] + "==")
    assert k1.post(respelled).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "HS256"}, {"alg": "none"}, {"alg": "ES256K"}, {"alg": None}, {"typ": "jwt"}, {"typ": None},
        {"device": None}, {"device": 7}, {"device": ""}, {"dtype": None}, {"model": None}, {"model": ""}, {"sn": None},
        {"sn": 1}, {"sn": "\ud800"}, {"opr": None}, {"opr": "prod"}, {"opr": "Production"},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_is_not_as_documented_is_400(sen: SenClient, signer: Signer, change: dict[str, object]) -> None:
    assert sen.post(signer.jwt(pv(), **change)).status_code == 400
    assert sen.points() == []


@pytest.mark.parametrize(
    "header", [b"[]", b'"ES256"', b"{", b"\xff\xfe", b'{"alg":"ES256","alg":"ES256"}', b"[" * 50_000]
)
def test_a_header_that_is_no_object_is_400(sen: SenClient, signer: Signer, header: bytes) -> None:
    assert sen.post(signer.seal(header, json.dumps(pv()).encode())).status_code == 400


def test_the_order_of_the_headers_fields_does_not_matter_and_licenses_do_no_harm(
    sen: SenClient, signer: Signer
) -> None:
    header = dict(reversed({**HEADER, "licence": "l", "developer": "d", "opr": "testing"}.items()))
    assert sen.post(signer.seal(json.dumps(header).encode(), json.dumps(pv()).encode())).status_code == 200


def test_alg_none_without_a_signature_is_refused_in_both_modes(sen: SenClient, lenient_sen: SenClient) -> None:
    header = b64url(json.dumps({**HEADER, "alg": "none"}).encode())
    unsigned = f"{header}.{b64url(json.dumps(pv()).encode())}."
    assert sen.post(unsigned).status_code == 400
    assert lenient_sen.post(unsigned).status_code == 400


def test_an_unknown_device_is_401(sen: SenClient, signer: Signer) -> None:
    response = sen.post(signer.jwt(pv(), device="acme-0000000000000002"))
    assert response.status_code == 401
    assert "acme-0000000000000002" in response.text


def test_another_gateways_signature_is_401(sen: SenClient) -> None:
    assert sen.post(Signer().jwt(pv())).status_code == 401


@pytest.mark.parametrize("segment", [0, 1])
def test_tampering_is_401(k1: SenClient, segment: int) -> None:
    segments = K1_JWT.split(".")
    text = base64.urlsafe_b64decode(segments[segment] + "==").replace(b"SN0001", b"SN0002").replace(b"2500", b"9500")
    segments[segment] = b64url(text)
    assert k1.post(".".join(segments)).status_code == 401
    assert k1.points() == []


def test_the_same_json_in_another_spelling_is_401(k1: SenClient) -> None:
    header, payload, signature = K1_JWT.split(".")
    respelled = json.dumps(json.loads(base64.urlsafe_b64decode(payload + "=="))).encode()
    assert k1.post(f"{header}.{b64url(respelled)}.{signature}").status_code == 401


@pytest.mark.parametrize("debris", ["==", "=", ".", ".e30", "A", "AA", "\n", "AAAA" * 38])
def test_anything_after_the_signatures_86_characters_is_401(k1: SenClient, debris: str) -> None:
    assert k1.post(K1_JWT + debris).status_code == 401


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_than_64_bytes_is_no_signature(k1: SenClient, length: int) -> None:
    signed, _, signature = K1_JWT.rpartition(".")
    raw = (base64.urlsafe_b64decode(signature + "==") + b"\0")[:length]
    assert k1.post(f"{signed}.{b64url(raw)}").status_code == (401 if length else 400)


def test_a_signature_without_the_zero_at_the_head_of_its_s_is_401(sen: SenClient, signer: Signer) -> None:
    signed = signer.jwt(pv()).rpartition(".")[0]
    raw = next(raw for raw in iter(lambda: signer.sign(signed.encode()), None) if raw[32] == 0)
    assert sen.post(f"{signed}.{b64url(raw[:32] + raw[33:])}").status_code == 401
    assert sen.post(f"{signed}.{b64url(raw)}").status_code == 200


@pytest.mark.parametrize("numbers", [(0, 0), (0, 1), (1, 0), (ORDER_OF_P256, ORDER_OF_P256), (2**256 - 1, 2**256 - 1)])
def test_numbers_that_are_no_signature_are_401(sen: SenClient, signer: Signer, numbers: tuple[int, int]) -> None:
    signed = signer.jwt(pv()).rpartition(".")[0]
    forged = b"".join(number.to_bytes(32, "big") for number in numbers)
    assert sen.post(f"{signed}.{b64url(forged)}").status_code == 401


def test_a_signature_in_der_form_is_401(sen: SenClient, signer: Signer) -> None:
    signed, _, signature = signer.jwt(pv()).rpartition(".")
    der = b"0D\x02 " + base64.urlsafe_b64decode(signature + "==")[:32] + b"\x02 " + bytes(32)
    assert sen.post(f"{signed}.{b64url(der)}").status_code == 401


def test_high_s_is_accepted_because_no_published_verifier_minds_it(sen: SenClient, signer: Signer) -> None:
    signed, _, signature = signer.jwt(pv()).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    other_s = ORDER_OF_P256 - int.from_bytes(raw[32:], "big")
    assert sen.post(f"{signed}.{b64url(raw[:32] + other_s.to_bytes(32, 'big'))}").status_code == 200


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"null", b"7", b"{", b"\xff"],
)
def test_a_payload_that_is_no_object_with_points_is_400(sen: SenClient, signer: Signer, payload: bytes) -> None:
    assert sen.post(signer.seal(json.dumps(HEADER).encode(), payload)).status_code == 400


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "-1e999"])
def test_a_number_that_is_not_finite_is_400(sen: SenClient, signer: Signer, number: str) -> None:
    payload = json.dumps(pv()).replace("-1500", number).encode()
    assert sen.post(signer.seal(json.dumps(HEADER).encode(), payload)).status_code == 400


def test_a_timestamp_that_stands_twice_in_a_payload_is_400(sen: SenClient, signer: Signer) -> None:
    point = json.dumps(pv()).strip("{}") + "}"
    assert sen.post(signer.seal(json.dumps(HEADER).encode(), f"{{{point},{point}}}".encode())).status_code == 400


@pytest.mark.parametrize(
    "key", ["1750840800", "17508408000000", "2025-06-25T08:40", "-175084080000", "175084080000.", "١٧٥٠٨٤٠٨٠٠٠٠٠"]
)
def test_a_key_that_is_not_13_digits_is_400(sen: SenClient, signer: Signer, key: str) -> None:
    assert sen.post(signer.jwt({key: pv()[str(NOW_MS)]})).status_code == 400


def test_five_minutes_ahead_are_accepted_and_a_millisecond_more_is_400(sen: SenClient, signer: Signer) -> None:
    assert sen.post(signer.jwt(pv(NOW_MS + 300_000))).status_code == 200
    response = sen.post(signer.jwt(pv(NOW_MS + 300_001)))
    assert response.status_code == 400
    assert "future" in response.text


def test_one_wrong_point_refuses_the_whole_post(sen: SenClient, signer: Signer) -> None:
    assert sen.post(signer.jwt({**pv(), **pv(NOW_MS - 1000, W=5)})).status_code == 400
    assert sen.points() == []


# Every post has two faults; the one that is checked first decides the status.
@pytest.mark.parametrize(
    "status,jwt",
    [
        (413, lambda _, __: "." * 300_000),
        (400, lambda _, other: other.jwt(pv(), alg="HS256")),
        (401, lambda _, other: other.jwt(pv(), device="acme-unknown", dtype="nothing")),
        (401, lambda _, other: other.jwt({})),
        (400, lambda good, _: good.jwt(pv(NOW_MS + 10**9, W=5))),
    ],
)
def test_the_checks_come_in_their_order(sen: SenClient, signer: Signer, status: int, jwt: object) -> None:
    response = sen.post(jwt(signer, Signer()))  # type: ignore[operator]
    assert response.status_code == status
    assert "future" not in response.text


def test_a_ban_is_told_before_a_wrong_signature(sen: SenClient, signer: Signer) -> None:
    sen.admin(f"keys/{signer.public}/ban")
    assert sen.post(Signer().jwt(pv())).status_code == 403


@pytest.mark.parametrize(
    "jwt",
    [
        lambda signer: signer.jwt(
            {"later": 1, "1750840800": [None]}, alg="HS256", typ=None, dtype="whatever", model=None
        ),
        lambda signer: signer.jwt(pv(NOW_MS + 10**9, W=None)),
        lambda signer: signer.seal(json.dumps(HEADER).encode(), b"no JSON"),
    ],
)
def test_lenient_whatever_verifies_is_accepted(lenient_sen: SenClient, signer: Signer, jwt: object) -> None:
    assert lenient_sen.post(jwt(signer)).status_code == 200  # type: ignore[operator]


def test_lenient_a_correct_post_is_kept_as_ever(lenient_sen: SenClient, signer: Signer) -> None:
    assert lenient_sen.post(signer.jwt(pv())).status_code == 200
    assert [(point["type"], point["ts"], point["data"]["W"]) for point in lenient_sen.points()] == [
        ("pv", NOW_MS, -1500)
    ]


def test_lenient_what_does_not_verify_is_401_all_the_same(lenient_sen: SenClient, signer: Signer) -> None:
    assert lenient_sen.post(Signer().jwt(pv())).status_code == 401
    assert lenient_sen.post(signer.jwt(pv()) + "==").status_code == 401
    lenient_sen.admin(f"keys/{signer.public}/ban")
    assert lenient_sen.post(signer.jwt(pv())).status_code == 403


@pytest.mark.parametrize("key,message,signature", SIGNATURES)
def test_published_signatures_verify_and_altered_ones_do_not(key: str, message: str, signature: str) -> None:
    assert crypto.verifies(key, bytes.fromhex(signature), message.encode())
    assert not crypto.verifies(key, bytes.fromhex(signature), message.encode() + b" ")
    assert not crypto.verifies(K1 if key != K1 else EMS, bytes.fromhex(signature), message.encode())


def test_the_private_key_of_k1_makes_its_public_key() -> None:
    assert Signer(K1_PRIVATE).public == K1


def test_a_key_of_secp256k1_is_refused(sen: SenClient) -> None:
    response = sen.admin("gateways", id="acme-k2", public_key=K2)
    assert response.status_code == 400
    assert "P-256" in response.text
