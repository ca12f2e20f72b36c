"""SEN's GraphQL API as its stand-in answers it: inception in both forms, and what a partner's cloud reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import SenClient
from tests.sandbox.known_answers import K1
from tests.sandbox.partner import GATEWAY, NOW_MS, Signer, Wallet, pv

WALLET = "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"
OTHER = Wallet().address
TIMESTAMP = "2025-06-25T08:40:00Z"


def initialize(sen: SenClient, message: str, signature: str, more: str = "") -> Any:
    arguments = f"idAndWallet:{json.dumps(message)},signature:{json.dumps(signature)}{more}"
    reply = sen.ask(f"mutation{{gatewayInception{{initialize(gatewayInitialization:{{{arguments}}}){{initialized}}}}}}")
    assert "errors" not in reply, reply
    return reply["data"]["gatewayInception"]["initialize"]["initialized"]


def classic(wallet: str = WALLET, gateway: str = GATEWAY) -> str:
    return f"{gateway}:{wallet}"


def piped(wallet: str = WALLET, nonce: int = 123456, timestamp: str = TIMESTAMP, gateway: str = GATEWAY) -> str:
    return f"{wallet}|{nonce}|{timestamp}|{gateway}"


def owner(sen: SenClient) -> Any:
    return sen.ask(f'{{gateway{{gateway(id:"{GATEWAY}"){{wallet}}}}}}')["data"]["gateway"]["gateway"]["wallet"]


@pytest.mark.parametrize("message", [classic(), piped()])
def test_a_gateways_signature_binds_its_wallet(sen: SenClient, signer: Signer, message: str) -> None:
    assert owner(sen) is None
    assert initialize(sen, message, signer.sign(message.encode()).hex()) is True
    assert owner(sen) == WALLET


@pytest.mark.parametrize(
    "message,signature",
    [
        (
            "zap_000098f89ec964:Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w",
            (
                "f0e812d045355208ed8e25616ae96e19a4fc5a421c966622a6cd36c7c37652b0"
                "0355159fc8229df107a310e8047b3162e1e0f340c72f6d65e5ebdfd36a6fd39a"
            ),
        ),
        (
            "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w|123456|2025-03-27T12:00:00Z|zap-000098b93c8481b0",
            (
                "6f15646c0a172366f3f2648ef71c5e392131cd48cc35aa2ce6ee9738c928f5d9"
                "fb5f8ffba4a56400b856325d538154dbf8374e70ce21c0f9854b83d583b5f444"
            ),
        ),
    ],
)
def test_the_published_inception_messages_are_accepted(sen: SenClient, message: str, signature: str) -> None:
    gateway = "zap-000098b93c8481b0" if "|" in message else "zap_000098f89ec964"
    # The older id has an underscore after its prefix, which the stand-in's registration does not take.
    sen.state.run("INSERT INTO sen_gateways (id, prefix, created) VALUES (?, 'zap', '')", [gateway])
    assert sen.admin(f"gateways/{gateway}/keys", public_key=K1).status_code == 201
    sen.clock.set(sen.clock.now().replace(month=3, day=27, hour=12, minute=5), 0)
    assert initialize(sen, message, signature) is True


def test_a_dry_run_tells_the_truth_and_changes_nothing(sen: SenClient, signer: Signer) -> None:
    signature = signer.sign(piped().encode()).hex()
    assert initialize(sen, piped(), signature, ",dryRun:true") is True
    assert initialize(sen, piped(), "00" * 64, ",dryRun:true") is False
    assert owner(sen) is None
    assert initialize(sen, piped(), signature, ",dryRun:false") is True


def test_an_owned_gateway_stays_with_its_wallet(sen: SenClient, signer: Signer) -> None:
    for message, answer in ((classic(), True), (classic(OTHER), False), (piped(OTHER), False), (classic(), True)):
        assert initialize(sen, message, signer.sign(message.encode()).hex()) is answer
    assert owner(sen) == WALLET


@pytest.mark.parametrize(
    "message,reason",
    [
        (classic(gateway="acme-02"), "unknown"),
        (classic(wallet="short"), "base58"),
        (classic(wallet="0" + WALLET[1:]), "base58"),
        (f"{GATEWAY}:{WALLET}:more", "unknown"),
        (f"{GATEWAY}{WALLET}", "unknown"),
        (f"{WALLET}|{TIMESTAMP}|{GATEWAY}", "unknown"),
        (piped(timestamp="2025-06-25T08:29:59Z"), "10 minutes"),
        (piped(timestamp="2025-06-25T08:50:01Z"), "10 minutes"),
        (piped(timestamp="2025-06-25T08:40:00"), "YYYY"),
        (piped(timestamp="2025-13-25T08:40:00Z"), "YYYY"),
    ],
)
def test_no_is_all_that_sen_says_and_the_ledger_says_why(
    sen: SenClient, signer: Signer, message: str, reason: str
) -> None:
    assert initialize(sen, message, signer.sign(message.encode()).hex()) is False
    assert reason in sen.get("ledger")["rejections"][0]["reason"]
    assert owner(sen) is None


def test_another_keys_signature_or_none_is_answered_with_no(sen: SenClient, signer: Signer) -> None:
    good = signer.sign(classic().encode())
    for signature in (Signer().sign(classic().encode()).hex(), good.hex()[:-2], good.hex() + "00", "", "zz" * 64):
        assert initialize(sen, classic(), signature) is False


def test_a_nonce_is_good_once(sen: SenClient, signer: Signer) -> None:
    signature = signer.sign(piped().encode()).hex()
    assert [initialize(sen, piped(), signature) for _ in range(2)] == [True, False]
    fresh = piped(nonce=654321)
    assert initialize(sen, fresh, signer.sign(fresh.encode()).hex()) is True


def test_a_banned_key_binds_nothing(sen: SenClient, signer: Signer) -> None:
    sen.admin(f"keys/{signer.public}/ban")
    assert initialize(sen, classic(), signer.sign(classic().encode()).hex()) is False


def test_inceptions_are_no_posts_of_data(sen: SenClient, signer: Signer) -> None:
    initialize(sen, classic(), "")
    assert sen.get("ledger")["posts"] == {}


def test_a_gateway_is_shown_with_its_ders_and_never_with_their_serials(sen: SenClient, signer: Signer) -> None:
    sen.post(signer.jwt(pv(make="Deye") | pv(NOW_MS - 1000)))
    query = "{id name wallet typeOf timeZone ders{type name sn lastSeen devRef meta{make nominalPower dataPoints}}}"
    reply = sen.ask(f'query Mine {{ gateway {{ gateway(id: "{GATEWAY}") {query} }} }} # a comment')
    gateway = reply["data"]["gateway"]["gateway"]
    assert (gateway["id"], gateway["typeOf"], gateway["timeZone"]) == (GATEWAY, "acme", None)
    (der,) = gateway["ders"]
    assert (der["type"], der["lastSeen"]) == ("pv", "2025-06-25T08:40:00+00:00")
    assert der["meta"] == {"make": "Deye", "nominalPower": None, "dataPoints": 2}
    assert der["sn"].startswith("pv-")
    assert "PV1" not in json.dumps(reply)


def test_a_gateways_name_is_stable_and_an_unknown_one_has_none(sen: SenClient) -> None:
    def ask(gateway: str) -> Any:
        reply = sen.ask(f'{{gatewayConfiguration{{gatewayName(id:"{gateway}"){{name}}}}}}')
        return reply["data"]["gatewayConfiguration"]["gatewayName"]["name"]

    name = ask(GATEWAY)
    assert len(name.split()) == 3
    assert ask(GATEWAY) == name
    assert ask("acme-none") is None


def test_an_unknown_gateway_is_null(sen: SenClient) -> None:
    assert sen.ask('{gateway{gateway(id:"acme-none"){wallet}}}') == {"data": {"gateway": {"gateway": None}}}


def test_the_gateways_of_a_wallet_are_listed(sen: SenClient, signer: Signer) -> None:
    initialize(sen, classic(), signer.sign(classic().encode()).hex())
    reply = sen.ask(f'{{gateway{{mine:list(wallet:"{WALLET}"){{id}} none:list(wallet:"{OTHER}"){{id}}}}}}')
    assert reply["data"]["gateway"] == {"mine": [{"id": GATEWAY}], "none": []}


@pytest.mark.parametrize(
    "query,says",
    [
        ("", "expected {"),
        ("{", "a name is missing"),
        ("{gateway{gateway(id:1){id}}}", "Wrong arguments of gateway"),
        ("{gateway{gateway{id}}}", "Wrong arguments of gateway"),
        ('{gateway{gateway(id:"a" wallet:"b"){id}}}', "Wrong arguments of gateway"),
        ('{gateway{gateway(id:"' + GATEWAY + '"){serial}}}', "Cannot query field serial"),
        ('{gateway{gateway(id:"' + GATEWAY + '")}}', "wrong depth"),
        ('{gateway{gateway(id:"' + GATEWAY + '"){id{x}}}}', "wrong depth"),
        ("query($id:String){gateway{gateway(id:$id){id}}}", "variables are not supported"),
        ("{gateway{gateway(id:$id){id}}}", "variables are not supported"),
        ("{gateway{...all}}", "fragments are not supported"),
        ("{gateway{gateway(id:){id}}}", "a value is missing"),
        ("{gateway{gateway(id:[1 2 {a:null}]){id}}}", "Wrong arguments of gateway"),
        ('{gateway{gateway(id:"\\ud800"){id}}}', "cannot be read"),
        ('{gateway{gateway(id:"a){id}}}', "unexpected"),
        ("{gateway{list(wallet:true){id}}} {x}", "one operation is enough"),
        ("subscription{x}", "expected {"),
        ("mutation{gatewayInception{initialize(id:1){initialized}}}", "Wrong arguments of initialize"),
        ("mutation{setConfiguration{success}}", "Cannot query field setConfiguration"),
        ("{a" * 5000, "too deep"),
        ("{a(b:" + "[" * 5000, "too deep"),
    ],
)
def test_a_query_that_is_wrong_is_answered_with_200_and_errors(sen: SenClient, query: str, says: str) -> None:
    reply = sen.ask(query)
    (error,) = reply["errors"]
    assert says in error["message"]
    assert error.keys() == {"message", "locations", "path"}
    assert reply["data"] is None


def test_an_error_names_its_place(sen: SenClient) -> None:
    (error,) = sen.ask("{\n  gateway {\n    list(wallet: 7) {id}\n  }\n}")["errors"]
    assert error["locations"] == [{"line": 3, "column": 5}]
    assert error["path"] == ["gateway", "list"]


def test_a_value_with_quotes_and_marks_inside_stays_one_value(sen: SenClient) -> None:
    evil = 'x"){wallet}} mutation{'
    assert sen.ask(f"{{gateway{{gateway(id:{json.dumps(evil)}){{id}}}}}}") == {"data": {"gateway": {"gateway": None}}}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"query":1}'])
def test_a_body_without_a_query_is_400(sen: SenClient, body: bytes) -> None:
    assert sen.http.post("/sen/", data=body).status_code == 400
