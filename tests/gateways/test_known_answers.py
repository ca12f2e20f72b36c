"""Keys, signatures and addresses that Sourceful has published or that follow from them (sen.md 15).

`compactKey`, ids made of MAC addresses, three-word names and P1 checksums are of devices; a partner cloud makes none.
"""

from __future__ import annotations

import base64
import hashlib

import base58
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from gateways import vault, wallets
from gateways.vault import signers

K1_PRIVATE = "4cc43b88635b9eaf81655ed51e062fab4a46296d72f01fc6fd853b08f0c2383a"
K1 = (
    "3e70c4705ff5945bfea058aaa68128e6f7d54fd7e08c640f4791668f8267a6e8"
    "c36ee19214698f1956e948bf339492fb11e0dc5a79a76dd0c235b431ee5aa782"
)
K2_PRIVATE = "52b16b97ac80d359c281ea6a04365e83acda5cf01d684ef9cbad42494309218c"
K2 = (
    "07799794a4c69dbd809db46788b9ec501f32a87486385403c4e374871c67a655"
    "30862e7134e4570a0a138adaee4942a462acaf1297995a6b35707661c9257fb9"
)
EMS = (
    "245bbc0a266ebfecc24983561f9cb37d5ff9844cb95669bdd8019ad5a00177f3"
    "61878a047e0d8c4c5cccd7c7529873ebfabd0a76f9cda60c0e4bd7e1b924a8ff"
)
GATEWAY = (
    "2f5d41eacf701c18eb1bdae549ee0232ed2b9f3dd2b983ff7b68240bbba84f7b"
    "4903d0a52a1ab3d47e7155c5f3455fdbe7997bf85b2258fee6644e16b7e8e9be"
)
PUBLISHED = [
    (
        EMS,
        "Sourceful-EMS:2025-02-21T18:53:48.352992",
        (
            "657909c419915146dc2736ffe406184ccce02bd1f70f933b80ce8d4bcb4ffd04"
            "09b4c4f929a4434b0f1a9bc95953e36ce979df9b306eed9c4e4e9c238403c802"
        ),
    ),
    (
        EMS,
        "Sourceful-EMS:2025-03-14T13:58:00.338870",
        (
            "2a69d5eecf7c1f564e1be1e8b15711b009a66d5b8448e9b32ead40e5e741ec56"
            "294034d18212c260a5285beffcc0fef00708807e96cd296b3d0b301ddea1a45c"
        ),
    ),
    (
        EMS,
        "Sourceful-EMS:2025-04-02T11:43:31.299377",
        (
            "1efcdf2e3936cfac43ca7d62d8ce342d8ea7780c2aa4426b55c1c47886b1214e"
            "fdf40331f831f1c9d0d21dfc27632736dbf5617a0c0142413b9f94a6b524bf8d"
        ),
    ),
    (
        GATEWAY,
        "9380403298322624419f42ea576ac871844451731935173",
        (
            "91628a5e0db092ebb1b94b0049cf0403fa13baccf1590a9ae331679a4fb4b49b"
            "86db7417644cb70469f673bbf378f313a531f4892ee4b2a86f623accb8a5622a"
        ),
    ),
]
WALLET = "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w"
# What K1 signs by RFC 6979.
BY_K1 = [
    (
        f"zap_000098f89ec964:{WALLET}",
        (
            "f0e812d045355208ed8e25616ae96e19a4fc5a421c966622a6cd36c7c37652b0"
            "0355159fc8229df107a310e8047b3162e1e0f340c72f6d65e5ebdfd36a6fd39a"
        ),
    ),
    (
        f"{WALLET}|123456|2025-03-27T12:00:00Z|zap-000098b93c8481b0",
        (
            "6f15646c0a172366f3f2648ef71c5e392131cd48cc35aa2ce6ee9738c928f5d9"
            "fb5f8ffba4a56400b856325d538154dbf8374e70ce21c0f9854b83d583b5f444"
        ),
    ),
    (
        "123456|2025-03-27T12:00:00Z|zap-000098b93c8481b0",
        (
            "27f814ef916e6c8bd8cce48450ca949550d4aa8e35b4000937bd67184ca56b7c"
            "9f297379dcb08ed831b7db9f2bace223ec9af0bf3ee8d722f7bb03fba93233cb"
        ),
    ),
    (
        "zap-000098b93c8481b0:2024-08-26T13:02:00",
        (
            "d5e37a97ac92618cb0ccf9e0921262230a22701dbf23fb6d1d1cbcbc82ca6e67"
            "f53844d8514119c781727efebc8ef66c4df1a445e0135dd0a0209228f78abcef"
        ),
    ),
    (
        "idt-op-123|nonce-xyz|1713610245|f42w-gw-1",
        (
            "906eaa39d39dddfe074bed245440f33c8f8172b66ee29ef16a75d7388d49ac44"
            "5e278b5ac61de262104842903812c374711e0797fc41a467c7e1a77514a921cd"
        ),
    ),
]
DATA_JWT = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImRldmljZSI6ImFjbWUtMDAwMDAwMDAwMDAwMDAwMSIsIm9wciI6InByb2R1Y3Rpb24iLCJtb2Rl"
    "bCI6InN1bmdyb3ciLCJkdHlwZSI6Im1vZGJ1c19yZWdpc3RlcnMiLCJzbiI6IlNOMDAwMSJ9.eyIxNzUwODQwNDIwMzY5Ijp7IjUwMTYiOjI1MDA"
    "sIjUwMTciOjAsIjUwMzUiOjUwMCwiMTMwMjEiOjAsIjEzMDMzIjoyNDAwLCIxMzAzNCI6MH0sIjE3NTA4NDA0MzAzNjkiOnsiNTAxNiI6MjUxMCw"
    "iNTAxNyI6MCwiNTAzNSI6NTAwLCIxMzAyMSI6MCwiMTMwMzMiOjI0MTAsIjEzMDM0IjowfX0.O81mBPhinuozco8Pv9vbgIVsBDifxGUiH6lUTC"
    "mdiruO8g64iUo2B76qk8Sk-GlTQZdor6gw7lyKaf_wFglpyA"
)
MQTT_JWT = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImRldmljZSI6ImY0MnctZ3ctMSJ9.eyJpYXQiOjE3MTM2MTAyNDUsImV4cCI6MTcxMzYxMDU0NSwi"
    "anRpIjoiMDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmYifQ.gb3wdW4PUFcXSKD3tUG7uimL35f-BexYVBckaetuJsqE-FnWHqbeaqMo"
    "SesNgYA5R7JPg-4ZFza3kIINv_H7PA"
)


@pytest.fixture
def k1() -> vault.Signer:
    public_key, uri = signers.import_key(K1_PRIVATE)
    assert public_key == K1
    return vault.signer_for(uri, public_key)


@pytest.mark.parametrize("public_key,message,signature", PUBLISHED)
def test_published_signatures_verify(public_key, message, signature):
    raw = vault.parse_signature(signature)
    assert vault.verify(vault.parse_public_key(public_key), raw, message.encode())
    assert not vault.verify(public_key, raw, message.encode() + b" ")


@pytest.mark.parametrize("message,signature", BY_K1)
def test_k1_signs_what_rfc_6979_says(k1, message, signature):
    assert k1.sign(message.encode()).hex() == signature
    assert vault.verify(K1, vault.parse_signature(signature), message.encode())


@pytest.mark.parametrize("token", [DATA_JWT, MQTT_JWT])
def test_k1_signs_the_published_tokens(k1, token):
    signed, _, signature = token.rpartition(".")
    assert len(signature) == 86
    assert k1.sign(signed.encode()) == vault.parse_signature(signature)
    assert vault.verify(K1, vault.parse_signature(signature), signed.encode())


def test_the_secp256k1_key_that_was_once_published_is_refused():
    for form in (K2, "04" + K2, K2.upper()):
        with pytest.raises(ValueError, match="not on the curve P-256; is it a key of secp256k1"):
            vault.parse_public_key(form)
    # Its private number is one of P-256 too, but has another public key there.
    assert signers.import_key(K2_PRIVATE)[0] != K2


@pytest.mark.parametrize(
    "signer",
    [
        (
            "b8dc70a00e25f985b929a0187ed4b2c99919ee77c4a3765ea39ef9ce5ff9e9d0"
            "9c7d985e0ec7d1a97ac3d2e9ef9aa59cdba9cf86fc7ee12e0e4109b35c858d75"
        ),
        (
            "f3fc2c2b87455e4ddd3650e21977090011b93b7337706ee2e4b34cfeab17f150"
            "fae5b359ae1931cfd3f8a83f5a72ac1e0ee583d6d0242cb9ce22cb90b5bd9c80"
        ),
    ],
)
def test_the_token_of_a_real_zap_verifies_with_either_recovered_key(signer):
    """Of what it signed only the SHA-256 is known here."""
    digest = bytes.fromhex("ad96c0ea9224a539667f1b9ddd90fcbeaa604515ee53701f8acdd7e50e275568")
    raw = vault.parse_signature(
        "ropuH66FKQ_WcymkBhsgj3yuxnxW9Ws8wdWfSkEs9IHOCxoNNEr9PQzR3mT4mW4dU2awKSJo_o0PU7SBaV7_sA"
    )
    point = bytes.fromhex("04" + vault.parse_public_key(signer))
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    key.verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_the_published_wallet_is_these_bytes():
    address = wallets.parse_address(WALLET)
    assert base58.b58decode(address).hex() == "a31a3175607b8b270ad10330a164547eeb0ee31678051a9e449cc84c2bc5a43c"


def test_the_wallet_of_seed_0_to_31_has_signed_its_message():
    public = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
    address = wallets.parse_address(base58.b58encode(public).decode())
    assert address == "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF"
    message = (
        "https://srcful.io/ wants you to sign data with your Ed25519 key:\n"
        f"{address}\n"
        "\n"
        "Ownership test\n"
        "\n"
        "Gateways: zap-000098b93c8481b0\n"
        "Issued At (UTC): 2025-03-27T12:00:00.000Z\n"
        "Expiration Time (UTC): 2025-03-28T12:00:00.000Z"
    )
    assert (
        hashlib.sha256(message.encode()).hexdigest()
        == "dfb461a63b4931046f9c96b5ea2c6cbe9a86ec90d3f7d2733396ff7b658c6bfc"
    )
    in_base64 = "0VbCy22CElQgOBK8UeiMQCIz/3ex4N/CznukJRHU4icvTV8DnYiTWsOs5vrPxeGcSSsCvOflhgZtqdrAMjnxCw=="
    in_base58 = "5BkY3dvZBnRRBbN7trSuyx4vz4g7Sh5Jz4EZQQf8zDbisYWobj31HQ1pWoCRYws8boPFAikhVjef15iHNd6rYewL"
    for signature in (in_base64, in_base58, base64.b64decode(in_base64).hex(), f" {in_base58}\n"):
        assert wallets.is_signed_by(address, message, signature)
        assert not wallets.is_signed_by(address, message + "\n", signature)
        assert not wallets.is_signed_by(WALLET, message, signature)
    for nonsense in ("", "åäö", in_base64[:-4], in_base58 + "1"):
        assert not wallets.is_signed_by(address, message, nonsense)
