from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ingest.readings import DerKey, Kind, Quality, Reading, ReadingInvalid

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "values, words",
    [
        ({"ts": datetime(2026, 6, 15, 12)}, "time without a zone: 2026-06-15 12:00:00"),  # noqa: DTZ001
        ({"ts": datetime(1999, 12, 31, 23, 59, tzinfo=UTC)}, "time before 2000"),
        ({"interval_s": -1}, "an interval of -1 s"),
        ({"interval_s": 400 * 86_400}, "an interval of 34560000 s"),
        ({"power_w": float("nan")}, "power_w is not a finite number: nan"),
        ({"power_w": float("-inf")}, "power_w is not a finite number: -inf"),
        ({"energy_in_wh": Decimal("NaN")}, "energy_in_wh is not a finite number: NaN"),
        ({"power_w": 1e300}, "power_w is beyond belief: 1e.300"),
        ({"total_out_wh": Decimal(10**12)}, "total_out_wh is beyond belief: 1000000000000"),
        ({"energy_in_wh": Decimal("-0.001")}, "energy_in_wh is negative: -0.001"),
        ({"energy_out_wh": Decimal(-1)}, "energy_out_wh is negative: -1"),
        ({"total_in_wh": Decimal(-1)}, "total_in_wh is negative: -1"),
        ({"total_out_wh": Decimal(-1)}, "total_out_wh is negative: -1"),
        ({"soc": 1.01}, "soc is outside 0 to 1: 1.01"),
        ({"soc": -0.01}, "soc is outside 0 to 1: -0.01"),
        ({"soc": float("nan")}, "soc is not a finite number: nan"),
        ({"power_w": None}, "no value at all"),
    ],
)
def test_what_cannot_be_true_is_refused_with_words(values, words):
    with pytest.raises(ReadingInvalid, match=words):
        Reading(**{"ts": NOON, "power_w": 1.0, **values})


def test_limits_are_inside():
    Reading(ts=datetime(2000, 1, 1, tzinfo=UTC), soc=0)
    Reading(ts=NOON, soc=1, power_w=-(10.0**11), total_in_wh=Decimal(0), interval_s=366 * 86_400)


def test_a_reading_may_be_five_minutes_ahead_and_no_more():
    Reading(ts=NOON + timedelta(minutes=5), power_w=1).check_not_ahead(NOON)
    with pytest.raises(ReadingInvalid, match="2026-06-15T12:05:00.001000\\+00:00 lies more than 5 minutes ahead"):
        Reading(ts=NOON + timedelta(minutes=5, milliseconds=1), power_w=1).check_not_ahead(NOON)


def test_time_becomes_utc_to_the_millisecond():
    local = datetime(2026, 6, 15, 14, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))
    reading = Reading(ts=local, power_w=1)
    assert (reading.ts, reading.ts.tzinfo) == (datetime(2026, 6, 15, 12, 0, 0, 123_000, tzinfo=UTC), UTC)


def test_power_and_energy_of_either_sign_are_kept_as_they_are():
    reading = Reading(ts=NOON, power_w=-1500.5, current_a=-3.75, temperature_c=-20.0, energy_out_wh=Decimal("12.345"))
    assert (reading.power_w, reading.current_a, reading.temperature_c) == (-1500.5, -3.75, -20.0)
    assert reading.energy_out_wh == Decimal("12.345")


@pytest.mark.parametrize("sn", ["", "x" * 101, "a\x00b", "line\n"])
def test_what_is_no_serial_is_refused(sn):
    with pytest.raises(ReadingInvalid, match="not a serial: "):
        DerKey(Kind.METER, sn)


def test_a_reading_shown_to_people_leaves_out_what_is_unknown():
    reading = Reading(ts=NOON, interval_s=900, energy_out_wh=Decimal("1.5"), quality=Quality.DERIVED)
    assert reading.as_dict() == {
        "ts": "2026-06-15T12:00:00Z",
        "interval_s": 900,
        "energy_out_wh": 1.5,
        "quality": "derived",
    }
