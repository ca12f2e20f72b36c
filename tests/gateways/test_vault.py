"""Envelopes and signers: what opens where, and what never does."""

from __future__ import annotations

import base64
import copy
import pickle

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from gateways import vault
from gateways.vault import keyring, signers
from gateways.vault.keyring import VaultError

HERE = "table:column:row"
MASTER = base64.b64encode(bytes(range(32))).decode()


@given(value=st.text(), context=st.text(alphabet=st.characters(codec="utf-8")))
def test_what_is_sealed_opens_in_its_place(value, context):
    assert vault.unseal(vault.seal(value, context), context) == value


def test_a_lone_surrogate_is_sealed_like_any_text():
    assert vault.unseal(vault.seal("\ud800", HERE), HERE) == "\ud800"


@pytest.mark.parametrize("elsewhere", ["table:column:other", "table:other:row", "other:column:row", ""])
def test_what_is_sealed_does_not_open_in_another_place(elsewhere):
    with pytest.raises(VaultError, match="sealed for another place"):
        vault.unseal(vault.seal("secret", HERE), elsewhere)


def test_the_same_value_is_never_sealed_twice_alike():
    assert len({vault.seal("secret", HERE) for _ in range(50)}) == 50


def test_an_envelope_with_one_bit_changed_does_not_open():
    envelope = vault.seal("secret", HERE)
    head, _, body = envelope.rpartition(".")
    blob = base64.urlsafe_b64decode(body)
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(VaultError, match="altered"):
            vault.unseal(f"{head}.{base64.urlsafe_b64encode(changed).decode()}", HERE)


def test_a_wrapped_key_does_not_open_the_content_of_another_envelope():
    blobs = [base64.urlsafe_b64decode(vault.seal("secret", HERE).rpartition(".")[2]) for _ in range(2)]
    mixed = base64.urlsafe_b64encode(blobs[0][:60] + blobs[1][60:]).decode()
    with pytest.raises(VaultError, match="altered"):
        vault.unseal(f"v1.k1.{mixed}", HERE)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "secret",
        "v1",
        "v1.k1",
        "v1.k1.",
        "v2.k1.AAAA",
        "v1.k1.AAAA.AAAA",
        "v1.k1.AAA",
        "v1.k1.A",
        "v1.k1.AA=A",
        "v1.k1.====",
        "v1.k1.åäö",
        "v1.k1.AA AA",
        "v1.k1.AAAA\n",
        "v1.k 1.AAAA",
        f"v1.k1.{'A' * 100}",
        f"v1.k1.{'A' * 120}",
        f"v1.nope.{'A' * 120}",
        "sealed:v1.k1.AAAA",
    ],
)
def test_what_is_no_envelope_is_refused_clearly(malformed):
    with pytest.raises(VaultError, match="envelope|altered|not in VAULT_KEYS"):
        vault.unseal(malformed, HERE)


@given(st.text())
def test_no_text_makes_the_vault_fail_in_another_way(text):
    with pytest.raises(VaultError):
        vault.unseal(text, HERE)


def test_the_last_master_key_seals_and_all_open(master_keys):
    old = vault.seal("secret", HERE)
    master_keys(k1=1, k2=2)
    new = vault.seal("secret", HERE)
    assert (keyring.key_id_of(old), keyring.key_id_of(new)) == ("k1", "k2")
    assert vault.unseal(old, HERE) == vault.unseal(new, HERE) == "secret"


def test_resealing_moves_a_value_to_the_newest_key_and_keeps_its_place(master_keys):
    old = vault.seal("secret", HERE)
    assert vault.reseal(old, HERE) == old
    master_keys(k1=1, k2=2)
    moved = vault.reseal(old, HERE)
    master_keys(k2=2)
    assert vault.unseal(moved, HERE) == "secret"
    with pytest.raises(VaultError, match="another place"):
        vault.unseal(moved, "table:column:other")
    with pytest.raises(VaultError, match="Master key k1 is not in VAULT_KEYS. Put it back"):
        vault.unseal(old, HERE)


def test_resealing_refuses_what_is_in_the_wrong_place(master_keys):
    old = vault.seal("secret", HERE)
    master_keys(k1=1, k2=2)
    with pytest.raises(VaultError, match="another place"):
        vault.reseal(old, "table:column:other")


@pytest.mark.parametrize(
    "text,says",
    [
        ("", "VAULT_KEYS is empty"),
        (" , ,", "VAULT_KEYS is empty"),
        (MASTER, "Entry 1"),
        (f"k1:{MASTER},k2:{MASTER[:-2]}", "Entry 2"),
        (f"k1:{MASTER[:-4]}", "Entry 1"),
        (f"k1:{MASTER}{MASTER}", "Entry 1"),
        (f"k1:{MASTER[:20]} {MASTER[21:]}", "Entry 1"),
        (f"k.1:{MASTER}", "Entry 1"),
        (f"k1=:{MASTER}", "Entry 1"),
        (f"{'k' * 33}:{MASTER}", "Entry 1"),
        (f"k1:å{MASTER[1:]}", "Entry 1"),
        (f"k1:{MASTER},k1:{MASTER}", "the id k1 twice"),
    ],
)
def test_master_keys_that_cannot_be_are_refused_without_showing_them(text, says):
    with pytest.raises(ImproperlyConfigured, match=says) as caught:
        keyring.parse_master_keys(text)
    assert MASTER[5:20] not in str(caught.value)
    assert caught.value.__context__ is None


def test_master_keys_may_stand_on_several_lines():
    assert list(keyring.parse_master_keys(f"k1:{MASTER},\n  k2:{MASTER},")) == ["k1", "k2"]


def test_a_new_key_signs_what_its_public_key_verifies():
    public_key, uri = vault.create_key()
    signature = vault.signer_for(uri, public_key).sign(b"message")
    assert len(signature) == 64
    assert vault.verify(public_key, signature, b"message")
    assert not vault.verify(public_key, signature, b"massage")
    assert len({vault.create_key()[0] for _ in range(20)}) == 20


def test_what_is_signed_twice_is_the_same_bytes():
    public_key, uri = vault.create_key()
    signer = vault.signer_for(uri, public_key)
    assert signer.sign(b"message") == signer.sign(b"message") != signer.sign(b"another")


def test_a_private_key_does_not_open_under_another_public_key():
    (one, _), (_, uri) = vault.create_key(), vault.create_key()
    with pytest.raises(VaultError, match="another place"):
        vault.signer_for(uri, one)


def test_a_private_key_sealed_for_the_wrong_public_key_does_not_sign():
    (one, _), (other, uri) = vault.create_key(), vault.create_key()
    plain = vault.unseal(uri.removeprefix("sealed:"), f"gateways_gatewaykey:uri:{other}")
    with pytest.raises(VaultError, match="does not belong to the public key"):
        vault.signer_for("sealed:" + vault.seal(plain, f"gateways_gatewaykey:uri:{one}"), one)


@pytest.mark.parametrize("content", ["", "no base64", "AAAA"])
def test_sealed_text_that_is_no_private_key_does_not_sign(content):
    public_key, _ = vault.create_key()
    with pytest.raises(VaultError, match="is no private key"):
        vault.signer_for("sealed:" + vault.seal(content, f"gateways_gatewaykey:uri:{public_key}"), public_key)


@pytest.mark.parametrize("uri", ["", "kms:key/1", "v1.k1.AAAA"])
def test_a_uri_of_no_key_store_is_refused(uri):
    with pytest.raises(VaultError, match="No key store"):
        vault.signer_for(uri, "ab" * 64)


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_signer_does_not_leave_its_process(take):
    public_key, uri = vault.create_key()
    with pytest.raises(VaultError, match="cannot be copied or pickled"):
        take(vault.signer_for(uri, public_key))


@pytest.mark.parametrize(
    "private", ["", "00" * 32, "ff" * 32, "ab" * 31, "zz" * 32, "0x" + "ab" * 31, " " + "ab" * 31 + "a", "ab" * 33]
)
def test_a_private_key_that_cannot_be_is_refused_without_showing_it(private):
    with pytest.raises(VaultError, match="64 hex digits") as caught:
        signers.import_key(private)
    assert caught.value.__context__ is None


def test_signers_used_last_are_kept_and_their_number_is_bounded():
    public_key, uri = vault.create_key()
    assert vault.signer_for(uri, public_key) is vault.signer_for(uri, public_key)
    assert signers.signer_for.cache_info().maxsize == 20_000
