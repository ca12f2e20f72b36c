"""A gateway's position, set with the message its owner's wallet has signed."""

from __future__ import annotations

import base64
import hashlib

import base58
import pytest

from sandbox.sen import crypto
from tests.sandbox.conftest import SenClient
from tests.sandbox.partner import GATEWAY, Signer, Wallet


def message(
    wallet: str,
    *,
    first: str = "https://partner.example wants you to sign data with your Ed25519 key:",
    gateways: str = GATEWAY,
    position: str = "Position: 59.329323, 18.068581",
    issued: str = "2025-06-25T08:39:00.000Z",
    expires: str = "2025-06-26T08:39:00.000Z",
) -> str:
    lines = [first, wallet, "", "Where my panels are", "", f"Gateways: {gateways}", position]
    return "\n".join([*lines, f"Issued At (UTC): {issued}", f"Expiration Time (UTC): {expires}"])


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
def owned(sen: SenClient, signer: Signer, wallet: Wallet) -> SenClient:
    sen.state.run("UPDATE sen_gateways SET wallet = ?", [wallet.address])
    return sen


def locate(sen: SenClient, text: str, signature: str, gateway: str = GATEWAY) -> int:
    return sen.admin(f"gateways/{gateway}/location", message=text, signature=signature).status_code


def test_the_owner_sets_the_position_and_may_change_it(owned: SenClient, wallet: Wallet) -> None:
    for position in ("59.329323, 18.068581", "-33.5, -70"):
        text = message(wallet.address, position=f"Position: {position}")
        assert locate(owned, text, wallet.sign(text).hex()) == 200
        gateway = owned.get(f"gateways/{GATEWAY}")
        assert f"{gateway['latitude']:g}, {gateway['longitude']:g}"[:6] == position[:6]


@pytest.mark.parametrize(
    "encode", [bytes.hex, lambda raw: base64.b64encode(raw).decode(), lambda raw: base58.b58encode(raw).decode()]
)
def test_the_signature_comes_as_hex_base64_or_base58(owned: SenClient, wallet: Wallet, encode: object) -> None:
    text = message(wallet.address)
    assert locate(owned, text, encode(wallet.sign(text))) == 200  # type: ignore[operator]


def test_the_short_first_line_and_several_gateways_are_fine(owned: SenClient, wallet: Wallet) -> None:
    text = message(wallet.address, first="x wants you to sign data:", gateways=f"acme-02, {GATEWAY}")
    assert locate(owned, text, wallet.sign(text).hex()) == 200


def test_only_the_owner_may(owned: SenClient, wallet: Wallet) -> None:
    thief = Wallet(bytes(32))
    text = message(thief.address)
    assert locate(owned, text, thief.sign(text).hex()) == 403
    pretended = message(wallet.address)
    assert locate(owned, pretended, thief.sign(pretended).hex()) == 401
    assert locate(owned, pretended, "no signature") == 401
    assert owned.get(f"gateways/{GATEWAY}")["latitude"] is None


def test_without_an_owner_there_is_nobody_to_sign(sen: SenClient, wallet: Wallet) -> None:
    text = message(wallet.address)
    assert locate(sen, text, wallet.sign(text).hex()) == 409
    assert locate(sen, text, wallet.sign(text).hex(), gateway="acme-02") == 404


@pytest.mark.parametrize(
    "change",
    [
        {"gateways": "acme-02"},
        {"gateways": GATEWAY + "0"},
        {"position": "Position: 0, 0"},
        {"position": "Position: 90.1, 18"},
        {"position": "Position: 18, -180.1"},
        {"position": "Position: 59.3 18.0"},
        {"position": "Position: nan, nan"},
        {"position": "Place: 59.3, 18.0"},
        {"first": "Sign this:"},
        {"issued": "2025-06-25T08:45:01.000Z"},
        {"issued": "yesterday"},
        {"expires": "2025-06-25T08:39:59.999Z"},
        {"expires": "2026-06-26T08:39:00.000Z"},
    ],
    ids=str,
)
def test_a_message_about_another_gateway_place_or_time_is_400(
    owned: SenClient, wallet: Wallet, change: dict[str, str]
) -> None:
    text = message(wallet.address, **change)
    assert locate(owned, text, wallet.sign(text).hex()) == 400


PUBLISHED = """\
https://srcful.io/ wants you to sign data with your Ed25519 key:
FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF

Ownership test

Gateways: zap-000098b93c8481b0
Issued At (UTC): 2025-03-27T12:00:00.000Z
Expiration Time (UTC): 2025-03-28T12:00:00.000Z"""


@pytest.mark.parametrize(
    "signature",
    [
        "0VbCy22CElQgOBK8UeiMQCIz/3ex4N/CznukJRHU4icvTV8DnYiTWsOs5vrPxeGcSSsCvOflhgZtqdrAMjnxCw==",
        "5BkY3dvZBnRRBbN7trSuyx4vz4g7Sh5Jz4EZQQf8zDbisYWobj31HQ1pWoCRYws8boPFAikhVjef15iHNd6rYewL",
    ],
)
def test_the_known_answer_of_the_wallet_verifies(wallet: Wallet, signature: str) -> None:
    assert hashlib.sha256(PUBLISHED.encode()).hexdigest().startswith("dfb461a63b493104")
    assert PUBLISHED.split("\n")[1] == wallet.address
    assert crypto.wallet_signed(wallet.address, signature, PUBLISHED)
    assert not crypto.wallet_signed(wallet.address, signature, PUBLISHED + "\n")


def test_base58_of_32_bytes_is_a_wallet() -> None:
    assert crypto.is_wallet("Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w")
    for text in ("", "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n", "0OIl", "1" * 33):
        assert not crypto.is_wallet(text)
