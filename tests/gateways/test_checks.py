from __future__ import annotations

import pytest
from django.apps import apps
from django.core import checks
from django.db import connection, models
from simple_history.models import HistoricalChanges

from gateways import vault
from gateways.checks import history_keeps_no_secrets, vault_keys_are_readable, vault_keys_open_what_is_sealed
from gateways.models import MasterKey
from gateways.vault import rotation
from gateways.vault.fields import SealedField


def test_this_installation_has_no_errors(master_keys):
    assert vault_keys_are_readable() == history_keeps_no_secrets() == []


def test_vault_keys_that_do_not_parse_are_an_error_with_a_hint(settings):
    settings.VAULT_KEYS = "k1:secret"
    [error] = vault_keys_are_readable()
    assert error.id == "gateways.E001"
    assert str(error.hint).startswith("Make one with: python -c")
    assert "secret" not in str(error).replace("private keys and vendor secrets", "")


@pytest.mark.django_db
def test_a_master_key_that_does_not_fit_is_an_error(master_keys):
    vault.check_master_keys()
    master_keys(k1=2)
    [error] = vault_keys_open_what_is_sealed(databases=["default"])
    assert error.id == "gateways.E002"
    assert "Restore" in str(error.hint)
    assert [found.id for found in checks.run_checks(databases=["default"])] == ["gateways.E002"]


@pytest.mark.django_db
def test_before_the_first_migration_nothing_is_sealed(master_keys, monkeypatch):
    monkeypatch.setattr(connection.introspection, "table_names", list)
    assert vault_keys_open_what_is_sealed(databases=["default"]) == []


@pytest.mark.django_db
def test_the_database_is_left_alone_unless_it_is_to_be_checked(master_keys):
    assert vault_keys_open_what_is_sealed() == []
    assert not MasterKey.objects.exists()


def test_a_history_of_secrets_is_an_error(monkeypatch):
    class HistoricalThing(HistoricalChanges, models.Model):
        uid = models.UUIDField()
        secrets = SealedField()

        class Meta:
            app_label = "gateways"

        def __str__(self):
            return ""

    try:
        monkeypatch.setattr(rotation, "sealed_columns", lambda: [HistoricalThing._meta.get_field("secrets")])
        [error] = history_keeps_no_secrets()
    finally:
        del apps.all_models["gateways"]["historicalthing"]
        apps.clear_cache()
    assert error.id == "gateways.E003"
    assert "excluded_fields=['secrets']" in str(error.hint)
