"""Keys of vendors that no adapter reads yet: kept like all others, and used for nothing."""

from __future__ import annotations

import pytest

from ingest import connections, credentials, vendors
from ingest.models import VendorCredential
from ingest.vendors import announced
from ingest.vendors.errors import VendorUnsupported
from onboarding import linking
from tests import factories
from tests.factories import NOW

KINDS = [(slug, way.name) for slug, ways in announced.SCHEMES.items() for way in ways]


def keep(partner, slug, scheme):
    fields = vendors.scheme_of(slug, scheme).fields
    secrets = {field.name: f"SECRET-{field.name}" for field in fields}
    return credentials.add(
        partner=partner, vendor=slug, scheme=scheme, name="early", secrets=secrets, by="test", now=NOW
    )


def test_all_kinds_of_the_aggregators_credentials_can_be_kept():
    known = {(slug, way.name) for slug, _ in vendors.credential_choices() for way in vendors.schemes(slug)}
    # enode_derapi.md 2.10
    assert known >= {
        ("enphase", "developerapp"), ("enphase", "partnerapp"), ("enphasevpp", "vpp"), ("sma", "oauthclient"),
        ("sma", "customgrant"), ("smasbox", "oauthclient"), ("smasbox", "customgrant"), ("solaredge", "apikey"),
        ("solis", "apikeysecret"), ("tesla", "app"), ("franklinwh", "partner"),
    }  # fmt: skip


def test_what_an_adapter_uses_is_not_announced_as_well():
    used = {(slug, way.name) for slug in vendors.VENDORS for way in vendors.adapter_class(slug).schemes}
    assert not used & set(KINDS)
    assert announced.LABELS.keys().isdisjoint(vendors.VENDORS)
    assert announced.SCHEMES.keys() <= announced.LABELS.keys() | vendors.VENDORS.keys()


@pytest.mark.django_db
@pytest.mark.parametrize("slug, scheme", KINDS)
def test_keys_are_kept_sealed_and_no_account_is_read_with_them(slug, scheme):
    partner = factories.partner()
    credential = keep(partner, slug, scheme)
    assert "SECRET" not in VendorCredential.objects.get().secrets
    assert slug in vendors.VENDORS or slug not in linking.offered(partner, NOW)
    with pytest.raises(VendorUnsupported):
        connections.connect(partner=partner, vendor=slug, label="x", credential=credential, by="test", now=NOW)


@pytest.mark.django_db
def test_an_application_of_another_kind_is_not_offered_to_homeowners():
    partner = factories.partner()
    keep(partner, "enphase", "partnerapp")
    assert "enphase" not in linking.offered(partner, NOW)
