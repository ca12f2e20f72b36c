"""Who may see keys and readings: owners of a partner after their second factor, and nobody what a homeowner keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal import auth
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateways.models import Event
from ingest import connections, credentials
from ingest.models import Connection, Message, System, VendorCredential
from ingest.vendors.base import Tokens
from tests import factories
from tests.admin.pages import address, chosen

pytestmark = pytest.mark.once

KEY = "TOP-SECRET-KEY"
APP = {"client_id": "portal", "client_secret": "s"}


def reveal(client: Client, credential: VendorCredential, **answers: str) -> Any:
    return client.post(address(VendorCredential, "changelist"), {**chosen("reveal", credential), **answers})


def set_up_factor(client: Client) -> str:
    """Give the user of a client a second factor; return its secret."""
    secret = auth.generate_totp_secret()
    auth.TOTP.activate(User.objects.get(pk=client.session["_auth_user_id"]), secret)
    return secret


def give_factor(client: Client, secret: str, page: str) -> Any:
    counter = next(iter(auth.yield_hotp_counters_from_time()))
    return client.post(page, {"code": auth.format_hotp_value(auth.hotp_value(secret, counter))})


def revealed() -> int:
    return Event.objects.filter(name="credential.revealed").count()


# --- revealing -------------------------------------------------------------------------------------------------------


def test_an_owner_sees_keys_once_right_after_the_second_factor(owner: Client, fleet: Any) -> None:
    secret = set_up_factor(owner)
    asked = reveal(owner, fleet.credential)
    assert asked["Location"].startswith(f"{reverse('mfa_reauthenticate')}?next=")
    back = give_factor(owner, secret, asked["Location"])
    assert back["Location"] == address(VendorCredential, "change", fleet.credential.pk)
    sure = reveal(owner, fleet.credential)
    assert "written down" in sure.content.decode()
    assert (KEY in sure.content.decode(), revealed()) == (False, 0)
    page = reveal(owner, fleet.credential, confirmed="yes")
    assert KEY in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    event = Event.objects.get(name="credential.revealed")
    assert (event.subject, event.data) == (f"credential:{fleet.credential.uid}", {})
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        late = reveal(owner, fleet.credential, confirmed="yes")
    assert (late.status_code, revealed()) == (302, 1)


def test_who_has_no_second_factor_is_told_to_set_one_up(owner: Client, fleet: Any) -> None:
    told = reveal(owner, fleet.credential, confirmed="yes")
    assert told["Location"] == reverse("mfa_index")
    assert (b"Set up a second factor first" in owner.get(told["Location"]).content, revealed()) == (True, 0)


def test_a_password_is_no_second_factor(owner: Client, fleet: Any) -> None:
    set_up_factor(owner)
    owner.post(reverse("account_reauthenticate"), {"password": "pw"})
    told = reveal(owner, fleet.credential, confirmed="yes")
    assert (told.status_code, revealed()) == (302, 0)


@pytest.mark.parametrize("role", ["operator", "support", "viewer"])
def test_nobody_but_owners_is_offered_or_shown_keys(role: str, fleet: Any, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    give_factor(client, set_up_factor(client), reverse("mfa_reauthenticate"))
    page = client.get(address(VendorCredential, "change", fleet.credential.pk)).content.decode()
    reply = reveal(client, fleet.credential, confirmed="yes")
    assert ("Reveal keys" in page, KEY in reply.content.decode(), revealed()) == (False, False, 0)


def test_an_owner_of_another_partner_sees_nothing(owner: Client, fleet: Any, stranger: Any) -> None:
    give_factor(owner, set_up_factor(owner), reverse("mfa_reauthenticate"))
    reply = reveal(owner, stranger.credential, confirmed="yes")
    assert (KEY in reply.content.decode(), revealed()) == (False, 0)


# --- ways in ---------------------------------------------------------------------------------------------------------


def test_a_vendor_with_several_ways_in_is_asked_about_in_the_first_step(operator: Client, fleet: Any) -> None:
    first = f"{address(VendorCredential, 'add')}?partner={fleet.partner.pk}&vendor=solaredge"
    page = operator.get(first)
    assert set(page.context["form"].fields) == {"partner", "vendor", "scheme"}
    assert not page.context["form"].errors
    second = operator.get(f"{first}&scheme=siteaccess").context["form"]
    assert {"client_id", "client_secret"} < set(second.fields)
    wrong = operator.get(f"{first}&scheme=nonsense").context["form"]
    assert "scheme" in wrong.errors


def test_an_application_is_tried_at_the_vendor_and_kept(
    operator: Client, fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(
        "ingest.vendors.solaredge.SolarEdge.test_application", lambda adapter: tried.append(adapter.secrets)
    )
    add = f"{address(VendorCredential, 'add')}?partner={fleet.partner.pk}&vendor=solaredge&scheme=siteaccess"
    operator.post(add, {"name": "Our app", **APP})
    assert (tried, VendorCredential.objects.get(name="Our app").scheme) == ([APP], "siteaccess")


def test_keys_of_a_vendor_that_is_not_read_yet_are_kept_without_a_try(operator: Client, fleet: Any) -> None:
    chosen_first = f"?partner={fleet.partner.pk}&vendor=tesla&scheme=app"
    answer = operator.post(address(VendorCredential, "add") + chosen_first, {**APP, "name": "Tesla"})
    assert answer.status_code == 302
    kept = VendorCredential.objects.get(vendor="tesla")
    assert "not used yet" in operator.get(address(VendorCredential, "change", kept.pk)).content.decode()
    assert "Tesla" not in operator.get(address(Connection, "add")).content.decode()


def test_staff_add_no_accounts_that_only_owners_can_open(operator: Client, fleet: Any) -> None:
    page = operator.get(address(Connection, "add"))
    assert "enphase" not in dict(page.context["form"].fields["vendor"].choices)
    asked = operator.get(f"{address(Connection, 'add')}?partner={fleet.partner.pk}&vendor=solaredge")
    assert "api_key" in asked.context["form"].fields


def test_an_account_with_a_consent_is_reconnected_by_its_owner_alone(operator: Client, fleet: Any) -> None:
    app = credentials.add(
        partner=fleet.partner, vendor="solaredge", scheme="siteaccess", name="app", secrets=APP, by="test",
        now=factories.NOW,
    )  # fmt: skip
    account = connections.connect(
        partner=fleet.partner, vendor="solaredge", label="Anna", credential=app, by="test", now=factories.NOW,
        given=Tokens("a", "r", timedelta(hours=2), account="1"),
    )  # fmt: skip
    for answers in ({}, {"confirmed": "yes"}):
        asked = operator.post(address(Connection, "changelist"), {**chosen("reconnect", account), **answers})
        assert asked.context["form"].fields == {}
        assert "Only its owner can reconnect this account" in asked.content.decode()


@pytest.mark.parametrize(
    "left, urgency, words",
    [
        (timedelta(days=-1), "now", "expired"),
        (timedelta(days=2), "now", "in "),
        (timedelta(days=13), "soon", "in "),
        (timedelta(days=20), "", "in "),
        (None, "", "not known"),
    ],
)
def test_a_key_that_ends_is_colored_in_time(
    viewer: Client, fleet: Any, left: timedelta | None, urgency: str, words: str
) -> None:
    fleet.credential.expires_at = timezone.now() + left if left else None
    page = viewer.get(address(VendorCredential, "changelist"))
    shown = page.context["cl"].model_admin.expires(fleet.credential)
    assert (shown[0], shown[1].startswith(words)) == (urgency, True)


# --- readings that an owner keeps from staff -------------------------------------------------------------------------


def test_readings_that_an_owner_keeps_are_shown_to_no_staff(superuser: Client, fleet: Any) -> None:
    System.objects.update(shown=False)
    (der,) = System.objects.get().ders.all()
    page = superuser.get(reverse("admin:ingest_der_readings", args=(der.pk,)))
    assert "does not share its readings with staff" in page.content.decode()
    assert (page.context["rows"], b">-100" in page.content) == ([], False)
    message = superuser.get(address(Message, "change", Message.objects.get().pk)).content.decode()
    assert ("does not share its readings" in message, "&quot;W&quot;" in message) == (True, False)
    assert superuser.get(reverse("admin:index")).context["hour"]["readings"] == 0
