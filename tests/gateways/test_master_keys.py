"""A lost, mistyped or swapped master key is a clear error at start; rotation loses nothing."""

from __future__ import annotations

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from gateways import actions, queries, vault
from gateways.models import GatewayKey, MasterKey
from gateways.vault import rotation
from gateways.vault.fields import SealedField
from ingest.models import Connection, VendorCredential
from tests.gateways.lives import BY, gateway_at

pytestmark = pytest.mark.django_db
SECRETS = '{"api_key": "marker-of-a-secret"}'


@pytest.fixture
def sealed(master_keys, gateway_type, partner):
    """Keys, a credential and a connection that are sealed with k1."""
    vault.check_master_keys()
    credential = VendorCredential(partner=partner, vendor="solis", name="fleet")
    connection = Connection(partner=partner, vendor="solis", label="home")
    empty = VendorCredential.objects.create(partner=partner, vendor="solis", name="empty")
    for row in (credential, connection):
        secrets_of(row).seal(row, SECRETS)
        row.save()
    return [*(gateway_at("active", gateway_type) for _ in range(3)), credential, connection, empty]


def secrets_of(row) -> SealedField:
    return row._meta.get_field("secrets")


def rotate(capsys) -> str:
    call_command("rotate_master_key")
    return capsys.readouterr().out


def everything_opens() -> bool:
    keys = [vault.signer_for(key.uri, key.public_key) for key in GatewayKey.objects.filter(uri__startswith="sealed:")]
    rows = [*VendorCredential.objects.exclude(secrets=""), *Connection.objects.all()]
    return len(keys) >= 3 and {secrets_of(row).unseal(row) for row in rows} == {SECRETS}


def test_the_first_start_remembers_the_master_key(master_keys):
    vault.check_master_keys()
    vault.check_master_keys()
    assert MasterKey.objects.get().key_id == "k1"
    assert "\x01" * 32 not in MasterKey.objects.get().probe


def test_a_new_master_key_is_remembered_at_the_next_start(master_keys):
    vault.check_master_keys()
    master_keys(k1=1, k2=2)
    vault.check_master_keys()
    assert set(MasterKey.objects.values_list("key_id", flat=True)) == {"k1", "k2"}


@pytest.mark.parametrize(
    "now,says",
    [
        ({"k2": 2}, "Master key k1 is not in VAULT_KEYS.*Put it back"),
        ({"k1": 9, "k2": 2}, "Master key k1 in VAULT_KEYS is not the key.*Restore the right one"),
        ({"k1": 2, "k2": 1}, "is not the key this installation sealed with"),
    ],
    ids=["missing", "mistyped", "swapped"],
)
def test_a_wrong_master_key_is_an_error_at_start(master_keys, now, says):
    master_keys(k1=1, k2=2)
    MasterKey.objects.all().delete()
    for keys in ({"k1": 1}, {"k1": 1, "k2": 2}):
        master_keys(**keys)
        vault.check_master_keys()
    master_keys(**now)
    with pytest.raises(ImproperlyConfigured, match=says) as caught:
        vault.check_master_keys()
    assert base64.b64encode(b"\x01" * 32).decode() not in str(caught.value)


def test_every_sealed_column_is_found():
    columns = {(column.model, column.name) for column in rotation.sealed_columns()}
    assert columns >= {(GatewayKey, "uri"), (VendorCredential, "secrets"), (Connection, "secrets")}


def test_a_key_and_its_column_are_sealed_for_the_same_place(active):
    key = active.keys.get()
    column = GatewayKey._meta.get_field("uri")
    assert isinstance(column, SealedField)
    assert vault.unseal(key.uri.removeprefix("sealed:"), column.context(key))


@pytest.mark.parametrize("model", [VendorCredential, Connection])
def test_secrets_pasted_into_another_row_do_not_open(sealed, model):
    row = model.objects.exclude(secrets="").get()
    row.uid = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(vault.VaultError, match="another place"):
        secrets_of(row).unseal(row)


def test_secrets_pasted_into_another_table_do_not_open(sealed):
    credential, connection = VendorCredential.objects.exclude(secrets="").get(), Connection.objects.get()
    connection.uid, connection.secrets = credential.uid, credential.secrets
    with pytest.raises(vault.VaultError, match="another place"):
        secrets_of(connection).unseal(connection)


def test_a_uri_pasted_into_another_key_does_not_open(sealed):
    one, other = GatewayKey.objects.all()[:2]
    with pytest.raises(vault.VaultError, match="another place"):
        vault.signer_for(one.uri, other.public_key)


def test_rotation_moves_everything_and_says_what_may_be_removed(sealed, master_keys, capsys):
    signed_before = {key: vault.signer_for(key.uri, key.public_key).sign(b"x") for key in GatewayKey.objects.all()}
    master_keys(k1=1, k2=2)
    out = rotate(capsys)
    assert "GatewayKey.uri: 3 of 3 moved" in out
    assert "VendorCredential.secrets: 1 of 2 moved" in out
    assert "Nothing needs k1 any more: it may be removed from VAULT_KEYS." in out
    assert MasterKey.objects.get().key_id == "k2"
    master_keys(k2=2)
    vault.check_master_keys()
    assert everything_opens()
    assert all(vault.verify(key.public_key, signature, b"x") for key, signature in signed_before.items())


def test_a_second_rotation_finds_nothing_to_do(sealed, master_keys, capsys):
    master_keys(k1=1, k2=2)
    rotate(capsys)
    before = list(GatewayKey.objects.values_list("uri", flat=True))
    assert "GatewayKey.uri: 0 of 3 moved" in rotate(capsys)
    assert list(GatewayKey.objects.values_list("uri", flat=True)) == before


def test_rotation_leaves_other_key_stores_and_empty_columns_alone(sealed, master_keys, capsys):
    elsewhere = GatewayKey.objects.all()[0]
    GatewayKey.objects.filter(pk=elsewhere.pk).update(uri="kms:key/1")
    master_keys(k1=1, k2=2)
    assert "GatewayKey.uri: 2 of 3 moved" in rotate(capsys)
    elsewhere.refresh_from_db()
    assert elsewhere.uri == "kms:key/1"
    assert VendorCredential.objects.filter(secrets="").count() == 1


def test_rotation_that_is_interrupted_goes_on_where_it_was(sealed, master_keys, capsys, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 1)
    master_keys(k1=1, k2=2)
    column = next(column for column in rotation.sealed_columns() if column.model is GatewayKey)
    steps = rotation.reseal_column(column)
    assert str(next(steps)) == "GatewayKey.uri: 1 of 1 moved"
    steps.close()
    assert everything_opens()
    assert rotation.needed_key_ids() == {"k1": 4, "k2": 1}
    assert "GatewayKey.uri: 2 of 3 moved" in rotate(capsys)
    master_keys(k2=2)
    assert everything_opens()


def test_what_somebody_writes_during_the_rotation_is_not_overwritten(sealed, master_keys, monkeypatch, capsys):
    """Another process, not restarted yet, replaces the secrets between the rotation's read and its write."""
    master_keys(k1=1, k2=2)
    row = VendorCredential.objects.exclude(secrets="").get()
    theirs = SECRETS.replace("marker", "newer")
    swap = rotation._swap

    def write_in_between(column, read, new):
        if read.pk == row.pk and column.model is VendorCredential:
            master_keys(k1=1)
            secrets_of(row).seal(row, theirs)
            row.save()
            master_keys(k1=1, k2=2)
        return swap(column, read, new)

    monkeypatch.setattr(rotation, "_swap", write_in_between)
    out = rotate(capsys)
    row.refresh_from_db()
    assert secrets_of(row).unseal(row) == theirs
    assert "VendorCredential.secrets: 0 of 2 moved" in out
    assert "1 values were sealed with k1 meanwhile" in out
    assert "Nothing needs k1" not in out
    assert MasterKey.objects.filter(key_id="k1").exists()
    monkeypatch.undo()
    assert "Nothing needs k1 any more" in rotate(capsys)


def test_a_value_that_does_not_open_is_named_and_no_master_key_forgotten(sealed, master_keys, capsys):
    first, second, _ = GatewayKey.objects.order_by("pk")
    GatewayKey.objects.filter(pk=first.pk).update(uri=second.uri)
    Connection.objects.update(secrets="plain text")
    master_keys(k1=1, k2=2)
    with pytest.raises(CommandError) as caught:
        rotate(capsys)
    assert "2 values do not open, so no master key may be removed" in str(caught.value)
    assert f"gateways_gatewaykey:uri:{first.public_key}" in str(caught.value)
    assert "plain text" not in str(caught.value)
    assert GatewayKey.objects.filter(uri__startswith="sealed:v1.k2.").count() == 2
    assert MasterKey.objects.count() == 2


def test_rotation_does_not_start_with_a_wrong_master_key(sealed, master_keys, capsys):
    master_keys(k1=9, k2=2)
    with pytest.raises(CommandError, match="Restore the right one"):
        rotate(capsys)


def test_gateways_sign_on_through_a_rotation_of_the_master_key(sealed, master_keys, capsys):
    gateway = sealed[0]
    held = queries.active_keys([gateway.pk])[gateway.pk]
    master_keys(k1=1, k2=2)
    rotate(capsys)
    for public_key, uri in (held, queries.active_keys([gateway.pk])[gateway.pk]):
        assert vault.verify(public_key, vault.signer_for(uri, public_key).sign(b"x"), b"x")
    actions.rotate_key(owner=gateway, **BY)
    assert gateway.keys.get(state="pending").uri.startswith("sealed:v1.k2.")
