"""A day that a real SolarEdge cloud has told travels the whole way: pulled, stored, signed, pushed, in SEN's ledger."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from ingest import adapters, connections, credentials, discovery, pull, push
from ingest.models import Connection, Reading
from onboarding import actions
from tests import factories
from tests.processes import portal as real

pytestmark = pytest.mark.django_db(transaction=True)

RECORDING = Path(__file__).resolve().parents[3] / "shared/recordings/solaredge"
SITE = "3066774"
EVENING = datetime(2026, 8, 24, 17, 30, tzinfo=UTC)


@pytest.fixture
def portal(transactional_db, settings):
    if not RECORDING.is_dir():
        pytest.skip("no recording of a SolarEdge cloud beside the checkout (shared/recordings/solaredge)")
    with (
        tempfile.TemporaryDirectory(prefix="portal-") as name,
        real.running(Path(name), "--recordings", str(RECORDING)) as running,
    ):
        settings.SANDBOX_URL = running.url
        yield running


def recorded(name: str) -> dict[int, float]:
    """The recorded values by the END of their quarter hour, in Unix ms."""
    rows = json.loads((RECORDING / f"live-{name}.json").read_text())["values"]
    ends = {row["timestamp"]: datetime.fromisoformat(row["timestamp"]) + timedelta(minutes=15) for row in rows}
    return {round(ends[row["timestamp"]].timestamp() * 1000): row["value"] for row in rows if row["value"] is not None}


def test_what_stands_in_sens_ledger_is_what_the_vendor_said(portal):
    kind = factories.gateway_type()
    now = timezone.now()
    credential = credentials.add(
        partner=kind.partner,
        vendor="solaredge",
        name="fleet",
        secrets={"api_key": "sandbox-fleet-key"},
        by="test",
        now=now,
    )
    connection = connections.connect(
        partner=kind.partner, vendor="solaredge", label="fleet", credential=credential, by="test", now=now
    )
    # The vendor's ten calls a minute would make the test wait: its clock goes on by seven seconds with every look.
    ticks = itertools.count()
    clock = lambda: EVENING + timedelta(seconds=7) * next(ticks)  # noqa: E731
    discovery.discover(connection, adapters.open_account(connection, clock=clock), now)
    system = connection.systems.get(external_id=SITE)
    gateway = actions.give_gateway(system=system, gateway_type=kind, by="test", now=now)
    place = (Decimal("51.5"), Decimal("-0.1"))
    gateway = actions.bring_to_life(gateway=gateway, wallet=factories.WALLET, place=place, by="test", now=now)
    Connection.objects.filter(pk=connection.pk).update(next_pull_at=EVENING)

    assert pull.pull_connection(connection_id=connection.pk, clock=clock, until=time.monotonic() + 60)
    push.push_due(clock=timezone.now, until=time.monotonic() + 60)

    power, energy = recorded("power"), recorded("energy")
    sent = {ts: point["data"] for (_, ts), point in portal.points(gateway.serial).items()}
    assert {ts: point["W"] for ts, point in sent.items()} == {ts: -round(watts) for ts, watts in power.items()}
    stored = Reading.objects.filter(der__system=system).values_list("ts", "power_w", "energy_out_wh")
    assert {round(ts.timestamp() * 1000): watts for ts, watts, _ in stored} == pytest.approx(
        {ts: -watts for ts, watts in power.items()}
    )
    assert {round(ts.timestamp() * 1000): float(wh or 0) for ts, _, wh in stored} == pytest.approx(energy, abs=0.001)
    assert len(sent) == 44
