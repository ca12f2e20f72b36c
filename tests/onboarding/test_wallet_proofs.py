"""Only who holds a wallet's key proves it, once, in time, for themselves."""

from __future__ import annotations

import base64
from datetime import timedelta

import base58
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from onboarding import wallet_proofs
from onboarding.models import WalletChallenge
from tests import factories
from tests.factories import NOW
from tests.onboarding.homeowner import Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    return Wallet()


@pytest.fixture
def own():
    return {"user": User.objects.create_user("anna"), "partner": factories.partner(name="Sunny Homes")}


@pytest.fixture
def words(own, wallet):
    return wallet_proofs.challenge(**own, address=wallet.address, now=NOW).message


def test_the_words_have_the_form_of_the_network_and_name_us_first(words, wallet, settings):
    lines = words.split("\n")
    assert lines[0] == f"{settings.PUBLIC_URL}/ wants you to sign data with your Ed25519 key:"
    assert lines[1] == wallet.address
    assert "Sunny Homes" in lines[3]
    assert lines[5].startswith("Nonce: ")
    assert lines[6:] == [
        "Issued At (UTC): 2026-06-15T12:00:00.000Z",
        "Expiration Time (UTC): 2026-06-15T12:10:00.000Z",
    ]


def encodings(signature):
    raw = base64.b64decode(signature)
    return {
        "base64": signature,
        "base58": base58.b58encode(raw).decode(),
        "hex": raw.hex(),
        "padded": f" {signature}\n",
    }


@pytest.mark.parametrize("encoding", ["base64", "base58", "hex", "padded"])
def test_a_signature_proves_the_wallet_however_it_is_written(encoding, own, words, wallet):
    signature = encodings(wallet.sign(words))[encoding]
    assert wallet_proofs.prove(**own, message=words, signature=signature, now=NOW) == wallet.address
    assert wallet_proofs.has_proven(**own, address=wallet.address)


def test_line_ends_of_a_form_change_nothing(own, words, wallet):
    sent = words.replace("\n", "\r\n") + "\r\n"
    assert wallet_proofs.prove(**own, message=sent, signature=wallet.sign(words), now=NOW) == wallet.address


@pytest.mark.parametrize("signature", ["", "no", "00" * 64, "é", "1" * 200])
def test_what_is_no_signature_proves_nothing(signature, own, words, wallet):
    with pytest.raises(ValidationError, match="not the signature"):
        wallet_proofs.prove(**own, message=words, signature=signature, now=NOW)
    assert not wallet_proofs.has_proven(**own, address=wallet.address)


def test_another_wallets_signature_proves_nothing(own, words):
    with pytest.raises(ValidationError, match="not the signature"):
        wallet_proofs.prove(**own, message=words, signature=Wallet().sign(words), now=NOW)


def test_words_that_were_changed_prove_nothing(own, words, wallet):
    changed = words.replace("Sunny", "Rainy")
    with pytest.raises(ValidationError, match="too old or was used"):
        wallet_proofs.prove(**own, message=changed, signature=wallet.sign(changed), now=NOW)


def test_words_work_once(own, words, wallet):
    signed = {**own, "message": words, "signature": wallet.sign(words), "now": NOW}
    wallet_proofs.prove(**signed)
    with pytest.raises(ValidationError, match="used before"):
        wallet_proofs.prove(**signed)


def test_words_are_too_old_after_ten_minutes(own, words, wallet):
    late = NOW + timedelta(minutes=10)
    with pytest.raises(ValidationError, match="too old"):
        wallet_proofs.prove(**own, message=words, signature=wallet.sign(words), now=late)
    assert wallet_proofs.open_one(**own, address=wallet.address, now=late) is None


@pytest.mark.parametrize("changed", ["user", "partner"])
def test_words_are_for_one_person_at_one_partner(changed, own, words, wallet):
    other = {"user": User.objects.create_user("berit"), "partner": factories.partner()}
    someone = {**own, changed: other[changed]}
    with pytest.raises(ValidationError, match="too old or was used"):
        wallet_proofs.prove(**someone, message=words, signature=wallet.sign(words), now=NOW)


def test_a_wrong_signature_does_not_use_the_words_up(own, words, wallet):
    with pytest.raises(ValidationError):
        wallet_proofs.prove(**own, message=words, signature="no", now=NOW)
    assert wallet_proofs.prove(**own, message=words, signature=wallet.sign(words), now=NOW)


def test_words_are_not_made_without_end_and_old_ones_go(own, wallet):
    for _ in range(30):
        wallet_proofs.challenge(**own, address=wallet.address, now=NOW)
    with pytest.raises(ValidationError, match="prove your wallet in an hour"):
        wallet_proofs.challenge(**own, address=wallet.address, now=NOW)
    wallet_proofs.challenge(**own, address=wallet.address, now=NOW + timedelta(hours=2))
    assert WalletChallenge.objects.count() == 1
