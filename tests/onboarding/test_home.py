"""The home page: what happens now, today and this month, what was sent, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from gateways import actions
from gateways.models import Gateway
from ingest import connections, outbox
from ingest.models import Connection, GatewayQueue, Message, Reading, System
from onboarding import home_figures, journeys, my_homes, my_sharing
from tests import factories
from tests.factories import NOW
from tests.onboarding import homes

pytestmark = pytest.mark.django_db


def see(browser, url="/home/", **query):
    response = browser.get(url, query)
    assert response.status_code == 200, response.headers
    return " ".join(response.text.replace("\xa0", " ").replace("&nbsp;", " ").split())


def pv_at(system, now):
    found = home_figures.now_of(system.ders.get(kind="pv"), now)
    assert found is not None
    return found


@pytest.fixture
def noon(monkeypatch):
    """It is noon in June, so that no test depends on the hour at which it runs."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def test_the_home_says_in_words_and_positive_numbers_what_it_does_now(signed_in, villa):
    page = see(signed_in)
    assert "Villa" in page
    assert "2.1 kW</span> producing" in page
    assert "0.80 kW</span> charging · 64 %" in page
    assert "0.30 kW</span> exporting" in page


def test_every_figure_has_its_age_and_an_old_one_is_marked(anna, noon):
    system = homes.home(anna)
    homes.read(system, until=NOW - timedelta(minutes=7))
    pv = pv_at(system, NOW)
    assert (pv.age.replace("\xa0", " "), pv.stale) == ("7 minutes", False)
    assert pv_at(system, NOW + timedelta(hours=2)).stale


def test_a_reading_that_looks_wrong_is_marked(signed_in, anna):
    homes.read(homes.home(anna), quality="suspect")
    assert "looks wrong" in see(signed_in)


def test_a_few_watts_are_rest(anna, villa):
    Reading.objects.update(power_w=-4.0)
    pv = pv_at(villa, timezone.now())
    assert (pv.doing, pv.power_kw) == ("resting", 0)


def test_today_and_this_month_add_up(signed_in, anna, noon):
    system = homes.home(anna)
    homes.read(system, 12)
    homes.read(system, 12, until=NOW - timedelta(days=3))
    page = see(signed_in)
    assert page.count("produced: 2.1 kWh") == 1  # today
    assert page.count("produced: 4.2 kWh") == 1  # this month
    assert "charged: 0.80 kWh" in page
    assert "exported: 0.60 kWh" in page


def test_earlier_days_and_months_can_be_looked_at_and_later_ones_cannot(signed_in, anna, noon):
    system = homes.home(anna)
    homes.read(system, 12, until=datetime(2026, 5, 2, 10, 0, tzinfo=UTC))
    page = see(signed_in, day="2026-05-02", month="2026-05")
    assert page.count("produced: 2.1 kWh") == 2
    assert "?day=2026-05-03&amp;month=2026-05" in page
    today = see(signed_in, day="2026-06-16", month="nonsense")
    assert "The day after" not in today
    assert "June 2026" in today


def test_a_day_is_a_day_of_the_home(anna, monkeypatch):
    # 23:30 UTC is the next day in Stockholm already.
    late = datetime(2026, 6, 15, 23, 30, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: late)
    system = homes.home(anna)
    homes.read(system, 6, until=late)
    period = home_figures.day_of(system.ders.get(kind="pv"), datetime(2026, 6, 16, tzinfo=UTC).date())
    assert [flow.energy_kwh for flow in period.flows] == [home_figures._kilo(1050)]


@pytest.mark.parametrize("day, quarters", [("2026-03-29", 92), ("2026-06-14", 96), ("2025-10-26", 100)])
def test_the_chart_of_a_day_has_a_point_a_quarter_also_when_the_clock_changes(signed_in, anna, noon, day, quarters):
    system = homes.home(anna)
    url = reverse("home_chart", args=[homes.gateway_of(system).serial, system.ders.get(kind="meter").pk])
    chart = signed_in.get(url, {"day": day}).json()
    assert (chart["kind"], chart["unit"], chart["timezone"]) == ("lines", "kW", "Europe/Stockholm")
    assert len(chart["times"]) == quarters
    assert [series["label"] for series in chart["series"]] == ["imported", "exported"]


def test_the_chart_of_a_month_has_a_bar_a_day(signed_in, anna, noon):
    system = homes.home(anna)
    homes.read(system, 12)
    url = reverse("home_chart", args=[homes.gateway_of(system).serial, system.ders.get(kind="pv").pk])
    chart = signed_in.get(url, {"month": "2026-06"}).json()
    (produced,) = chart["series"]
    assert (chart["kind"], len(chart["times"])) == ("bars", 30)
    assert produced["values"] == [None] * 14 + [2.1] + [None] * 15


def test_the_table_tells_what_is_unfinished_estimated_or_worked_out(signed_in, anna, noon):
    system = homes.home(anna)
    homes.read(system, quality="estimated")
    Reading.objects.filter(der__kind="meter").update(energy_in_wh=None, energy_out_wh=None)
    page = see(signed_in)
    for note in ("so far", "partly estimated", "worked out from the power"):
        assert note in page


def test_several_homes_are_a_list_and_one_is_shown_at_once(signed_in, anna, villa):
    assert "All your homes" not in see(signed_in)
    homes.home(anna, connection=villa.connection, name="Stuga")
    page = see(signed_in)
    assert "Your homes" in page
    assert f'href="/home/{homes.gateway_of(villa).serial}/">Villa' in page
    assert "All your homes" in see(signed_in, reverse("home_one", args=[homes.gateway_of(villa).serial]))


def test_who_has_no_home_is_told_how_to_get_one(signed_in):
    assert "Follow the link" in see(signed_in)


def test_nobody_sees_anything_without_signing_in(client, villa):
    assert client.get("/home/").headers["Location"].startswith("/accounts/login/?next=/home/")


@pytest.mark.parametrize("stranger", ["neighbor", "staff of the same partner"])
def test_a_home_of_somebody_else_is_not_found(villa, stranger):
    other = homes.user("bo@example.com", is_staff=stranger != "neighbor")
    if other.is_staff:
        other.memberships.create(partner=homes.gateway_of(villa).partner, role="owner")
    else:
        homes.home(other)
    browser, serial = homes.confirmed(other), homes.gateway_of(villa).serial
    for name in ("home_one", "home_wallet", "home_place"):
        assert browser.get(reverse(name, args=[serial])).status_code == 404
        assert browser.post(reverse(name, args=[serial])).status_code in {404, 405}
    assert browser.get(reverse("home_chart", args=[serial, villa.ders.get(kind="pv").pk])).status_code == 404
    assert browser.post(reverse("home_wallet_challenge", args=[serial])).status_code == 404


def test_a_chart_of_a_neighbors_device_is_not_found_under_ones_own_home(signed_in, anna, villa):
    foreign = homes.home(homes.user("bo@example.com")).ders.get(kind="pv")
    assert signed_in.get(reverse("home_chart", args=[homes.gateway_of(villa).serial, foreign.pk])).status_code == 404


def test_a_released_home_is_gone(signed_in, anna, villa):
    actions.release_gateway(gateway=homes.gateway_of(villa), by="test", now=NOW)
    assert "Follow the link" in see(signed_in)


def test_the_way_to_sending_shows_what_is_done_and_what_is_missing(signed_in, anna):
    at = homes.partner(environment="production")
    gateway = factories.gateway(at.join_page.gateway_type, owner=anna)
    factories.system(gateway, homes.account(anna, at))
    page = see(signed_in)
    assert "Getting started" in page
    assert "Sourceful registers new homes by hand" in page
    assert "Add a wallet." in page
    assert 'id="waiting" data-progress aria-live="polite">' in page
    assert [stage.done for stage in my_homes.stages_of(gateway, None, None)] == [False] * 5


def test_a_home_that_sends_has_nothing_to_get_started(signed_in, anna, villa):
    GatewayQueue.objects.update(delivered=3, last_delivered_at=NOW)
    gateway = Gateway.objects.get(pk=homes.gateway_of(villa).pk)
    assert all(stage.done for stage in my_homes.stages_of(gateway, villa, GatewayQueue.objects.get()))
    assert "data-progress" not in see(signed_in)


def test_the_page_comes_anew_with_the_first_reading(signed_in, anna):
    system = homes.home(anna)
    assert 'id="waiting" data-progress' in see(signed_in)
    homes.read(system, 1)
    assert 'id="starting" data-progress' in see(signed_in)


def test_the_list_follows_homes_that_have_yet_to_speak(signed_in, anna, villa):
    silent = homes.home(anna)
    assert 'id="homes" data-progress' in see(signed_in)
    homes.read(silent, 1)
    assert "data-progress" not in see(signed_in)


def delivered(system):
    Message.objects.update(state="delivered", done_at=timezone.now())
    GatewayQueue.objects.update(waiting=0)
    return {
        one.der.kind: (one.count, one.produced, one.met)
        for one in home_figures.points_of(system, GatewayQueue.objects.first(), timezone.now())
    }


def test_25_delivered_readings_of_today_meet_the_rule_and_24_do_not(anna, noon):
    system = homes.home(anna)
    homes.read(system, 24)
    assert delivered(system)["meter"] == (24, True, False)
    homes.read(system, 25)
    assert delivered(system)["meter"] == (25, True, True)


def test_readings_that_wait_or_are_held_do_not_count_yet(anna, noon):
    system = homes.home(anna)
    homes.read(system, 30)
    (queue,) = GatewayQueue.objects.all()
    assert {one.count for one in home_figures.points_of(system, queue, NOW)} == {0}
    Message.objects.update(state="held", held_reason="no", done_at=NOW)
    assert {one.count for one in home_figures.points_of(system, queue, NOW)} == {0}


def test_yesterdays_readings_do_not_count_today(anna, noon):
    system = homes.home(anna)
    homes.read(system, 40, until=NOW - timedelta(days=1))
    assert delivered(system)["pv"] == (0, False, False)


def test_solar_that_produced_nothing_all_day_earns_nothing(anna, noon):
    system = homes.home(anna)
    homes.read(system, 30)
    Reading.objects.filter(der__kind="pv").update(power_w=0, energy_out_wh=0)
    assert delivered(system)["pv"] == (30, False, False)


def test_nothing_counts_while_the_rewards_are_stopped(anna, noon):
    system = homes.home(anna)
    homes.read(system, 30)
    my_sharing.stop(connection=system.connection, purpose="rewards", by=anna, now=NOW)
    system = System.objects.get()
    assert delivered(system)["pv"][0] == 0
    gateway = homes.gateway_of(system)
    assert "stopped the rewards" in my_homes.why_not_sent(gateway, system, None)
    assert "stopped the rewards" in my_homes.stages_of(gateway, system, None)[-1].hint


def test_why_nothing_is_sent_is_told_without_the_words_of_machines(signed_in, anna, villa):
    outbox.hold_queue(gateway=homes.gateway_of(villa), reason="401 Unauthorized", by="test", now=NOW)
    page = see(signed_in)
    assert "Sending is stopped until your partner has looked at it." in page
    assert "401 Unauthorized" not in page


def test_messages_that_the_network_did_not_take_are_counted_in_plain_words(signed_in, villa):
    Message.objects.update(state="held", held_reason="HTTP 422: W is positive", done_at=NOW)
    page = see(signed_in)
    assert "3 messages<span" in page
    assert "The network did not take these, or not in time." in page
    assert "HTTP 422" not in page


def test_an_account_that_needs_its_owner_is_shown_first_with_since_when_and_that_nothing_is_lost(signed_in, villa):
    connections.mark_needs_reconnect(connection=villa.connection, reason="401", now=NOW)
    page = see(signed_in)
    assert "Solis does not let us in any more." in page
    assert "June 15, 2026" in page
    assert "Nothing is lost" in page


def test_a_journey_that_is_not_finished_is_offered_beside_the_home(signed_in, anna, villa):
    journeys.begin(partner=villa.connection.partner, user=anna, now=NOW)
    assert f"You have not finished joining {villa.connection.partner.name}" in see(signed_in)


@pytest.mark.parametrize("status", sorted(Connection.Status.values))
def test_reconnect_is_always_there(signed_in, villa, status):
    Connection.objects.update(status=status)
    assert reverse("home_reconnect", args=[villa.connection.uid]) in see(signed_in)


def test_parts_that_the_vendor_refuses_are_named(signed_in, villa):
    Connection.objects.update(refused_parts={"telemetry/battery": {"since": NOW.isoformat(), "reason": "403"}})
    assert "What your battery charges and discharges, and how full it is" in see(signed_in)


def test_what_is_not_shared_is_not_shown(signed_in, villa):
    Connection.objects.update(withheld_kinds=["meter"])
    assert "exporting" not in see(signed_in)


def test_a_zone_that_does_not_exist_is_utc(signed_in, villa):
    System.objects.update(timezone="Mars/Olympus")
    assert "producing" in see(signed_in)


def test_a_home_that_staff_made_without_an_account_has_a_page(signed_in, anna):
    factories.active_gateway(owner=anna)
    assert "Position" in see(signed_in)


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_takes_as_many_queries_for_many_readings_as_for_few(
    signed_in, anna, django_assert_max_num_queries, count
):
    homes.read(homes.home(anna), 10 * count)
    with django_assert_max_num_queries(37):
        see(signed_in)
