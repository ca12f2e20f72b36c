"""What a caller brings for vendors goes nowhere else."""

from __future__ import annotations

import base64

import pytest
import requests
from django.db import connection
from django.test import RequestFactory
from django.views.debug import SafeExceptionReporterFilter

from ingest.passthrough import headers, ids
from ingest.passthrough.ids import Native
from ingest.readings import DerKey, Kind
from ingest.vendors.enphase import Enphase
from ingest.vendors.solaredge import SolarEdge
from ingest.vendors.solis import Solis
from tests.api.asking import fault
from tests.api.calling import backend
from tests.clouds import clouds, running_clouds

__all__ = ["clouds", "fault", "running_clouds"]  # fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.once]


MARK = "q7f3a"
VALUES = {
    "solaredge": [f"SE{MARK}-the-key"],
    "solis": [f"SI{MARK}-the-id", f"SO{MARK}-the-secret"],
    "enphase": [f"EN{MARK}-the-token", f"EK{MARK}-the-key"],
}
BASIC = base64.b64encode(":".join(VALUES["solis"]).encode()).decode()
MARKED = {
    "X-Authorization-solaredge": VALUES["solaredge"][0],
    "X-Authorization-solis": f"Basic {BASIC}",
    "X-Authorization-enphase": f"Bearer {VALUES['enphase'][0]}",
    "X-enphase-api-key": VALUES["enphase"][1],
}
QUESTIONS = (
    ("sites", {}),
    ("sites", {"format": "csv"}),
    ("batteries", {"cursor": "x"}),
    *((f"sites/{ids.encode(Native(vendor, '17'))}", {}) for vendor in VALUES),
    (f"meters/{ids.encode(Native('solaredge', '1', DerKey(Kind.METER, 'x')))}/intervals", {}),
)


def test_nothing_that_was_brought_is_logged_stored_or_answered(clouds, fault, caplog, capfd, monkeypatch):
    api = backend()
    said: list[str] = []

    def ask():
        answers = [api.get(path, query, headers={**MARKED, "Idempotency-Key": "k"}) for path, query in QUESTIONS]
        said.extend(answer.content.decode() for answer in answers)

    ask()
    for status in (200, 401, 503):  # with a page that repeats what was sent, the second time cut within it
        for vendor, values in VALUES.items():
            page = f"<p>{' '.join(values)} {'x' * 200}"
            fault(vendor, status=status, body=page[:188] + values[0], times=9)
        ask()
        requests.delete(f"{clouds}/__admin/faults", timeout=60)
    for cls in (Solis, SolarEdge, Enphase):
        monkeypatch.setattr(cls, "systems", _broken)
        monkeypatch.setattr(cls, "describe", _broken)
    ask()
    assert any("This is our fault" in one for one in said)
    assert any("***" in one for one in said)
    everything = {"answers": "".join(said), "logs": _logged(caplog, capfd), "database": _stored()}
    assert "a live question failed" in everything["logs"]
    assert "'Backend'" in everything["database"]
    assert [place for place, text in everything.items() if MARK in text or BASIC in text] == []


def _broken(adapter, *_):
    raise KeyError(str(adapter.secrets) + MARK)


def _logged(caplog, capfd):
    """All that was logged but for the lines of the stand-ins, which are another process in earnest."""
    lines = "".join(capfd.readouterr()).splitlines()
    own = [record.getMessage() + str(record.exc_text) for record in caplog.records if record.name != "werkzeug"]
    return "\n".join([*(line for line in lines if "werkzeug" not in line), *own])


def _stored():
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  the names are the database's own
            rows += cursor.fetchall()
    return f"{tables} {rows}"


def test_a_report_of_django_masks_what_was_brought():
    request = RequestFactory().get("/api/v1/sites", headers=MARKED)
    assert MARK in str(request.META)
    assert MARK not in str(SafeExceptionReporterFilter().get_safe_request_meta(request))
    assert not any(MARK in repr(way) for way in headers.brought(request.headers).values())
