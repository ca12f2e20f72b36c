from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from gateways.models import Event, Partner
from onboarding import answers, flows
from onboarding.models import FlowVendor, JoinFlow
from tests import factories
from tests.onboarding.flows.walk import BACK, Site, application

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def change(row, **values):
    with transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**values)


# --- what a flow may be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "http://partner.example/done",
        "https://partner.example/done#top",
        "https://me:pw@partner.example/done",
        "https://partner.example@evil.example/",
        "https://*.partner.example/done",
        "https:///done",
        "https:partner.example/done",
        "//partner.example/done",
        "/done",
        "",
        "javascript:alert(1)",
        "ftp://partner.example/",
        "https://partner.example\\@evil.example/",
        "https://partner.example;sandbox/",
        "https://partner.example,https/",
        "https://partner.example/a b",
        "https://partner.example/å",
        "https://partner.example:99999/",
        "https://[/",
        "https://partner.example/?state=1",
        "https://partner.example/?signature",
    ],
)
def test_a_redirect_uri_that_is_not_one_exact_address_is_refused(vendor, uri):
    partner = factories.partner(environment="production")
    with pytest.raises(ValidationError):
        Site(partner, redirect_uri=uri)
    assert not JoinFlow.objects.exists()


@pytest.mark.parametrize(
    "uri", ["https://partner.example/done?a=1", "https://xn--frde-loa.example:8443/%C3%A5", "https://partner.example"]
)
def test_exact_addresses_are_kept_as_they_are(vendor, uri):
    assert Site(factories.partner(environment="production"), redirect_uri=uri).flow.redirect_uri == uri


def test_sandbox_partners_may_do_without_https(vendor):
    assert Site(redirect_uri="http://localhost:3000/done").flow.redirect_uri == "http://localhost:3000/done"


@pytest.mark.parametrize(
    "fields,said",
    [
        ({"vendors": {}}, "at least one vendor"),
        ({"vendors": {"acme": None}}, "no adapter for 'acme'"),
        ({"vendors": {"enphase": None}}, "Enphase: choose an application"),
        ({"purposes": []}, "rewards, service"),
        ({"purposes": ["profit"]}, "rewards, service"),
        ({"kinds": []}, "pv, battery, meter"),
        ({"kinds": ["pv", "car"]}, "pv, battery, meter"),
        ({"language": "tlh"}, "There are pages in en, sv"),
        ({"name": ""}, "blank"),
    ],
)
def test_a_flow_asks_for_what_there_is(vendor, fields, said):
    with pytest.raises(ValidationError, match=said):
        Site(**fields)


def test_credentials_are_the_partners_own_for_that_vendor_and_for_homeowners(site):
    foreign = application(factories.partner())
    fleet = application(site.partner, scheme="fleet", name="Fleet")
    for slug, credential in (("enphase", foreign), ("enphase", fleet), ("solis", site.application)):
        with pytest.raises(ValidationError, match="choose an application of this partner"):
            Site(site.partner, vendors={slug: credential})


def test_a_partner_without_a_type_for_its_homes_has_no_flows(vendor):
    two = factories.partner()
    factories.gateway_type(two)
    factories.gateway_type(two)
    with pytest.raises(ValidationError, match="join page"):
        Site(two)


def test_making_and_deleting_a_flow_are_events_and_so_is_seeing_its_secret(site):
    secret = flows.reveal_secret(flow=site.flow, by="ann", now=factories.NOW)
    flows.delete_flow(flow=site.flow, by="ann", now=factories.NOW)
    flows.delete_flow(flow=site.flow, by="ann", now=factories.NOW)
    told = Event.objects.filter(subject=f"flow:{site.flow.uid}").order_by("sequence")
    assert [event.name for event in told] == ["flow.created", "flow.secret_revealed", "flow.deleted"]
    assert told[0].data == {"redirect_uri": BACK, "vendors": ["enphase", "solis"]}
    assert secret not in str([event.data for event in told])
    assert secret not in site.flow.secret


# --- what the database holds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"redirect_uri": "https://evil.example/"},
        {"purposes": ["rewards", "service"]},
        {"kinds": ["pv"]},
        {"name": "Other"},
        {"language": "sv"},
        {"created_at": factories.NOW},
    ],
    ids=str,
)
def test_a_flow_never_changes(site, values):
    with pytest.raises(IntegrityError, match="never changes"):
        change(site.flow, **values)


def test_a_deleted_flow_stays_deleted(site):
    flows.delete_flow(flow=site.flow, by="test", now=factories.NOW)
    with pytest.raises(IntegrityError, match="never changes"):
        change(site.flow, deleted_at=None)


def test_the_secret_is_sealed_anew_when_the_master_key_changes(site):
    secret = flows.open_secret(site.flow)
    change(site.flow, secret=JoinFlow._meta.get_field("secret").resealed(site.flow))
    assert flows.open_secret(JoinFlow.objects.get()) == secret


def test_the_vendors_of_a_flow_never_change_and_fit(site):
    with pytest.raises(IntegrityError, match="never changes"):
        change(site.flow.vendors.first(), vendor="solaredge")
    foreign = application(factories.partner())
    with pytest.raises(IntegrityError, match="own partner"), transaction.atomic():
        FlowVendor.objects.create(flow=site.flow, vendor="solaredge", credential=foreign)


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uri": "ftp://partner.example"},
        {"redirect_uri": "https://partner.example/#x"},
        {"redirect_uri": "https://*.partner.example/"},
        {"purposes": []},
        {"kinds": []},
        {"secret": ""},
    ],
    ids=str,
)
def test_the_database_refuses_flows_that_ask_for_nothing_or_lead_anywhere(site, fields):
    values = {"redirect_uri": BACK, "purposes": ["rewards"], "kinds": ["pv"], "secret": "sealed", **fields}
    with pytest.raises(IntegrityError), transaction.atomic():
        JoinFlow.objects.create(partner=site.partner, name="x", created_at=factories.NOW, **values)


def test_no_partner_is_called_as_the_address_of_flows():
    with pytest.raises(ValidationError, match="choose another slug"):
        Partner(name="Flows", slug="flows").full_clean()


# --- answers ----------------------------------------------------------------------------------------------------------


def test_the_signature_covers_the_whole_query_before_it(site):
    url = answers.url(site.flow, "s%20t", now=datetime(2026, 6, 15, tzinfo=UTC), enrollmentID="1")
    signed, _, signature = urlsplit(url).query.rpartition("&signature=")
    assert signed == "from=portal&state=s%20t&enrollmentID=1&ts=1781481600"
    secret = flows.open_secret(site.flow).encode()
    assert signature == hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()


def test_without_a_state_none_goes_back(site):
    assert "state" not in answers.url(site.flow, "", now=timezone.now(), enrollmentID="1")


@pytest.mark.parametrize(
    "query,raw",
    [
        ("state=abc", "abc"),
        ("vendor=x&state=a%20b%26c%23d", "a%20b%26c%23d"),
        ("state=a+b/c=%2B", "a+b/c=%2B"),
        ("state=%FF%00", "%FF%00"),
        ("state=100%", "100%"),
        ("state=\xc3\xb6<>\"'", "%C3%B6%3C%3E%22'"),
        ("state=1&state=2", "1"),
        ("xstate=1", ""),
        ("state", ""),
    ],
)
def test_a_state_stays_as_it_stood_in_the_address(query, raw):
    assert answers.raw_state(query) == raw
