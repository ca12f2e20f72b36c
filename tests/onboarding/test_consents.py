"""A consent is kept word for word, counts for one account, and is replaced or ended, never changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from gateways.models import Event
from ingest.readings import Kind
from onboarding import consent_texts, consents
from onboarding.models import Consent, JoinPage
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    gateway_type = factories.gateway_type(factories.partner(name="Sunny Homes"))
    JoinPage.objects.create(
        partner=gateway_type.partner, gateway_type=gateway_type, consent_months=12, legal_name="Sunny Homes AB"
    )
    return gateway_type.partner


@pytest.fixture
def anna():
    return User.objects.create_user("anna", "anna@home.example")


@pytest.fixture
def give(partner, anna):
    def agreed(*purposes, now=NOW, **changed):
        said = {"kinds": ["pv", "meter"], "language": "en", "user": anna, **changed}
        return consents.give(partner=partner, vendor="solis", purposes=purposes or ["rewards"], now=now, **said)

    return agreed


def active():
    return set(Consent.objects.filter(ended_at=None).values_list("purpose", flat=True))


def test_the_text_names_who_asks_what_for_what_of_and_until_when(give):
    text = give("service")[0].text
    for words in ("Sunny Homes AB sees", "reads from Solis:", "- What your solar panels produce", "June 15, 2027"):
        assert words in text
    assert "battery" not in text


def test_the_text_is_kept_in_the_readers_language(give):
    with translation.override("sv"):
        swedish = give(language="sv")[0].text
    with translation.override("en"):
        assert swedish != give()[0].text


def test_what_is_given_anew_replaces_what_was_given_before(give):
    give("rewards", "service")
    give("rewards", kinds=["pv"], now=NOW + timedelta(days=1))
    assert active() == {"rewards"}
    assert list(Consent.objects.filter(ending="replaced").values_list("purpose", flat=True)) == ["rewards", "service"]


def test_a_consent_waits_for_the_account_and_counts_for_it_then(give, partner, anna):
    give("rewards", "service")
    connection = factories.connection(partner)
    assert not consents.active(connection).exists()
    consents.attach(connection=connection, user=anna, now=NOW)
    assert consents.active(connection).count() == 2
    assert not consents.waiting(partner, anna, "solis").exists()


def test_the_account_of_somebody_else_takes_nobodys_consent(give, partner):
    give()
    connection = factories.connection(partner)
    consents.attach(connection=connection, user=User.objects.create_user("berit"), now=NOW)
    assert not consents.active(connection).exists()


def test_a_consent_ends_once(give):
    consent = give()[0]
    for ending in (Consent.Ending.STOPPED, Consent.Ending.EXPIRED):
        consents.end(consent=consent, ending=ending, by="test", now=NOW)
    assert Consent.objects.get().ending == "stopped"
    assert Event.objects.filter(name="consent.ended").count() == 1


def test_the_trail_tells_what_was_agreed_to_and_not_by_whom_in_words(give):
    consent = give()[0]
    event = Event.objects.get(subject=f"consent:{consent.uid}")
    assert event.data == {"purpose": "rewards", "kinds": ["pv", "meter"], "text_version": consent_texts.VERSION}


def test_every_purpose_and_kind_has_its_words(partner):
    assert set(consent_texts.KINDS) == set(Kind)
    words = {consent_texts.purpose(purpose, partner) for purpose in Consent.Purpose}
    assert len(words) == len(Consent.Purpose)
