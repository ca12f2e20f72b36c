from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client

from gateways.models import Gateway
from ingest import adapters, connections
from ingest.models import Connection, System, VendorCredential
from ingest.vendors.base import VendorSystem
from ingest.vendors.errors import VendorAuthFailed
from onboarding.admin.system import SystemAdmin
from tests import factories
from tests.admin.pages import act, address

pytestmark = pytest.mark.once

SECRET = "do-not-show-this-4711"


class FakeVendor:
    """Stands for the vendor's answer to a test of credentials; remembers with which secrets it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.refusal: VendorAuthFailed | None = None

    def test(self, row: Any, *, clock: Any) -> list[VendorSystem]:
        asked = (
            row if isinstance(row, Connection) else Connection(vendor=row.vendor, partner=row.partner, credential=row)
        )
        self.asked.append(adapters.open_secrets(asked))
        if self.refusal:
            raise self.refusal
        return [VendorSystem("1")]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FakeVendor:
    fake = FakeVendor()
    monkeypatch.setattr(connections, "test_credentials", fake.test)
    return fake


def add_address(model: Any, fleet: Any, vendor: str = "solis") -> str:
    return f"{address(model, 'add')}?partner={fleet.partner.pk}&vendor={vendor}"


SOLIS = {"label": "The hill", "key_id": "1300386381676644416", "key_secret": SECRET}


def test_adding_begins_with_whose_account_at_which_vendor(operator: Client, fleet: Any, stranger: Any) -> None:
    page = operator.get(address(Connection, "add"))
    assert set(page.context["form"].fields) == {"partner", "vendor"}
    assert b'method="get"' in page.content
    again = operator.get(add_address(Connection, stranger))
    assert "partner" in again.context["form"].errors


def test_the_second_step_asks_what_the_vendors_scheme_asks_for(operator: Client, fleet: Any) -> None:
    page = operator.get(add_address(Connection, fleet))
    assert set(page.context["form"].fields) == {"label", "credential", "key_id", "key_secret"}
    assert "Ask Solis support by a service ticket" in page.content.decode()
    assert 'type="password"' in page.content.decode()


def test_an_account_is_tried_at_the_vendor_before_it_is_kept(operator: Client, fleet: Any, vendor: FakeVendor) -> None:
    page = operator.post(add_address(Connection, fleet), SOLIS)
    made = Connection.objects.get(label="The hill")
    assert page["Location"] == address(Connection, "change", made.pk)
    assert vendor.asked == [{"key_id": SOLIS["key_id"], "key_secret": SECRET}]
    assert adapters.open_secrets(made) == vendor.asked[0]
    assert (made.partner, made.vendor, made.status) == (fleet.partner, "solis", "active")


def test_what_the_vendor_says_stands_on_the_form_and_nothing_is_kept(
    operator: Client, fleet: Any, vendor: FakeVendor
) -> None:
    vendor.refusal = VendorAuthFailed("HTTP 403 wrong sign")
    page = operator.post(add_address(Connection, fleet), SOLIS)
    text = page.content.decode()
    assert "HTTP 403 wrong sign. Reconnect the account with a working key" in text
    assert SECRET not in text
    assert not Connection.objects.filter(label="The hill").exists()


def test_missing_keys_are_named_and_the_vendor_is_not_asked(operator: Client, fleet: Any, vendor: FakeVendor) -> None:
    page = operator.post(add_address(Connection, fleet), {**SOLIS, "key_secret": ""})
    assert "Fill in: Key secret." in page.content.decode()
    assert vendor.asked == []


def test_an_account_may_be_read_with_a_credential_of_the_partner(
    operator: Client, fleet: Any, vendor: FakeVendor
) -> None:
    answers = {"label": "Fleet", "credential": fleet.credential.pk}
    operator.post(add_address(Connection, fleet, "solaredge"), answers)
    made = Connection.objects.get(label="Fleet")
    assert (made.credential, made.secrets) == (fleet.credential, "")
    both = operator.post(add_address(Connection, fleet, "solaredge"), {**answers, "api_key": "x"})
    assert "not both" in both.content.decode()


def test_a_credential_of_another_partner_is_refused(
    operator: Client, fleet: Any, stranger: Any, vendor: FakeVendor
) -> None:
    answers = {"label": "Theirs", "credential": stranger.credential.pk}
    page = operator.post(add_address(Connection, fleet, "solaredge"), answers)
    assert "credential" in page.context["form"].errors


def test_a_credential_is_added_tried_and_renewed(operator: Client, fleet: Any, vendor: FakeVendor) -> None:
    operator.post(
        f"{add_address(VendorCredential, fleet, 'solaredge')}&scheme=apikey", {"name": "New key", "api_key": SECRET}
    )
    made = VendorCredential.objects.get(name="New key")
    waiting = factories.connection(fleet.partner, vendor="solaredge", credential=made, status="needs_reconnect")
    assert act(operator, "renew", made, api_key="another") == ["1 vendor credential got new keys."]
    assert vendor.asked == [{"api_key": SECRET}, {"api_key": "another"}]
    waiting.refresh_from_db()
    assert waiting.status == "active"


def test_reconnecting_takes_new_keys_only_if_the_vendor_does(operator: Client, fleet: Any, vendor: FakeVendor) -> None:
    lost = factories.connection(fleet.partner, status="needs_reconnect", failures=3)
    keys = {"key_id": "1", "key_secret": SECRET}
    vendor.refusal = VendorAuthFailed("no")
    reply = operator.post(
        address(Connection, "changelist"),
        {"action": "reconnect", "index": "0", "_selected_action": [lost.pk], "confirmed": "yes", **keys},
    )
    assert "The vendor does not accept this" in reply.content.decode()
    vendor.refusal = None
    assert act(operator, "reconnect", lost, **keys) == ["1 connection reconnected."]
    lost.refresh_from_db()
    assert (lost.status, lost.failures) == ("active", 0)


def test_support_pulls_now_and_operators_pause_resume_and_disconnect(
    support: Client, operator: Client, fleet: Any
) -> None:
    account = Connection.objects.get(partner=fleet.partner)
    assert act(support, "pull_now", account) == ["1 connection pulled with the next tick."]
    assert act(operator, "pause", account) == ["1 connection paused."]
    assert "Only an active account is pulled" in act(support, "pull_now", account)[0]
    assert act(operator, "resume", account) == ["1 connection resumed."]
    assert act(operator, "disconnect", account) == ["1 connection disconnected."]
    account.refresh_from_db()
    assert (account.status, account.secrets) == ("disconnected", "")


def test_a_systems_gateway_is_made_in_one_act_and_stands_where_the_vendor_says(operator: Client, fleet: Any) -> None:
    system = factories.system(None, factories.connection(fleet.partner), latitude=59.33, longitude=18.07)
    said = act(operator, "give_gateway", system, gateway_type=fleet.type.pk)
    system.refresh_from_db()
    assert said == ["1 system got a gateway.", f"{system}: sends as {system.gateway}."]
    assert str(Gateway.objects.get(system=system).coordinates) == "59.330000, 18.070000"


def test_a_system_does_not_get_a_type_of_another_partner(operator: Client, fleet: Any, stranger: Any) -> None:
    system = factories.system(None, factories.connection(fleet.partner))
    form = {"confirmed": "yes", "gateway_type": stranger.type.pk}
    page = operator.post(
        address(System, "changelist"), {"action": "give_gateway", "index": "0", "_selected_action": [system.pk], **form}
    )
    assert "gateway_type" in page.context["form"].errors
    assert isinstance(admin.site.get_model_admin(System), SystemAdmin)


# --- Secrets ----------------------------------------------------------------------------------------------------------


def test_no_page_shows_a_secret_or_what_it_is_sealed_in(superuser: Client, fleet: Any, vendor: FakeVendor) -> None:
    operatorless = Connection.objects.get(partner=fleet.partner)
    connections.reconnect(
        connection=operatorless, secrets={"key_id": "1", "key_secret": SECRET}, by="test", now=factories.NOW
    )
    hidden = [SECRET, "TOP-SECRET-KEY", *_sealed_texts()]
    assert len(hidden) > 3
    for of in admin.site._registry.values():
        for row in of.model._default_manager.all()[:3]:
            for page in ("change", "history"):
                text = superuser.get(address(of.model, page, row.pk)).content.decode()
                assert [secret for secret in hidden if secret in text] == [], (row, page)
        listed = superuser.get(address(of.model, "changelist")).content.decode()
        assert [secret for secret in hidden if secret in listed] == [], of


def _sealed_texts() -> list[str]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT secrets FROM ingest_connection WHERE secrets <> '' UNION ALL "
            "SELECT secrets FROM ingest_vendorcredential UNION ALL SELECT uri FROM gateways_gatewaykey"
        )
        return [text for (text,) in cursor.fetchall()]


def test_a_second_factors_secret_is_on_no_page(superuser: Client, db: Any) -> None:
    made = Authenticator.objects.create(user=User.objects.get(), type="totp", data={"secret": SECRET})
    page = superuser.get(address(Authenticator, "change", made.pk))
    assert page.status_code == 200
    assert SECRET not in page.content.decode()


def test_the_page_of_an_account_says_whether_its_keys_are_set(viewer: Client, fleet: Any) -> None:
    account = Connection.objects.get(partner=fleet.partner)
    assert b"not set" in viewer.get(address(Connection, "change", account.pk)).content
    assert b"not set" not in viewer.get(address(VendorCredential, "change", fleet.credential.pk)).content
    assert Gateway.objects.count() == 1
