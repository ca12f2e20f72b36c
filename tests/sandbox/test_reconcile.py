"""SEN pulls from the portal what it was pushed, and finds what differs: over HTTP, with a token of its own."""

from __future__ import annotations

import math
import threading
from datetime import timedelta

import pytest

from gateways import actions
from gateways.models import Client
from gateways.oauth import clients
from ingest import lifecycle, provenance, push
from ingest.models import Reading
from ingest.readings import Kind
from ingest.readings import Reading as Measured
from sandbox.__main__ import main
from tests import factories
from tests.api import homes
from tests.clouds import clouds, running_clouds
from tests.factories import NOW

__all__ = ["clouds", "running_clouds"]

LATER = "2026-06-15T13:00:00+00:00"


@pytest.fixture
def portal(live_server, clouds, settings, monkeypatch):
    settings.PUBLIC_URL = live_server.url
    monkeypatch.setattr(push, "_threads", threading.local())  # connections of other tests lead elsewhere
    return live_server.url


@pytest.fixture
def system(portal):
    """A home with PV and meter whose points were pushed to SEN."""
    gateway = factories.activate(lifecycle.register_in_sandbox(gateway=factories.gateway(), by="test", now=NOW))
    system = factories.system(gateway)
    homes.measure(system.ders.get(), homes.counted(NOW, 5))
    homes.measure(homes.add(system, Kind.METER, "a/b"), homes.hours(NOW - timedelta(hours=3), 3, energy_in_wh=250))
    deliver()
    return system


def deliver():
    assert push.push_due(clock=lambda: NOW, until=math.inf)


@pytest.fixture
def reconcile(portal, clouds, system, monkeypatch, capsys):
    """Run the command; return its exit status and what it printed."""
    sen, secret = clients.create_backend(
        partner=system.connection.partner, name="SEN", purpose=Client.Purpose.REWARDS, by="test", now=NOW,
        allowed_scopes=homes.SEN_PULLS,
    )  # fmt: skip
    monkeypatch.setenv("CLIENT_SECRET", secret)
    asked = {
        "--portal": portal, "--sandbox": clouds, "--client-id": sen.client_id, "--from": "2026-05-01T00:00:00+00:00",
        "--to": LATER,
    }  # fmt: skip
    monkeypatch.setattr("sys.argv", ["sandbox", "reconcile", *(word for pair in asked.items() for word in pair)])

    def run():
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out

    return run


def test_what_is_pulled_is_what_was_pushed_and_whatever_is_not_is_found(reconcile, system):
    serial, pv = system.gateway.serial, system.ders.get(kind="pv")
    assert reconcile() == (0, f"{serial}: 8 points pulled, 8 pushed, same\n1 gateways, 0 with differences\n")
    homes.measure(pv, [Measured(ts=NOW + timedelta(minutes=5), power_w=-1201)])  # corrected at the vendor, not sent yet
    homes.measure(pv, homes.counted(NOW + timedelta(minutes=25), 1))
    Reading.objects.filter(der=pv, ts=NOW).delete()
    status, said = reconcile()
    assert status == 1
    for found in (
        f"{serial}: 8 points pulled, 8 pushed, DIFFERS",
        f'missing: 1, such as [["{pv.sn}", 1781524800000]]',
        f'extra: 1, such as [["{pv.sn}", 1781526300000]]',
        f'changed: 1, such as [["{pv.sn}", 1781525100000]]',
    ):
        assert found in said
    deliver()
    status, said = reconcile()
    assert (status, "missing: 1" in said, "extra" in said, "changed" in said) == (1, True, False, False)


def test_a_home_that_does_not_send_yet_is_no_difference(reconcile, system):
    made = factories.gateway(system.gateway.gateway_type)
    waits = lifecycle.register_in_sandbox(gateway=made, by="test", now=NOW)
    homes.measure(factories.system(waits).ders.get(), homes.counted(NOW, 5))
    status, said = reconcile()
    assert (status, f"{waits.serial}: registered, sends nothing yet" in said) == (0, True)
    assert "2 gateways, 0 with differences" in said


def test_a_page_that_is_signed_by_a_key_sen_does_not_know_proves_nothing(reconcile, system):
    actions.rotate_key(owner=system.gateway, by="test", now=NOW)
    actions.activate_key(owner=system.gateway, by="test", now=NOW)
    status, said = reconcile()
    assert (status, said.count("unproven: ")) == (1, 2)
    assert "no key that SEN knows of this gateway has signed it" in said


def test_where_the_portal_does_not_answer_it_says_so(reconcile, monkeypatch):
    monkeypatch.setenv("CLIENT_SECRET", "another")
    status, said = reconcile()
    assert (status, said) == (2, "")


def test_where_the_portal_fails_in_the_middle_it_says_so_and_blames_no_gateway(reconcile, monkeypatch):
    monkeypatch.setattr(provenance, "signed", None)
    status, said = reconcile()
    assert (status, said.count("unproven: ")) == (2, 0)
