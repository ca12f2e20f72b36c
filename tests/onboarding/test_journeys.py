"""What a journey is made of: nothing counts before it is finished, and nothing of one that was left stays."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from gateways import actions as gateway_actions
from gateways.models import Gateway
from ingest import connections, store
from ingest.models import Connection, Message, System
from onboarding import consents, journeys, steps, wizard
from onboarding.journeys import Over, Place
from onboarding.models import Consent, JoinPage, Journey
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

HERE = Place(Decimal("59.3293001"), Decimal("18.0686"), "typed")


@pytest.fixture
def anna():
    return User.objects.create_user("anna", "anna@home.example")


@pytest.fixture
def partner():
    gateway_type = factories.gateway_type()
    JoinPage.objects.create(partner=gateway_type.partner, gateway_type=gateway_type)
    return gateway_type.partner


@pytest.fixture
def journey(partner, anna):
    return journeys.begin(partner=partner, user=anna, now=NOW)


def account(journey, key="key-1"):
    """Connect an account with one home, as the page of the vendor does."""
    secrets = {"key_id": key, "key_secret": "TOP-SECRET"}
    made = connections.connect(
        partner=journey.partner, vendor="solis", label="anna", secrets=secrets, owner=journey.user, by="test", now=NOW
    )
    factories.system(of=made, latitude=52.5, longitude=13.4)
    return made


def agreed(journey, purposes=("rewards", "service"), kinds=("pv", "meter")):
    journey = journeys.choose_brand(journey=journey, country="SE", vendor="solis", by=journey.user, now=NOW)
    return journeys.agree(journey=journey, purposes=purposes, kinds=kinds, language="en", now=NOW)


def ready(journey):
    """Do everything but finish."""
    journey = journeys.attach(journey=agreed(journey), connection=account(journey), now=NOW)
    journeys.choose_systems(journey=journey, systems=list(journey.connection.systems.all()), now=NOW)
    journeys.name_wallet(journey=journey, address=factories.WALLET, proven=True, now=NOW)
    chosen = journey.chosen.get()
    return journeys.confirm_places(journey=journey, places={chosen.pk: HERE}, now=NOW)


def finish(journey):
    return journeys.finish(journey=journey, by=journey.user, now=NOW)


def abandon(journey):
    journeys.abandon(journey=journey, by=journey.user, now=NOW)


def test_there_is_one_open_journey_with_a_partner(journey, partner, anna):
    assert journeys.begin(partner=partner, user=anna, now=NOW) == journey
    abandon(journey)
    assert journeys.begin(partner=partner, user=anna, now=NOW) != journey
    assert journeys.under_way(partner, anna) != journey


def test_a_finished_journey_leaves_a_home_with_all_that_was_said(journey):
    finish(ready(journey))
    gateway = Gateway.objects.get()
    assert (gateway.owner, gateway.partner) == (journey.user, journey.partner)
    assert gateway.wallet
    assert gateway.wallet.proven_at == NOW
    assert gateway.coordinates
    assert (gateway.coordinates.latitude, gateway.coordinates.source) == (Decimal("59.329300"), "typed")
    assert gateway.coordinates.consented_at == NOW
    system = gateway.system
    assert (system.sends, system.shown) == (True, True)
    assert system.connection.withheld_kinds == ["battery"]


def test_a_purpose_that_was_not_given_is_not_served(journey):
    ready(journey)
    journeys.agree(journey=journey, purposes=["rewards"], kinds=["pv"], language="en", now=NOW)
    finish(journey)
    system = System.objects.get()
    assert (system.sends, system.shown) == (True, False)
    assert system.connection.withheld_kinds == ["battery", "meter"]


def test_less_agreed_to_on_the_way_to_another_home_counts_for_those_that_joined_before(journey, partner, anna):
    finish(ready(journey))
    villa = System.objects.get()
    store.store_readings(system=villa, readings=factories.readings(villa, 2), now=NOW, pulled_through=NOW)
    assert Message.objects.exists()
    again = agreed(journeys.begin(partner=partner, user=anna, now=NOW), purposes=["rewards"], kinds=["meter"])
    journeys.attach(journey=again, connection=villa.connection, now=NOW)
    villa.refresh_from_db()
    assert (villa.sends, villa.shown) == (True, False)
    assert not Message.objects.exists()


def test_finishing_twice_is_finishing_once(journey):
    ready(journey)
    assert finish(journey).finished_at == finish(journey).finished_at
    assert Gateway.objects.count() == 1


def test_nothing_is_finished_without_a_consent(journey):
    ready(journey)
    for consent in Consent.objects.all():
        consents.end(consent=consent, ending=Consent.Ending.STOPPED, by="test", now=NOW)
    with pytest.raises(ValidationError, match="Something is missing"):
        finish(journey)
    assert not Gateway.objects.exists()


def test_nothing_is_finished_without_a_place_and_no_half_of_it_stays(journey):
    ready(journey)
    second = factories.system(of=Connection.objects.get())
    journeys.choose_systems(journey=journey, systems=list(second.connection.systems.all()), now=NOW)
    with pytest.raises(ValidationError, match="Confirm where each home stands"):
        finish(journey)
    assert not Gateway.objects.exists()


def test_what_the_vendor_knows_of_the_place_is_filled_in_but_does_not_count(journey):
    journey = journeys.attach(journey=agreed(journey), connection=account(journey), now=NOW)
    journeys.choose_systems(journey=journey, systems=list(journey.connection.systems.all()), now=NOW)
    chosen = journey.chosen.get()
    assert (chosen.latitude, chosen.source, chosen.confirmed_at) == (Decimal("52.5"), "vendor", None)


def test_choosing_again_keeps_what_was_said_of_a_home(journey):
    ready(journey)
    journeys.choose_systems(journey=journey, systems=list(System.objects.all()), now=NOW)
    assert journey.chosen.get().confirmed_at == NOW


@pytest.mark.parametrize("wrong", ["none", "another account's"])
def test_only_homes_of_the_account_are_chosen(wrong, journey):
    journey = journeys.attach(journey=agreed(journey), connection=account(journey), now=NOW)
    systems = [] if wrong == "none" else [factories.system()]
    with pytest.raises(ValidationError, match="at least one home of this account"):
        journeys.choose_systems(journey=journey, systems=systems, now=NOW)


def test_a_home_that_joined_does_not_join_again(journey, partner, anna):
    finish(ready(journey))
    again = journeys.begin(partner=partner, user=anna, now=NOW)
    journeys.attach(journey=agreed(again), connection=Connection.objects.get(), now=NOW)
    with pytest.raises(ValidationError, match="has joined already"):
        journeys.choose_systems(journey=again, systems=list(System.objects.all()), now=NOW)


def test_a_home_that_was_let_go_begins_anew(journey, partner, anna):
    finish(ready(journey))
    first = Gateway.objects.get()
    gateway_actions.release_gateway(gateway=first, by="test", now=NOW)
    again = journeys.begin(partner=partner, user=anna, now=NOW)
    journeys.attach(journey=agreed(again), connection=Connection.objects.get(), now=NOW)
    journeys.choose_systems(journey=again, systems=list(System.objects.all()), now=NOW)
    journeys.postpone_wallet(journey=again, now=NOW)
    journeys.confirm_places(journey=again, places={again.chosen.get().pk: HERE}, now=NOW)
    finish(again)
    second = System.objects.get().gateway
    assert second
    assert second != first
    assert second.status == Gateway.Status.CREATED


def test_another_brand_leaves_the_account_and_the_consent_behind(journey):
    ready(journey)
    changed = journeys.choose_brand(journey=journey, country="SE", vendor="enphase", by=journey.user, now=NOW)
    assert changed.connection is None
    assert not changed.chosen.exists()
    assert Connection.objects.get().status == Connection.Status.DISCONNECTED
    assert not Consent.objects.filter(ended_at=None).exists()
    assert changed.wallet_proven, "the wallet is not the brand's"


def test_another_account_of_the_brand_takes_the_place_and_the_consent_of_the_one_before(journey):
    first = ready(journey).connection
    second = account(journey, "key-2")
    assert wizard.next_step(journeys.attach(journey=journey, connection=second, now=NOW)).slug == "homes"
    assert consents.active(second).count() == 2
    first.refresh_from_db()
    assert (first.status, first.systems.get().shown) == (Connection.Status.DISCONNECTED, False)


def test_the_same_brand_again_changes_nothing(journey):
    ready(journey)
    journeys.choose_brand(journey=journey, country="SE", vendor="solis", by=journey.user, now=NOW)
    assert wizard.next_step(Journey.objects.get()).slug == "review"


def test_who_leaves_before_connecting_takes_the_consent_along(journey):
    agreed(journey)
    abandon(journey)
    assert set(Consent.objects.values_list("ending", flat=True)) == {"stopped"}


def test_an_account_that_a_home_came_of_is_not_lost_with_a_later_journey(journey, partner, anna):
    finish(ready(journey))
    again = journeys.begin(partner=partner, user=anna, now=NOW)
    first = Connection.objects.get()
    journeys.attach(journey=agreed(again), connection=first, now=NOW)
    journeys.attach(journey=again, connection=account(again, "key-2"), now=NOW)
    journeys.attach(journey=again, connection=first, now=NOW)
    abandon(again)
    first.refresh_from_db()
    assert first.status == Connection.Status.ACTIVE
    assert consents.active(first).exists()


def test_an_account_for_a_journey_that_is_over_is_let_go(journey):
    connection = account(agreed(journey))
    abandon(journey)
    with pytest.raises(Over):
        journeys.attach(journey=journey, connection=connection, now=NOW)
    connection.refresh_from_db()
    assert connection.status == Connection.Status.DISCONNECTED


def test_an_account_of_a_brand_that_was_left_meanwhile_takes_no_place_of_the_one_that_was_chosen(journey):
    chosen = ready(journey).connection
    late = connections.connect(
        partner=journey.partner, vendor="solaredge", label="anna", secrets={"api_key": "TOP-SECRET"},
        owner=journey.user, by="test", now=NOW,
    )  # fmt: skip
    with pytest.raises(Over, match="another brand"):
        journeys.attach(journey=journey, connection=late, now=NOW)
    late.refresh_from_db()
    journey.refresh_from_db()
    assert (late.status, journey.connection) == (Connection.Status.DISCONNECTED, chosen)
    assert consents.active(chosen).count() == 2


@pytest.mark.parametrize("over", [finish, abandon])
def test_nothing_changes_a_journey_that_is_over(over, journey):
    ready(journey)
    over(journey)
    own = {"journey": journey, "now": NOW}
    attempts = (
        lambda: journeys.choose_brand(country="", vendor="enphase", by="test", **own),
        lambda: journeys.agree(purposes=["rewards"], kinds=["pv"], language="en", **own),
        lambda: journeys.choose_systems(systems=list(System.objects.all()), **own),
        lambda: journeys.name_wallet(address=factories.WALLET, proven=False, **own),
        lambda: journeys.postpone_wallet(**own),
        lambda: journeys.confirm_places(places={}, **own),
        lambda: journeys.abandon(by="test", **own),
    )
    for attempt in attempts:
        with pytest.raises(Over):
            attempt()


def test_what_was_left_is_not_finished(journey):
    ready(journey)
    abandon(journey)
    with pytest.raises(Over):
        finish(journey)


def test_a_wallet_that_is_none_is_refused(journey):
    with pytest.raises(ValidationError, match="not a wallet address"):
        journeys.name_wallet(journey=journey, address="nonsense", proven=False, now=NOW)


def test_a_wallet_later_is_no_wallet_now(journey):
    journeys.name_wallet(journey=journey, address=factories.WALLET, proven=True, now=NOW)
    later = journeys.postpone_wallet(journey=journey, now=NOW)
    assert (later.wallet, later.wallet_proven, later.wallet_later) == (None, False, True)


def test_the_timeline_says_each_thing_once_in_a_row(journey):
    for _ in range(2):
        journeys.postpone_wallet(journey=journey, now=NOW)
    assert [entry.what for entry in journey.entries.all()] == ["started", "wallet later"]


# --- the steps follow from what is there -----------------------------------------------------------------------------


def test_each_step_comes_when_those_before_are_done(journey):
    seen = [wizard.next_step(journey).slug]
    journey = agreed(journey)
    seen.append(wizard.next_step(journey).slug)
    journey = journeys.attach(journey=journey, connection=account(journey), now=NOW)
    seen.append(wizard.next_step(journey).slug)
    journeys.choose_systems(journey=journey, systems=list(System.objects.all()), now=NOW)
    seen.append(wizard.next_step(journey).slug)
    journey = journeys.postpone_wallet(journey=journey, now=NOW)
    seen.append(wizard.next_step(journey).slug)
    assert seen == ["brand", "connect", "homes", "wallet", "place"]


def test_a_step_opens_when_all_before_it_are_done(journey):
    journey = agreed(journey)
    may = [step.slug for step in steps.STEPS if wizard.may_open(journey, step)]
    assert may == ["brand", "sharing", "connect"]
    shown = wizard.progress(journey, steps.BY_SLUG["connect"])
    assert [it.step.slug for it in shown if it.reachable] == may
    assert [it.step.slug for it in shown if it.current] == ["connect"]
    assert [it.step.slug for it in shown if it.done] == ["brand", "sharing"]


@pytest.mark.parametrize("status", ["needs_reconnect", "disconnected", "paused"])
def test_an_account_that_does_not_work_is_to_be_connected_again(status, journey):
    journey = ready(journey)
    Connection.objects.update(status=status)
    assert wizard.next_step(Journey.objects.get()).slug == "connect"


def test_an_account_that_the_vendor_has_yet_to_approve_holds_nobody_up(journey):
    ready(journey)
    Connection.objects.update(status="pending")
    assert wizard.next_step(Journey.objects.get()).slug == "review"
