"""Everything of a homeowner goes, but what has to stay; nothing of anybody else does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from gateways import actions, events
from gateways.models import Coordinates, Event, Gateway, GatewayKey, Partner, Wallet
from ingest import connections, credentials, outbox, tokens, upkeep
from ingest.models import Connection, Der, GatewayQueue, Message, Reading, System
from ingest.vendors.base import Tokens
from onboarding import deletion, invitations, journeys, wallet_proofs
from onboarding.models import Consent, Invitation, Journey, JourneyEntry, WalletChallenge
from tests import factories
from tests.factories import NOW, WALLET
from tests.onboarding import homes

pytestmark = pytest.mark.django_db
GIVEN = Tokens("TOP-SECRET-access", "TOP-SECRET-refresh", timedelta(hours=1), account="site 1")


@pytest.fixture
def anna():
    return homes.user()


@pytest.fixture
def villa(anna):
    """Anna's home with a bit of everything."""
    system = homes.home(anna)
    partner = system.connection.partner
    homes.read(system)
    invitations.invite(partner=partner, email=anna.email, name="Anna", by="test", now=NOW)
    journey = journeys.begin(partner=partner, user=anna, now=NOW)
    journeys.name_wallet(journey=journey, address=WALLET, proven=True, now=NOW)
    wallet_proofs.challenge(user=anna, partner=partner, address=WALLET, now=NOW)
    return system


@pytest.fixture
def neighbor(villa):
    """Somebody else's home with the same partner and the same wallet."""
    system = homes.home(homes.user("bo@example.com"), villa.connection.partner)
    homes.read(system)
    return system


def by_consent(owner, partner):
    """An account at SolarEdge that is read with its owner's consent."""
    application = credentials.add(
        partner=partner, vendor="solaredge", name="App", scheme="siteaccess", by="test", now=NOW,
        secrets={"client_id": "id", "client_secret": "secret"},
    )  # fmt: skip
    return connections.connect(
        partner=partner, vendor="solaredge", label=owner.email, credential=application, given=GIVEN, owner=owner,
        by=owner, now=NOW,
    )  # fmt: skip


def delete(user):
    return deletion.delete_account(user=user, by=user, now=NOW)


def test_nothing_of_a_homeowner_is_left_but_what_has_to_stay(anna, villa):
    serial = homes.gateway_of(villa).serial
    assert delete(anna)
    for model in (
        User, Connection, System, Der, Reading, Message, GatewayQueue, Coordinates, Wallet, Journey, JourneyEntry,
        Invitation, WalletChallenge,
    ):  # fmt: skip
        assert not model.objects.exists(), model
    gateway = Gateway.objects.get()
    assert (gateway.serial, gateway.status, gateway.name) == (serial, "released", "")
    assert (gateway.owner, gateway.wallet, gateway.coordinates) == (None, None, None)
    assert set(GatewayKey.objects.values_list("state", flat=True)) == {"retired"}


def test_no_table_knows_the_name_the_address_or_the_place_any_more(anna, villa):
    actions.locate_gateway(
        gateway=homes.gateway_of(villa), latitude=Decimal("57.123456"), longitude=Decimal("12.345678"), source="pin",
        by=anna, now=NOW,
    )  # fmt: skip
    delete(anna)
    told = ("anna@example.com", "TOP-SECRET", "57.123456", "Villa")
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.values_list():
            assert not any(text in str(row) for text in told), (model, row)


def test_consents_stay_as_proof_without_their_giver(anna, villa):
    delete(anna)
    kept = list(Consent.objects.all())
    assert {(row.purpose, row.ending, row.user, row.connection, row.subject) for row in kept} == {
        ("rewards", "deleted", None, None, ""), ("service", "deleted", None, None, ""),
    }  # fmt: skip
    assert all(row.ended_at == NOW and "Solis" in row.text for row in kept)


def test_a_consent_that_had_ended_keeps_how(anna, villa):
    homes.share(villa.connection, "rewards")
    delete(anna)
    assert sorted(Consent.objects.values_list("ending", flat=True)) == ["deleted", "replaced", "replaced"]


def test_the_log_stays_whole_and_says_who_left_by_number_only(anna, villa):
    number = anna.pk
    delete(anna)
    assert events.first_broken(Partner.objects.get()) is None
    event = Event.objects.get(name="homeowner.deleted")
    assert (event.subject, event.actor) == (f"user:{number}", f"user:{number}")


def test_nobody_else_loses_anything(anna, villa, neighbor):
    before = [model.objects.filter(**of).count() for model, of in _of(neighbor)]
    assert all(before)
    delete(anna)
    assert [model.objects.filter(**of).count() for model, of in _of(neighbor)] == before
    assert homes.gateway_of(System.objects.get()).status == "active"
    assert GatewayQueue.objects.get().waiting == Message.objects.filter(state="waiting").count()


def _of(system):
    home, account = {"der__system": system}, {"connection": system.connection}
    return (
        (Reading, home), (Message, home), (Consent, account), (System, {"pk": system.pk}), (Wallet, {"address": WALLET})
    )  # fmt: skip


def test_what_is_with_another_partner_stays(anna, villa):
    other = homes.home(anna)
    homes.read(other)
    assert not deletion.delete_with(user=anna, partner=villa.connection.partner, by=anna, now=NOW)
    assert list(System.objects.all()) == [other]
    assert Reading.objects.filter(der__system=other).exists()
    assert deletion.delete_with(user=anna, partner=other.connection.partner, by=anna, now=NOW)
    assert not User.objects.exists()


def test_who_works_for_a_partner_keeps_the_account(anna, villa):
    anna.memberships.create(partner=villa.connection.partner, role="viewer")
    assert not delete(anna)
    assert User.objects.get() == anna
    assert not Connection.objects.exists()


def test_a_consent_at_a_vendor_is_given_back_before_the_account_is_forgotten(anna, monkeypatch):
    connection = by_consent(anna, homes.partner())
    delete(anna)
    left = Connection.objects.get()
    assert (left.pk, left.owner, left.label, left.status) == (connection.pk, None, "deleted", "disconnected")
    assert left.revoke_due_at == NOW
    assert deletion.forget_given_back() == 0
    monkeypatch.setattr(tokens, "_give_back", lambda *_, **__: Connection.objects.update(revoke_due_at=None))
    upkeep.revoke_due(clock=lambda: NOW, until=float("inf"))
    assert deletion.forget_given_back() == 1
    assert not Connection.objects.exists()
    assert not Connection.history.exists()


def test_a_worker_that_sends_at_that_moment_writes_nothing_down(anna, villa):
    (claim,) = outbox.claim_due(now=timezone.now())
    delete(anna)
    outcome = outbox.Outcome(claim, delivered=[message.id for message in claim.messages])
    assert outbox.record([outcome], vendors={}, now=NOW) == 0


def test_a_home_that_staff_released_before_goes_too(anna, villa):
    actions.release_gateway(gateway=homes.gateway_of(villa), by="test", now=NOW)
    assert delete(anna)
    assert not Reading.objects.exists()


def test_an_account_that_opens_a_home_of_somebody_else_stays_with_that_home(anna, villa):
    other = homes.home(homes.user("bo@example.com"), connection=villa.connection)
    homes.read(other)
    delete(anna)
    connection = Connection.objects.get()
    assert (connection.owner, connection.status, connection.label) == (None, "active", "Solis")
    assert list(System.objects.all()) == [other]
    assert Reading.objects.filter(der__system=other).exists()


def test_a_gateway_without_an_account_goes_too(anna):
    factories.active_gateway(owner=anna)
    assert delete(anna)
    assert Gateway.objects.get().owner is None


def test_an_invitation_for_many_stays(anna, villa):
    invitations.invite(partner=villa.connection.partner, for_many=True, by="test", now=NOW)
    delete(anna)
    assert Invitation.objects.get().for_many


def test_an_address_that_nobody_confirmed_deletes_no_invitation_of_its_owner(anna, villa):
    invitations.invite(partner=villa.connection.partner, email="bertil@example.com", by="test", now=NOW)
    EmailAddress.objects.create(user=anna, email="bertil@example.com")
    delete(anna)
    assert Invitation.objects.get().email == "bertil@example.com"


def test_who_wants_to_delete_types_the_word_and_shows_again_who_they_are(anna, villa):
    url = reverse("home_delete")
    assert homes.browser(anna).post(url, {"what": "account", "word": "DELETE"}).headers["Location"].startswith(
        "/accounts/reauthenticate/"
    )  # fmt: skip
    browser = homes.confirmed(anna)
    assert browser.post(url, {"what": "account", "word": "yes"}).status_code == 422
    assert Reading.objects.exists()
    answer = browser.post(url, {"what": "account", "word": " delete "})
    assert "Your data and your account are deleted" in answer.text
    assert not User.objects.exists()
    assert browser.get("/home/").status_code == 302


def test_the_page_says_what_it_means_and_what_stays(anna, villa):
    page = " ".join(homes.confirmed(anna).get(reverse("home_delete")).text.split())
    assert "At the network your home stays bound to your wallet for good." in page
    assert "A log of what was done, which cannot be changed" in page
    assert "Everything, and my account here" in page


def test_one_partner_of_two_can_be_chosen_and_no_other(anna, villa):
    homes.home(anna)
    browser, url = homes.confirmed(anna), reverse("home_delete")
    stranger = homes.partner()
    assert browser.post(url, {"what": stranger.slug, "word": "DELETE"}).status_code == 422
    answer = browser.post(url, {"what": villa.connection.partner.slug, "word": "DELETE"})
    assert answer.headers["Location"] == "/home/"
    assert Connection.objects.get().partner != villa.connection.partner


def test_what_another_window_deleted_meanwhile_is_said(anna, villa, monkeypatch):
    def deleted(**_):
        raise ValidationError("There is nothing of yours here any more.")

    monkeypatch.setattr(deletion, "delete_account", deleted)
    answer = homes.confirmed(anna).post(reverse("home_delete"), {"what": "account", "word": "DELETE"})
    assert (answer.status_code, "nothing of yours" in answer.text) == (422, True)


def test_who_has_neither_password_nor_second_factor_signs_in_once_more(villa, anna):
    anna.set_unusable_password()
    anna.save()
    browser = homes.browser(anna)
    answer = browser.get(reverse("home_delete"))
    assert answer.headers["Location"] == "/accounts/login/?next=/home/data/delete/"
    assert "_auth_user_id" not in browser.session
    assert homes.confirmed(anna).get(reverse("home_delete")).status_code == 200
