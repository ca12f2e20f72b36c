"""The Enphase adapter against the stand-in over a connection: from the owner's consent to a day of readings."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from werkzeug.serving import make_server

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import Dropped, Refused, Tokens, VendorSystem, Window
from ingest.vendors.enphase import Enphase, telemetry
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorConsentDenied,
    VendorThrottled,
    VendorUnavailable,
    VendorUnsupported,
)
from ingest.vendors.http import VendorHttp
from sandbox.state import State
from tests.sandbox.enphase.cloud import BACK, BASIC, KEY, NOW, Cloud, answer

CONSUMPTION = {telemetry.IMPORT, telemetry.EXPORT, telemetry.BATTERY}
MORNING = Window(datetime(2026, 6, 10, 0, tzinfo=UTC), NOW)


class Portal:
    """Our side of the stand-in on a loopback port: keeps the tokens of one owner and renews them when told to."""

    def __init__(self, cloud: Cloud, port: int) -> None:
        self.cloud = cloud
        self.urls = {"api": f"http://127.0.0.1:{port}/enphase/api"}
        self.tokens = Tokens("", "", timedelta())

    def adapter(self, **app: str) -> Enphase:
        secrets = {"client_id": BASIC[0], "client_secret": BASIC[1], "api_key": KEY, **app}
        http = VendorHttp(user_agent="tests", access_token=self._access_token)
        return Enphase(secrets=secrets, urls=self.urls, http=http, clock=self.cloud.clock.now)

    def callback(self, login: str, decision: str = "approve") -> dict[str, str]:
        """Send an owner to the vendor with our link; return what the browser brings back."""
        link = self.adapter().authorize_url(state="s/42 &", redirect_uri=BACK)
        page = self.cloud.log_in(login, **dict(parse_qsl(urlsplit(link).query)))
        return answer(page if page.status_code == 302 else self.cloud.submit(page, decision=decision))

    def consent(self, login: str = "ok") -> Tokens:
        self.tokens = self.adapter().exchange(self.callback(login), redirect_uri=BACK)
        return self.tokens

    def homes(self, login: str = "ok") -> list[VendorSystem]:
        self.consent(login)
        return self.adapter().described_systems()

    def read(self, system: VendorSystem, window: Window = MORNING) -> list[tuple[DerKey, Reading]]:
        dropped = Dropped()
        readings: list[tuple[DerKey, Reading]] = []
        for page in self.adapter().fetch(system, window):
            assert not isinstance(page, Refused), page
            readings += Enphase.normalize(system, page, dropped)
        assert dropped.count == 0, dropped.reasons
        return readings

    def _access_token(self, refused: str | None) -> str:
        if refused == self.tokens.access_token:
            self.tokens = self.adapter().refresh(self.tokens.refresh_token)
        return self.tokens.access_token


@pytest.fixture
def portal() -> Iterator[Portal]:
    state = State()
    cloud = Cloud(state)
    http = make_server("127.0.0.1", 0, cloud.http.application, threaded=True)
    thread = threading.Thread(target=http.serve_forever, args=[0.01])
    thread.start()
    cloud.admin("settings", limits=False)
    yield Portal(cloud, http.server_port)
    http.shutdown()
    thread.join()
    http.server_close()
    state.close()


def moved(readings: list[Reading]) -> float:
    """Return what went into and out of a battery, in Wh."""
    return float(sum((one.energy_in_wh or 0) + (one.energy_out_wh or 0) for one in readings))


def times(readings: list[tuple[DerKey, Reading]], kind: Kind) -> list[datetime]:
    return sorted({reading.ts for key, reading in readings if key.kind is kind})


# --- consent ---------------------------------------------------------------------------------------------------------


def test_a_yes_becomes_tokens_for_a_day_and_names_the_owner(portal):
    callback = portal.callback("ok")
    assert Enphase.state_of(callback) == "s/42 &"
    given = portal.adapter().exchange(callback, redirect_uri=BACK)
    assert given.lifetime == timedelta(days=1)
    assert given.account.isdecimal()
    assert portal.consent("ok+anna").account != given.account


@pytest.mark.parametrize("login,decision", [("ok", "reject"), ("denied", "")])
def test_a_no_is_a_consent_denied(portal, login, decision):
    with pytest.raises(VendorConsentDenied):
        portal.adapter().exchange(portal.callback(login, decision), redirect_uri=BACK)


def test_a_replayed_code_is_refused(portal):
    callback = portal.callback("ok")
    portal.adapter().exchange(callback, redirect_uri=BACK)
    with pytest.raises(VendorAuthFailed) as caught:
        portal.adapter().exchange(callback, redirect_uri=BACK)
    assert callback["code"] not in str(caught.value)


def test_a_vendor_that_is_down_when_we_want_to_finish_is_unavailable(portal):
    with pytest.raises(VendorUnavailable, match="503"):
        portal.consent("vendor_down")


def test_the_application_is_tested_without_an_owner(portal):
    portal.adapter().test_application()
    with pytest.raises(VendorAuthFailed, match="client ID"):
        portal.adapter(client_secret="wrong").test_application()


def test_an_expired_token_is_renewed_on_the_way_and_the_old_pair_is_gone(portal):
    before = portal.consent()
    portal.cloud.admin("grants", login="ok", expire_access=True)
    assert portal.adapter().systems()
    assert portal.tokens.access_token != before.access_token
    with pytest.raises(VendorAuthFailed):
        portal.adapter().refresh(before.refresh_token)


@pytest.mark.parametrize("order", ["revoke", "expire_refresh"])
def test_a_consent_that_is_lost_wants_a_new_one(portal, order):
    portal.consent()
    portal.cloud.admin("grants", login="ok", expire_access=True, **{order: True})
    with pytest.raises(VendorAuthFailed) as caught:
        portal.adapter().systems()
    assert portal.tokens.refresh_token not in str(caught.value)


def test_access_that_is_taken_away_after_the_first_data_is_no_matter_of_parts(portal):
    (home,) = portal.homes("badlogin_after")
    with pytest.raises(VendorAuthFailed):
        portal.read(home)


def test_a_key_of_another_application_is_told_from_a_lost_consent(portal):
    other = {"client_id": "other", "client_secret": "other-secret", "api_key": "other-key"}
    portal.cloud.admin("apps", **other)
    portal.consent()
    with pytest.raises(VendorUnsupported, match="one and the same application"):
        portal.adapter(api_key="other-key").systems()


# --- homes -----------------------------------------------------------------------------------------------------------


def test_all_homes_of_an_owner_are_described(portal):
    homes = portal.homes("ok_two_sites")
    assert sorted([str(der.key.kind) for der in home.ders] for home in homes) == [["pv"], ["pv", "meter", "battery"]]
    assert {home.ders[0].external_id for home in homes} == {telemetry.PV_METER, telemetry.PV_MICROS}
    serials = [der.key.sn for home in homes for der in home.ders]
    assert len(set(serials)) == len(serials)
    assert all(ZoneInfo(home.timezone).key == home.timezone != "UTC" for home in homes)


def test_an_account_without_a_home_is_empty(portal):
    assert portal.homes("no_devices") == []


# --- data ------------------------------------------------------------------------------------------------------------


def test_the_flows_of_a_home_balance_and_its_energies_fit_its_power(portal):
    (home,) = portal.homes()
    flows: dict[tuple[Kind, datetime], float] = {}
    for key, reading in portal.read(home):
        if reading.power_w is not None:
            flows[key.kind, reading.ts] = reading.power_w
            net = (reading.energy_in_wh or 0) - (reading.energy_out_wh or 0)
            assert float(net) == reading.power_w / 4
            assert reading.interval_s == 900
    at = datetime(2026, 6, 10, 12, tzinfo=UTC)
    load_w = flows[Kind.METER, at] - flows[Kind.BATTERY, at] - flows[Kind.PV, at]
    assert flows[Kind.PV, at] <= 0
    assert 50 < load_w < 3000


def test_a_state_of_charge_is_a_fraction(portal):
    (home,) = portal.homes()
    charges = [reading.soc for key, reading in portal.read(home) if key.kind is Kind.BATTERY]
    assert len(charges) > 40
    assert all(soc is not None and 0 <= soc <= 1 for soc in charges)


def test_a_day_is_read_without_a_hole_although_its_windows_meet(portal):
    (home,) = portal.homes()
    noon = MORNING.start + timedelta(hours=6, minutes=7, seconds=31)
    readings = portal.read(home, Window(MORNING.start, noon)) + portal.read(home, Window(noon, MORNING.end))
    for kind in Kind:
        steps = {later - earlier for earlier, later in itertools.pairwise(times(readings, kind))}
        assert steps == {timedelta(minutes=15)}


@pytest.mark.parametrize("day,quarters", [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_days_on_which_clocks_change_are_read_whole(portal, day, quarters):
    portal.cloud.clock.set(datetime.combine(day, time(12), UTC) - timedelta(days=3), 0)
    # Of the stand-in's owners this one lives where clocks change on that day.
    (home,) = next(homes for n in range(20) if (homes := portal.homes(f"ok+{n}"))[0].timezone.startswith("Europe/"))
    portal.cloud.clock.set(datetime.combine(day, time(23), UTC) + timedelta(days=3), 0)
    zone = ZoneInfo(home.timezone)
    start, end = (datetime.combine(at, time(), zone).astimezone(UTC) for at in (day, day + timedelta(days=1)))
    cap = Enphase.policy.window_cap
    readings = portal.read(home, Window(start, start + cap)) + portal.read(home, Window(start + cap, start + 2 * cap))
    assert len([ts for ts in times(readings, Kind.METER) if start < ts <= end]) == quarters


def test_microinverters_say_what_they_make_every_five_minutes_and_nothing_at_night(portal):
    home = next(home for home in portal.homes("ok_two_sites") if home.ders[0].external_id == telemetry.PV_MICROS)
    zone = ZoneInfo(home.timezone)
    start = datetime.combine(date(2026, 6, 8), time(), zone)
    readings = [reading for _, reading in portal.read(home, Window(start, start + timedelta(hours=22)))]
    assert {reading.interval_s for reading in readings} == {300}
    assert min(reading.ts.astimezone(zone).hour for reading in readings) >= 2
    assert min(reading.power_w or 0 for reading in readings) < -500


def test_a_meter_of_five_minutes_has_the_power_of_five_minutes(portal):
    (home,) = portal.homes()
    quarters = {reading.ts: reading for key, reading in portal.read(home) if key.kind is Kind.PV}
    portal.cloud.admin("settings", meter_interval_s=300)
    fives = {reading.ts: reading for key, reading in portal.read(home) if key.kind is Kind.PV}
    at = datetime(2026, 6, 10, 10, tzinfo=UTC)
    third = [fives[at - n * timedelta(minutes=5)] for n in range(3)]
    assert {reading.interval_s for reading in third} == {300}
    assert sum(reading.energy_out_wh or 0 for reading in third) == quarters[at].energy_out_wh


def test_flat_rows_say_the_same_as_nested_ones(portal):
    (home,) = portal.homes()
    nested = portal.read(home)
    portal.cloud.admin("settings", nested=["telemetry/production_meter"])
    assert portal.read(home) == nested


def test_what_one_of_several_batteries_reports_late_is_read_later(portal):
    home = next(home for home in portal.homes("ok_two_sites") if len(home.ders) == 3)
    portal.cloud.admin("settings", late_s=86_400)
    before = [reading for key, reading in portal.read(home) if key.kind is Kind.BATTERY]
    portal.cloud.admin("settings", late_s=0)
    after = [reading for key, reading in portal.read(home) if key.kind is Kind.BATTERY]
    assert [one.ts for one in before] == [one.ts for one in after]
    assert 0 < moved(before) < moved(after)


def test_a_gap_is_a_hole_and_no_zeros(portal):
    (home,) = portal.homes()
    gap = {"system": int(home.external_id), "from": "2026-06-10T08:00:00Z", "to": "2026-06-10T09:00:00Z"}
    portal.cloud.admin("settings", gaps=[gap])
    hole = {datetime(2026, 6, 10, 8, tzinfo=UTC) + n * timedelta(minutes=15) for n in range(1, 5)}
    readings = portal.read(home)
    for kind in Kind:
        found = times(readings, kind)
        assert hole.isdisjoint(found)
        assert {min(hole) - timedelta(minutes=15), max(hole) + timedelta(minutes=15)} <= {*found}


def test_without_site_consumption_ticked_only_its_parts_stop(portal):
    (home,) = portal.homes()
    portal.cloud.admin("apps", client_id=BASIC[0], groups=["system_details", "site_production"])
    pv, *closed = portal.adapter().fetch(home, MORNING)
    assert pv.resource == telemetry.PV_METER
    assert {one.resource for one in closed if isinstance(one, Refused)} == CONSUMPTION


def test_a_plans_minute_is_waited_for_exactly(portal):
    (home,) = portal.homes()
    portal.cloud.admin("apps", client_id=BASIC[0], plan="watt")
    portal.cloud.admin("settings", limits=True)
    assert portal.read(home) == portal.read(home)
    with pytest.raises(VendorThrottled, match="plan Watt") as caught:
        portal.read(home)
    assert caught.value.retry_after == 29
    portal.cloud.clock.set(NOW + timedelta(seconds=caught.value.retry_after), 0)
    assert portal.read(home)


def test_a_home_that_is_not_the_owners_is_refused_without_blaming_the_consent(portal):
    (foreign,) = portal.homes("ok+bert")
    portal.consent("ok+anna")
    with pytest.raises(VendorUnsupported, match="403"):
        portal.read(foreign)
