from __future__ import annotations

import base58
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from gateways import wallets
from tests.gateways.lives import OTHER_WALLET, WALLET

P, D = 2**255 - 19, -121665 * pow(121666, -1, 2**255 - 19)


def has_a_point(raw: bytes) -> bool:
    """Decompress as RFC 8032, 5.1.3 has it: look for x by its square root, not by Euler's criterion."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    return y < P and square in {root * root % P, -root * root % P}


@given(seed=st.binary(min_size=32, max_size=32))
def test_every_wallet_that_has_a_key_is_accepted(seed):
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    address = base58.b58encode(public).decode()
    assert wallets.parse_address(f" {address}\n") == address


@given(
    raw=st.binary(min_size=32, max_size=32).filter(
        lambda raw: int.from_bytes(raw, "little") % 2**255 not in {0, 1, P - 1}
    )
)
@example(raw=b"\xff" * 32)
def test_an_address_is_accepted_exactly_if_it_is_a_point_of_the_curve(raw):
    address = base58.b58encode(raw).decode()
    if has_a_point(raw):
        assert wallets.parse_address(address) == address
    else:
        with pytest.raises(ValidationError, match="address of a program or a token account"):
            wallets.parse_address(address)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_with_advice(text):
    with pytest.raises(ValidationError, match="character that no address has|Copy it again|Copy the wallet's own"):
        wallets.parse_address(text)


@pytest.mark.parametrize("address", [WALLET, OTHER_WALLET])
def test_the_published_wallets_are_accepted(address):
    assert wallets.parse_address(address) == address


@pytest.mark.parametrize(
    "text,says",
    [
        ("", "32 to 44 characters"),
        (WALLET[:-2], "32 to 44 characters"),
        (WALLET[:-1], "mistyped"),
        (WALLET + "1", "32 to 44 characters"),
        ("1" + WALLET[:43], "32 to 44 characters"),
        ("1" * 100_000, "32 to 44 characters"),
        ("0x52908400098527886E0F7030069857D2E4169EE7", "0, O, I or l"),
        (WALLET.replace("8", "l", 1), "0, O, I or l"),
        ("å" * 40, "0, O, I or l"),
        ("1" * 32, "address of a program"),
        # Derived from the seeds "", 1 and "Talking", "Squirrels" and "☉" of the program BPFLoader1111….
        ("3gF2KMe9KiC6FNVBmfg9i267aMPvK37FewCip4eGBFcT", "address of a program"),
        ("HwRVBufQ4haG5XSgpspwKtNd3PC9GM9m1196uJW36vds", "address of a program"),
        ("7ytmC1nT1xY4RfxCV2ZgyA7UakC93do5ZdyhdF3EtPj7", "address of a program"),
    ],
)
def test_what_people_paste_by_mistake_is_refused(text, says):
    with pytest.raises(ValidationError, match=says):
        wallets.parse_address(text)
