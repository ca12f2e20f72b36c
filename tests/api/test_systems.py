"""Systems and DERs: what there is to read, and who knows of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from ingest import sharing
from ingest.readings import Kind
from tests import factories
from tests.api import homes
from tests.api.calling import backend
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def serials(answer):
    return sorted(row["sn"] for row in answer.json()["data"])


def test_a_system_says_what_is_read_and_for_which_gateway():
    system = homes.sending(timezone="Europe/Stockholm", external_id="4711")
    meter = homes.add(system, Kind.METER, make="Acme", rated_power_w=5000.5)
    api = backend(system.connection.partner)
    (listed,) = api.get("systems").json()["data"]
    assert api.get(f"systems/{system.uid}").json() == listed
    ders = listed.pop("ders")
    assert listed == {
        "id": str(system.uid), "gateway": system.gateway.serial, "connection": str(system.connection.uid),
        "vendor": "solis", "external_id": "4711", "name": system.name, "timezone": "Europe/Stockholm", "sends": True,
        "shown": True, "last_reading_at": None, "read_through": None, "gone_at": None,
        "created_at": listed["created_at"],
    }  # fmt: skip
    assert [der["kind"] for der in ders] == ["meter", "pv"]
    assert ders[0] == {
        "sn": meter.sn, "kind": "meter", "gateway": system.gateway.serial, "system": str(system.uid), "name": "",
        "make": "Acme", "model": "", "rated_power_w": 5000.5, "last_reading_at": None, "gone_at": None,
        "created_at": ders[0]["created_at"],
    }  # fmt: skip
    assert api.get(f"ders/{meter.sn}").json() == ders[0]
    assert api.get(f"gateways/{system.gateway.serial}/ders", {"kind": "meter"}).json()["data"] == [ders[0]]


def test_a_time_zone_that_there_is_not_is_utc():
    system = homes.sending(timezone="Mars/Phobos")
    assert backend(system.connection.partner).get(f"systems/{system.uid}").json()["timezone"] == "UTC"


def test_homes_that_nobody_has_chosen_yet_are_known_to_the_partner_alone():
    chosen = homes.sending()
    waiting = factories.system(of=chosen.connection)
    mine = backend(chosen.connection.partner)
    assert {row["gateway"] for row in mine.get("systems").json()["data"]} == {chosen.gateway.serial, None}
    assert serials(mine.get("ders")) == sorted(system.ders.get().sn for system in (chosen, waiting))
    sen = homes.validator(chosen)
    (known,) = sen.get("systems").json()["data"]
    assert (known["id"], known["name"]) == (str(chosen.uid), None)
    assert serials(sen.get("ders")) == [chosen.ders.get().sn]
    assert sen.get(f"systems/{waiting.uid}").status_code == 404
    assert sen.get(f"ders/{waiting.ders.get().sn}").status_code == 404


def test_who_validates_rewards_knows_the_homes_that_send():
    system = homes.sending()
    sen = homes.validator(system)
    sharing.set_sharing(system=system, sends=False, shown=True, by="test", now=NOW)
    assert sen.get("systems").json()["data"] == sen.get("ders").json()["data"] == []
    assert sen.get(f"gateways/{system.gateway.serial}/ders").status_code == 404


def test_nothing_of_another_partner_is_there():
    mine, other = homes.sending(), homes.sending()
    api = backend(mine.connection.partner)
    assert [row["id"] for row in api.get("systems").json()["data"]] == [str(mine.uid)]
    assert serials(api.get("ders")) == [mine.ders.get().sn]
    for path in (f"systems/{other.uid}", f"ders/{other.ders.get().sn}", f"gateways/{other.gateway.serial}/ders"):
        assert api.get(path).status_code == 404
    for query in ({"gateway": other.gateway.serial}, {"connection": str(other.connection.uid)}):
        assert api.get("systems", query).json()["data"] == []
    assert api.get("ders", {"gateway": other.gateway.serial}).json()["data"] == []


def test_lists_are_narrowed_by_what_they_are_asked_for():
    system = homes.sending()
    partner = system.connection.partner
    enphase = factories.system(of=factories.connection(partner, vendor="enphase"))
    meter = homes.add(system, Kind.METER)
    api = backend(partner)
    for query in ({"vendor": "enphase"}, {"connection": str(enphase.connection.uid)}):
        assert [row["id"] for row in api.get("systems", query).json()["data"]] == [str(enphase.uid)]
    assert serials(api.get("ders", {"kind": "meter"})) == [meter.sn]
    assert serials(api.get("ders", {"gateway": system.gateway.serial})) == sorted(
        [meter.sn, system.ders.get(kind="pv").sn]
    )


def test_a_kind_that_its_owner_withholds_is_not_there():
    system = homes.sending()
    meter, pv = homes.add(system, Kind.METER), system.ders.get(kind="pv")
    sharing.withhold(connection=system.connection, kinds=["meter", "battery"], by="test", now=NOW)
    api = backend(system.connection.partner)
    assert serials(api.get("ders")) == serials(api.get(f"gateways/{system.gateway.serial}/ders")) == [pv.sn]
    assert [der["sn"] for der in api.get(f"systems/{system.uid}").json()["ders"]] == [pv.sn]
    assert api.get(f"ders/{meter.sn}").status_code == 404


def test_a_gateway_that_nothing_is_read_for_has_no_ders():
    gateway = factories.gateway()
    assert backend(gateway.partner).get(f"gateways/{gateway.serial}/ders").json()["data"] == []


def test_a_serial_that_several_homes_have_needs_the_gateway():
    of_type = factories.gateway_type()
    both: Any = (factories.system(factories.active_gateway(of_type)) for _ in range(2))
    first, second = both
    for system in (first, second):
        homes.add(system, Kind.METER, "1")
    api = backend(of_type.partner)
    assert api.get("ders/1").status_code == 409
    assert api.get("ders/1", {"gateway": second.gateway.serial}).json()["gateway"] == second.gateway.serial


def test_what_is_no_uid_is_no_system():
    api = backend()
    assert [api.get(f"systems/{what}").status_code for what in (uuid.uuid4(), "1", "x" * 36)] == [404, 404, 404]


@pytest.mark.parametrize("path", ["ders/%00", "ders/a%00b/telemetry", "/gateways/a%00-0123456789abcdef/jwks.json"])
def test_what_no_database_can_hold_is_not_found(path):
    assert backend().get(path).status_code == 404


def test_a_list_takes_as_many_questions_however_long_it_is():
    system = homes.sending()
    api = backend(system.connection.partner)

    def questions():
        with CaptureQueriesContext(database) as asked:
            assert api.get("systems").status_code == api.get("ders").status_code == 200
        return len(asked)

    before = questions()
    factories.system(factories.active_gateway(system.gateway.gateway_type))
    assert questions() == before
