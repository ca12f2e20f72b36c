"""Everything that is kept of a homeowner, taken away as CSV and as JSON, and nothing of anybody else."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from gateways.oauth import grants
from ingest.models import Der, Message, System
from onboarding import exports, journeys
from tests.factories import NOW, WALLET
from tests.oauth.world import make_app
from tests.onboarding import homes

pytestmark = pytest.mark.django_db


@pytest.fixture
def villa(anna):
    system = homes.home(anna)
    homes.read(system, 3, until=NOW)
    journeys.begin(partner=system.connection.partner, user=anna, now=NOW)
    app, _secret = make_app(system.connection.partner)
    grants.give(user=anna, client=app, gateways=[homes.gateway_of(system)], scopes=["gateways:read"], now=NOW)
    return system


@pytest.fixture
def stranger(villa):
    """Somebody else's home with the same partner."""
    system = homes.home(homes.user("bo@example.com"), villa.connection.partner, name="Strangers")
    homes.read(system, 3)
    return system


def body(user, name):
    response: Any = homes.browser(user).get(reverse(name))
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    return response.headers, b"".join(response.streaming_content)


def tables(user):
    """The CSV files by name, each as rows of columns."""
    headers, archive = body(user, "home_csv")
    assert headers["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        texts = {name.removesuffix(".csv"): files.read(name).decode("utf-8-sig") for name in files.namelist()}
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}


def as_json(user):
    headers, text = body(user, "home_json")
    assert headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    return json.loads(text)


def test_the_zip_has_a_table_of_everything_that_is_kept(anna, villa):
    found = tables(anna)
    counts = {name: len(rows) for name, rows in found.items()}
    assert counts == {
        "account": 1, "connections": 1, "homes": 1, "devices": 3, "consents": 2, "apps": 1, "journeys": 1,
        "sent": 3, "readings": 9,
    }  # fmt: skip
    (home,) = found["homes"]
    assert (home["wallet"], home["latitude"], home["timezone"]) == (WALLET, "59.330000", "Europe/Stockholm")
    assert found["consents"][0]["text"].startswith("Your readings are signed")


def test_the_json_says_the_same_as_the_zip(anna, villa):
    found, same = as_json(anna), tables(anna)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in same.items()}
    assert [list(rows[0]) for rows in found.values()] == [list(rows[0]) for rows in same.values()]


def test_readings_have_their_time_in_utc_and_at_home(anna, villa):
    reading = tables(anna)["readings"][-1]
    assert (reading["time_utc"], reading["time_local"]) == ("2026-06-15T12:00:00Z", "2026-06-15T14:00:00+02:00")
    assert (reading["kind"], reading["power_w"], reading["energy_out_wh"]) == ("meter", "-300.0", "25.000")
    (pv, *_) = as_json(anna)["readings"]
    assert (pv["power_w"], pv["soc"], pv["time_local"]) == (-2100.0, None, "2026-06-15T13:50:00+02:00")


def test_what_was_sent_tells_when_and_what(anna, villa):
    Message.objects.update(state="delivered", done_at=datetime(2026, 6, 15, 12, 1, tzinfo=UTC))
    sent = tables(anna)["sent"][0]
    assert (sent["points"], sent["state"], sent["done_at"]) == ("3", "delivered", "2026-06-15T12:01:00Z")


@pytest.mark.parametrize("name", ["home_csv", "home_json"])
def test_nobody_else_is_in_it(anna, villa, stranger, name):
    _, found = body(anna, name)
    text = found if name == "home_json" else repr(tables(anna)).encode()
    for told in ("bo@example.com", "Strangers", homes.gateway_of(stranger).serial, stranger.ders.get(kind="pv").sn):
        assert told.encode() not in text


def test_no_secret_is_in_it(anna, villa):
    assert "TOP-SECRET" not in json.dumps(as_json(anna))


def test_a_text_that_a_spreadsheet_would_take_for_a_formula_is_told_to_be_one(anna, villa):
    System.objects.update(name="=HYPERLINK(1)")
    names = ("+1", "-1", "@sum", "\tx", "\rx")
    for name in names:
        Der.objects.create(system=villa, kind="meter", sn=f"x{names.index(name)}", name=name)
    found = tables(anna)
    assert found["homes"][0]["name"] == "'=HYPERLINK(1)"
    assert {row["name"] for row in found["devices"]} == {"", *(f"'{name}" for name in names)}
    assert found["readings"][0]["power_w"] == "-2100.0"
    assert as_json(anna)["homes"][0]["name"] == "=HYPERLINK(1)"


def test_rows_come_one_by_one(anna, villa):
    rows = next(table for table in exports.TABLES if table.name == "readings").rows(anna)
    assert next(rows)[2] == "pv"
    chunks = exports.json_chunks(anna)
    assert next(chunks) == b"{"


def test_who_has_nothing_takes_away_an_empty_file(anna):
    assert as_json(anna)["readings"] == []
    assert tables(anna)["readings"] == []


def test_nobody_takes_anything_without_signing_in(client):
    for name in ("home_csv", "home_json", "home_data", "home_delete"):
        assert client.get(reverse(name)).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["home_csv", "home_json"])
def test_ten_downloads_in_five_minutes_are_enough(anna, name):
    for _ in range(10):
        body(anna, "home_json")
    assert homes.browser(anna).get(reverse(name)).status_code == 429
