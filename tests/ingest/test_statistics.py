from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ingest import statistics, store
from ingest.models import System
from ingest.readings import DerKey, Kind, Quality, Reading
from ingest.statistics import Bucket, Row, Step
from tests import factories
from tests.factories import NOW

STOCKHOLM = ZoneInfo("Europe/Stockholm")
MIDNIGHT = datetime(2026, 6, 14, 22, 0, tzinfo=UTC)  # of 15 June in Stockholm
QUARTER = timedelta(minutes=15)


def row(ts, interval_s=0, power_w=None, quality="measured", soc=None, **energies):
    names = ("energy_in_wh", "energy_out_wh", "total_in_wh", "total_out_wh")
    known = {name: Decimal(energies[name]) if name in energies else None for name in names}
    return Row(ts, interval_s, power_w, soc=soc, quality=quality, **known)


def fold(rows, step=Step.HOUR, start=MIDNIGHT, end=MIDNIGHT + timedelta(hours=2), through=None):
    return statistics.fold(rows, statistics.edges_of(start, end, step, STOCKHOLM), through)


@pytest.mark.parametrize("day, hours", [(date(2026, 3, 29), 23), (date(2026, 6, 15), 24), (date(2026, 10, 25), 25)])
def test_a_day_of_a_clock_change_has_its_own_length(day, hours):
    start = statistics.midnight(day, STOCKHOLM)
    (first, last) = statistics.edges_of(start, start + timedelta(hours=1), Step.DAY, STOCKHOLM)
    assert last - first == timedelta(hours=hours)
    assert len(statistics.edges_of(first, last, Step.HOUR, STOCKHOLM)) == hours + 1
    assert len(statistics.edges_of(first, last, Step.QUARTER, STOCKHOLM)) == 4 * hours + 1


def test_a_midnight_that_the_clock_skips_is_when_the_skip_ends():
    # Beirut goes from 00:00 to 01:00 at midnight.
    cut = statistics.midnight(date(2026, 3, 29), ZoneInfo("Asia/Beirut"))
    assert cut == datetime(2026, 3, 28, 22, 0, tzinfo=UTC)


def test_months_begin_on_their_first_in_the_zone():
    edges = statistics.edges_of(NOW, NOW + timedelta(days=40), Step.MONTH, STOCKHOLM)
    assert [edge.astimezone(STOCKHOLM).strftime("%m-%d %H") for edge in edges] == ["06-01 00", "07-01 00", "08-01 00"]


def test_the_first_bucket_is_the_one_that_the_start_is_in():
    edges = statistics.edges_of(
        MIDNIGHT + timedelta(minutes=20), MIDNIGHT + timedelta(minutes=31), Step.QUARTER, STOCKHOLM
    )
    assert edges == [MIDNIGHT + QUARTER, MIDNIGHT + 2 * QUARTER, MIDNIGHT + 3 * QUARTER]


def test_energies_of_intervals_add_up_and_belong_to_where_the_interval_ends():
    rows = [row(MIDNIGHT + number * QUARTER, 900, energy_out_wh="100.5") for number in range(1, 9)]
    assert [bucket.energy_out_wh for bucket in fold(rows)] == [Decimal("402.000"), Decimal("402.000")]
    assert [bucket.readings for bucket in fold(rows)] == [4, 4]
    assert fold(rows)[0].power_w == pytest.approx(-402)
    assert not fold(rows)[0].derived


def test_a_bucket_can_be_trusted_as_far_as_the_least_of_its_readings():
    by_doubt = [Quality.SUSPECT, Quality.ESTIMATED, Quality.DERIVED, Quality.MEASURED]
    seen = [Bucket(MIDNIGHT, MIDNIGHT + QUARTER, qualities=frozenset(by_doubt[n:])).quality for n in range(5)]
    assert seen == [*by_doubt, None]
    computed = Bucket(MIDNIGHT, MIDNIGHT + QUARTER, qualities=frozenset({Quality.MEASURED}), derived=True)
    assert computed.quality is Quality.DERIVED


def test_an_interval_over_an_edge_is_shared_out_by_time():
    rows = [row(MIDNIGHT + timedelta(hours=1, minutes=15), 3600, energy_in_wh="80")]
    assert [bucket.energy_in_wh for bucket in fold(rows)] == [Decimal(60), Decimal(20)]


def test_counters_say_the_energy_where_intervals_do_not():
    rows = [
        row(MIDNIGHT + number * timedelta(minutes=30), total_in_wh=str(5000 + 40 * number), power_w=1e3)
        for number in range(5)
    ]
    first, second = fold(rows)
    assert (first.energy_in_wh, second.energy_in_wh) == (Decimal(80), Decimal(80))
    assert not first.derived


def test_a_counter_that_was_set_back_gives_no_energy():
    rows = [
        row(MIDNIGHT + timedelta(minutes=10 * number), total_out_wh=total) for number, total in enumerate(["900", "3"])
    ]
    assert fold(rows)[0].energy_out_wh is None


def test_counts_a_week_apart_are_not_given_to_a_day():
    rows = [row(MIDNIGHT, total_in_wh="1"), row(MIDNIGHT + timedelta(days=7), total_in_wh="70001")]
    days = fold(rows, Step.DAY, end=MIDNIGHT + timedelta(days=7))
    assert [bucket.energy_in_wh for bucket in days] == [None] * 7


def test_power_over_time_is_energy_where_nothing_else_is_known_and_is_marked():
    rows = [row(MIDNIGHT + timedelta(minutes=5 * number), power_w=-1200.0) for number in range(13)]
    bucket = fold(rows)[0]
    assert bucket.energy_out_wh == Decimal(1200)
    assert bucket.derived
    assert bucket.power_w == pytest.approx(-1200)


def test_power_of_both_signs_is_kept_apart():
    rows = [row(MIDNIGHT, power_w=600.0), row(MIDNIGHT + QUARTER, power_w=-600.0)]
    bucket = fold(rows)[0]
    assert (bucket.energy_in_wh, bucket.energy_out_wh) == (Decimal(75), Decimal(75))


def test_a_silence_between_two_samples_is_no_energy():
    rows = [row(MIDNIGHT, power_w=-500.0), row(MIDNIGHT + timedelta(minutes=50), power_w=-500.0)]
    bucket = fold(rows)[0]
    assert bucket.energy_out_wh is None
    assert bucket.power_w == -500


def test_the_last_state_of_charge_counts_and_every_quality_is_told():
    rows = [
        row(MIDNIGHT + QUARTER, soc=0.4),
        row(MIDNIGHT + 2 * QUARTER, soc=0.6, quality="estimated"),
        row(MIDNIGHT + 3 * QUARTER, power_w=1.0, quality="suspect"),
    ]
    first, second = fold(rows)
    assert first.soc == 0.6
    assert first.qualities == {Quality.MEASURED, Quality.ESTIMATED, Quality.SUSPECT}
    assert (second.readings, second.soc, second.power_w, second.energy_in_wh) == (0, None, None, None)


def test_a_bucket_is_complete_once_the_vendor_was_read_up_to_its_end():
    halfway = MIDNIGHT + timedelta(hours=1, minutes=30)
    assert [bucket.complete for bucket in fold([], through=halfway)] == [True, False]
    assert [bucket.complete for bucket in fold([], through=None)] == [False, False]


@pytest.mark.django_db
def test_the_buckets_of_a_der_come_from_its_own_readings():
    mine, other = factories.system(timezone="Europe/Stockholm"), factories.system()
    for system, wh in ((mine, 250), (other, 999)):
        key = DerKey(Kind.PV, system.ders.get().sn)
        readings = [
            (key, Reading(MIDNIGHT + number * QUARTER, 900, power_w=-4.0 * wh, energy_out_wh=Decimal(wh)))
            for number in range(1, 97)
        ]
        store.store_readings(system=system, readings=readings, now=NOW, pulled_through=MIDNIGHT + timedelta(days=1))
    der = System.objects.get(pk=mine.pk).ders.get()
    days = statistics.buckets(der, MIDNIGHT - timedelta(days=1), MIDNIGHT + timedelta(days=2), Step.DAY, STOCKHOLM)
    assert [bucket.energy_out_wh for bucket in days] == [None, Decimal(24000), None]
    assert [bucket.complete for bucket in days] == [True, True, False]
    assert days[1].readings == 96
