"""What a DER measured, as SEN pulls it."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
import time_machine
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from gateways import actions
from gateways.models import Client
from gateways.oauth import clients, grants
from ingest import sharing
from ingest.models import Message
from ingest.readings import VALUES, Kind, Quality, Reading
from ingest.sen import envelope, points
from tests import factories
from tests.api import homes
from tests.api.calling import Api, backend, token_of
from tests.api.homes import STEP
from tests.factories import NOW

NOW_MS = 1781524800000
WINDOW = {"from": "2026-06-15T12:00:00Z", "to": "2026-06-15T18:00:00Z"}


@pytest.fixture
def pv(db):
    """The PV of a home that sends, measured six times from noon."""
    der = homes.sending(timezone="Europe/Stockholm").ders.get()
    homes.measure(der, homes.counted(NOW, 6))
    return der


@pytest.fixture
def sen(pv):
    return homes.validator(pv.system)


def path(der):
    return f"ders/{der.sn}/telemetry"


def times(answer):
    return [(row["timestamp"] - NOW_MS) // 60_000 for row in answer.json()["data"]]


def slug(answer):
    return answer.json()["type"].rpartition("#")[2]


_VALUE = {
    **dict.fromkeys(VALUES, st.none() | st.floats(-1e6, 1e6).map(lambda value: round(value, 4))),
    "soc": st.none() | st.floats(0, 1),
    **dict.fromkeys(
        ("energy_in_wh", "energy_out_wh", "total_in_wh", "total_out_wh"),
        st.none()
        | st.decimals(0, 10**9, places=3)
        | st.decimals(0, 1000, places=0).map(lambda wh: wh + Decimal("0.5")),
    ),
}
READINGS = st.builds(
    Reading, ts=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    interval_s=st.sampled_from([0, 300, 3600]), **{**_VALUE, "temperature_c": st.floats(-40, 90)},
)  # fmt: skip


@pytest.mark.once
@given(
    reading=READINGS, kind=st.sampled_from(Kind), make=st.sampled_from(["", "Solis"]), rated=st.none() | st.just(8200.4)
)
def test_a_row_gives_the_very_point_that_sen_was_sent(reading, kind, make, rated):
    row = [envelope.milliseconds(reading), *(getattr(reading, column) for column in points.columns(kind))]
    sent = envelope.der_object(kind, reading, make=make, rated_power_w=rated)
    served = list(points.der_objects(kind, [row], make=make, rated_power_w=rated))
    assert served == ([sent] if sent else [])
    assert [list(point) for point in served] == ([list(sent)] if sent else [])  # also in this order


@pytest.mark.parametrize("kind", Kind)
def test_what_comes_out_of_the_table_is_what_went_to_sen(db, kind):
    der = homes.add(homes.sending(), kind, make="Acme", rated_power_w=5000)
    values: dict[str, Any] = {
        "soc": 0.5, "voltage_v": 51.2, "current_a": -3.5, "frequency_hz": 49.98, "temperature_c": 41.25,
    }  # fmt: skip
    homes.measure(der, [
        Reading(ts=NOW, power_w=-99.5, total_in_wh=Decimal("2.5"), total_out_wh=Decimal("3.500"), **values),
        Reading(ts=NOW + timedelta(milliseconds=1), interval_s=900, energy_out_wh=Decimal("12.345")),
        Reading(ts=NOW + STEP, power_w=7.4, total_out_wh=Decimal("999999999.999")),
    ])  # fmt: skip
    payloads = [orjson.loads(message.payload) for message in Message.objects.filter(der=der)]
    sent = {int(ms): point for payload in payloads for ms, point in payload.items()}
    served = homes.validator(der.system).get(path(der), WINDOW).json()
    assert {point["timestamp"]: point for point in served["data"]} == sent
    assert len(sent) == 3
    assert {name: served[name] for name in ("gateway", "sn", "kind", "resolution", "timezone", "next_cursor")} == {
        "gateway": der.system.gateway.serial, "sn": der.sn, "kind": str(kind), "resolution": "raw", "timezone": "UTC",
        "next_cursor": None,
    }  # fmt: skip


def test_points_come_in_order_from_the_start_on_and_before_the_end(pv, sen):
    asked = {"from": "2026-06-15T12:05:00Z", "to": "2026-06-15T12:20:00Z"}
    assert times(sen.get(path(pv), asked)) == [5, 10, 15]


@pytest.mark.parametrize("start", ["2026-06-15T14:20:00+02:00", str(NOW_MS + 20 * 60_000), "2026-06-15T12:20:00.000Z"])
def test_a_time_is_said_with_its_offset_or_in_milliseconds(pv, sen, start):
    assert times(sen.get(path(pv), {**WINDOW, "from": start})) == [20, 25]


def test_without_a_window_it_is_the_last_24_hours(pv, sen):
    with time_machine.travel(NOW + timedelta(hours=24, minutes=10), tick=False):
        sen.token = token_of(Client.objects.get())
        api = Api(sen.token)
        assert times(api.get(path(pv))) == [10, 15, 20, 25]


def test_rows_that_come_meanwhile_are_on_a_page_to_come_and_none_comes_twice(pv, sen):
    first = sen.get(path(pv), {**WINDOW, "limit": 4})
    homes.measure(pv, homes.counted(NOW + 6 * STEP, 2))
    homes.measure(pv, [Reading(ts=NOW + timedelta(minutes=17), power_w=-1)])  # between the pages
    rest = sen.get(path(pv), {**WINDOW, "limit": 4, "cursor": first.json()["next_cursor"]})
    assert (times(first), times(rest)) == ([0, 5, 10, 15], [17, 20, 25, 30])
    last = sen.get(rest["Link"].partition("<")[2].partition(">")[0].removeprefix("http://testserver"))
    assert (times(last), last.json()["next_cursor"]) == ([35], None)


def test_a_cursor_goes_on_to_the_end_it_began_with_also_days_later(pv, sen):
    with time_machine.travel(NOW + timedelta(minutes=12), tick=False):
        first = Api(token_of(Client.objects.get())).get(path(pv), {"limit": 2})
    assert times(first) == [0, 5]
    later = sen.get(path(pv), {"cursor": first.json()["next_cursor"]})
    assert (times(later), later.json()["next_cursor"]) == ([10], None)


def test_a_page_whose_readings_have_no_place_in_sens_model_is_not_the_last(pv, sen):
    homes.measure(pv, [Reading(ts=NOW + timedelta(minutes=number), voltage_v=230) for number in (1, 2)])
    first = sen.get(path(pv), {**WINDOW, "limit": 3})
    assert times(first) == [0]
    assert times(sen.get(path(pv), {**WINDOW, "cursor": first.json()["next_cursor"]})) == [5, 10, 15, 20, 25]


def test_late_and_changed_points_are_found_by_when_they_were_received(pv, sen):
    later = NOW + timedelta(days=1)
    late = [Reading(ts=NOW + timedelta(minutes=1), power_w=-5), Reading(ts=NOW + STEP, power_w=-7)]
    homes.measure(pv, late, now=later)
    assert times(sen.get(path(pv), {**WINDOW, "received_after": NOW.isoformat()})) == [1, 5]
    assert times(sen.get(path(pv), {**WINDOW, "received_after": later.isoformat()})) == []


@pytest.mark.parametrize(
    "query,field,kind",
    [
        ({"from": "2026-05-01T00:00:00Z", "to": "2026-06-01T00:00:00.001Z"}, "from", "window-too-long"),
        ({"from": "2026-06-15T18:00:00Z", "to": "2026-06-15T18:00:00Z"}, "from", "invalid-request"),
        ({"from": "2026-06-15T12:00:00"}, "from", "invalid-request"),
        ({"from": "yesterday"}, "from", "invalid-request"),
        ({"to": "9999-12-31T23:59:59-10:00"}, "to", "invalid-request"),
        ({"to": "9999999999999"}, "to", "invalid-request"),
        ({"from": "1"}, "from", "invalid-request"),
        ({"limit": "5001"}, "limit", "invalid-request"),
        ({"resolution": "5m"}, "resolution", "invalid-request"),
        ({"resolution": "1h", "received_after": "2026-06-15T12:00:00Z"}, "received_after", "invalid-request"),
        ({"cursor": "MTI"}, "cursor", "invalid-request"),
        ({"cursor": "WzEsMl0"}, "cursor", "invalid-request"),  # [1,2]
        ({"cursor": "Wzk0NjY4NDgwMDAwMCwxNzgxNTI0ODAwMDAwXQ"}, "cursor", "invalid-request"),  # 26 years
        ({"cursor": "WzE3ODE1MjQ4MDAwMDAsMTc4MTUyNDgwMDAwMF0"}, "cursor", "invalid-request"),  # of nothing
    ],
)
def test_a_window_that_cannot_be_is_refused_with_what_to_do(pv, sen, query, field, kind):
    refused = sen.get(path(pv), query)
    assert (refused.status_code, slug(refused)) == (400, kind)
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_a_window_of_31_days_is_none_too_long(pv, sen):
    asked = {"from": "2026-05-16T00:00:00Z", "to": "2026-06-16T00:00:00Z"}
    assert len(times(sen.get(path(pv), asked))) == 6


def test_buckets_are_those_of_the_homes_own_calendar(pv, sen):
    whole = sen.get(path(pv), {**WINDOW, "resolution": "1d"}).json()
    assert whole["timezone"] == "Europe/Stockholm"
    (day,) = whole["data"]
    assert (day["start"], day["end"]) == (1781474400000, 1781560800000)  # 22:00 the evening before, in UTC
    assert day == {
        "start": 1781474400000, "end": 1781560800000, "power_w": -1200.0, "generation_wh": 500.0, "points": 6,
        "quality": "measured", "complete": False,
    }  # fmt: skip


def test_a_bucket_that_was_not_read_to_its_end_is_not_complete_and_one_without_data_knows_nothing(pv, sen):
    asked = {"from": "2026-06-15T12:00:00Z", "to": "2026-06-15T13:00:00Z", "resolution": "15m"}
    quarters = sen.get(path(pv), asked).json()["data"]
    assert [one["complete"] for one in quarters] == [True, False, False, False]
    assert [one["points"] for one in quarters] == [3, 3, 0, 0]
    assert (quarters[3]["power_w"], quarters[3]["generation_wh"], quarters[3]["quality"]) == (None, None, None)


def test_buckets_come_in_pages_too(pv, sen):
    asked = {**WINDOW, "resolution": "1h", "limit": 4}
    first = sen.get(path(pv), asked).json()
    rest = sen.get(path(pv), {**asked, "cursor": first["next_cursor"]}).json()
    hours = [(row["start"] - NOW_MS) // 3_600_000 for page in (first, rest) for row in page["data"]]
    assert (hours, rest["next_cursor"]) == (list(range(6)), None)


@pytest.mark.parametrize(
    "kind,names", [(Kind.BATTERY, {"charge_wh", "discharge_wh", "soc"}), (Kind.METER, {"import_wh", "export_wh"})]
)
def test_energies_are_named_by_what_they_are_for_a_kind(db, kind, names):
    der = homes.add(homes.sending(), kind)
    homes.measure(der, homes.hours(NOW, 1, energy_in_wh=80, energy_out_wh=20))
    (hour,) = homes.validator(der.system).get(path(der), {**WINDOW, "resolution": "1h", "limit": 1}).json()["data"]
    assert hour.keys() - {"start", "end", "power_w", "points", "quality", "complete"} == names
    assert [hour[name] for name in sorted(names - {"soc"})] == ([80, 20] if kind is Kind.BATTERY else [20, 80])
    assert hour["power_w"] == 60


def test_the_worst_quality_is_that_of_the_bucket(pv, sen):
    homes.measure(pv, [Reading(ts=NOW + timedelta(minutes=2), power_w=-1, quality=Quality.ESTIMATED)])
    quarters = sen.get(path(pv), {**WINDOW, "resolution": "15m", "limit": 2}).json()["data"]
    assert [one["quality"] for one in quarters] == ["estimated", "measured"]


def test_an_energy_that_was_computed_from_power_is_derived(db):
    der = homes.sending().ders.get()
    homes.measure(der, [Reading(ts=NOW + number * STEP, power_w=-600) for number in range(4)])
    (quarter,) = homes.validator(der.system).get(path(der), {**WINDOW, "resolution": "15m", "limit": 1}).json()["data"]
    assert (quarter["generation_wh"], quarter["quality"]) == (150, "derived")


def test_a_serial_with_signs_of_an_address_in_it_is_found(db):
    der = homes.add(homes.sending(), Kind.METER, "a/b telemetry?#é")
    homes.measure(der, [Reading(ts=NOW, power_w=5)])
    api = homes.validator(der.system)
    quoted = "a%2Fb%20telemetry%3F%23%C3%A9"
    assert times(api.get(f"ders/{quoted}/telemetry", WINDOW)) == [0]
    assert api.get(f"ders/{quoted}").json()["sn"] == der.sn


def test_of_two_homes_with_one_serial_the_gateway_tells_which(db):
    of_type = factories.gateway_type()
    systems: Any = [factories.system(factories.active_gateway(of_type)) for _ in range(2)]
    for number, system in enumerate(systems):
        homes.measure(homes.add(system, Kind.METER, "1"), [Reading(ts=NOW, power_w=float(number))])
    api = homes.validator(systems[0])
    unclear = api.get("ders/1/telemetry", WINDOW)
    assert (unclear.status_code, slug(unclear)) == (409, "serial-ambiguous")
    assert "?gateway=" in unclear.json()["detail"]
    found = api.get("ders/1/telemetry", {**WINDOW, "gateway": systems[1].gateway.serial}).json()
    assert [point["W"] for point in found["data"]] == [1]


def test_a_serial_that_another_partner_has_too_is_clear(db):
    mine, other = homes.sending(), homes.sending()
    for system in (mine, other):
        homes.add(system, Kind.METER, "1")
    assert homes.validator(mine).get("ders/1/telemetry", WINDOW).status_code == 200
    hidden = homes.validator(mine).get("ders/1/telemetry", {**WINDOW, "gateway": other.gateway.serial})
    assert hidden.status_code == 404


def test_only_homes_whose_owners_agreed_to_what_the_client_is_for_are_seen(pv, sen):
    service = backend(pv.system.connection.partner)

    def seen():
        return [api.get(path(pv), WINDOW).status_code for api in (sen, service)]

    assert seen() == [200, 200]
    sharing.set_sharing(system=pv.system, sends=False, shown=True, by="test", now=NOW)
    assert seen() == [404, 200]
    sharing.set_sharing(system=pv.system, sends=True, shown=False, by="test", now=NOW)
    assert seen() == [200, 404]
    sharing.set_sharing(system=pv.system, sends=False, shown=False, by="test", now=NOW)
    assert seen() == [404, 404]


def test_what_was_read_of_a_kind_that_is_withheld_since_is_not_served(pv, sen):
    meter = homes.add(pv.system, Kind.METER)
    homes.measure(meter, [Reading(ts=NOW, power_w=5)])
    sharing.withhold(connection=pv.system.connection, kinds=["pv"], by="test", now=NOW)
    assert [sen.get(path(der), WINDOW).status_code for der in (pv, meter)] == [404, 200]


def test_a_homeowners_app_sees_the_homes_that_were_ticked_and_only_with_the_consent_to_read(pv, django_user_model):
    anna = django_user_model.objects.create_user("anna@example.com")
    villa = pv.system.gateway
    cabin = factories.active_gateway(villa.gateway_type)
    type(villa).objects.filter(pk__in=[villa.pk, cabin.pk]).update(owner=anna)
    app, _ = clients.create_app(
        partner=villa.partner, name="App", redirect_uris=["https://app.example/back"],
        allowed_scopes=["gateways:read", "telemetry:read"], by="test", now=NOW,
    )  # fmt: skip
    api = Api(token_of(app, anna))

    def seen(gateway, *scopes):
        grants.give(user=anna, client=app, gateways=[gateway], scopes=scopes, now=NOW)
        return [api.get(address, query).status_code for address, query in ((path(pv), WINDOW), (f"ders/{pv.sn}", {}))]

    assert seen(cabin, "gateways:read", "telemetry:read") == [404, 404]
    assert seen(villa, "gateways:read") == [403, 200]
    assert seen(villa, "gateways:read", "telemetry:read") == [200, 200]


def test_a_homeowners_app_sees_the_kinds_of_devices_that_were_ticked(pv, django_user_model):
    anna = django_user_model.objects.create_user("anna@example.com")
    meter, villa = homes.add(pv.system, Kind.METER), pv.system.gateway
    type(villa).objects.filter(pk=villa.pk).update(owner=anna)
    app, _ = clients.create_app(
        partner=villa.partner, name="App", redirect_uris=["https://app.example/back"],
        allowed_scopes=["gateways:read", "telemetry:read"], by="test", now=NOW,
    )  # fmt: skip
    grants.give(user=anna, client=app, gateways=[villa], scopes=app.allowed_scopes, kinds=["meter"], now=NOW)
    api = Api(token_of(app, anna))
    assert [row["sn"] for row in api.get("ders").json()["data"]] == [meter.sn]
    assert [row["sn"] for row in api.get("systems").json()["data"][0]["ders"]] == [meter.sn]
    assert [api.get(path(der), WINDOW).status_code for der in (pv, meter)] == [404, 200]
    day = api.get(f"gateways/{villa.serial}/energy", {"date": "2026-06-15"}).json()
    assert [row["sn"] for row in day["data"]] == [meter.sn]
    assert (day["home"]["generation_wh"], day["home"]["consumption_wh"]) == (None, None)


def test_the_scope_to_see_gateways_is_none_to_read_them(pv):
    assert backend(pv.system.connection.partner, "gateways:read").get(path(pv), WINDOW).status_code == 403


def test_points_are_a_table_where_that_is_asked_for(pv, sen):
    table = sen.get(path(pv), {**WINDOW, "format": "csv", "limit": 2})
    rows = list(csv.DictReader(table.content.decode("utf-8-sig").splitlines()))
    assert [row["W"] for row in rows] == ["-1200", "-1200"]
    assert 'rel="next"' in table["Link"]
    buckets = sen.get(path(pv), {**WINDOW, "format": "csv", "resolution": "1h"}).content.decode("utf-8-sig")
    assert buckets.startswith("start,end,power_w,generation_wh,")


def test_a_page_is_compressed_for_who_takes_that_and_not_sent_again(pv, sen):
    plain = sen.get(path(pv), WINDOW)
    short = sen.get(path(pv), WINDOW, {"Accept-Encoding": "gzip"})
    assert (short["Content-Encoding"], gzip.decompress(short.content)) == ("gzip", plain.content)
    assert "Accept-Encoding" in short["Vary"]
    for etag in (plain["ETag"], short["ETag"]):
        again = sen.get(path(pv), WINDOW, {"Accept-Encoding": "gzip", "If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
    homes.measure(pv, homes.counted(NOW + 6 * STEP, 1))
    assert sen.get(path(pv), WINDOW, {"If-None-Match": short["ETag"]}).status_code == 200


def test_a_page_takes_as_many_questions_however_many_points_it_has(pv, sen):
    def questions(limit):
        with CaptureQueriesContext(database) as asked:
            sen.get(path(pv), {**WINDOW, "limit": limit})
        return len(asked)

    questions(1)
    assert questions(1) == questions(1000) <= 4


def test_a_released_home_is_sens_no_more(pv, sen):
    actions.release_gateway(gateway=pv.system.gateway, by="test", now=NOW)
    assert sen.get(path(pv), WINDOW).status_code == 404
