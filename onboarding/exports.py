"""Everything that is kept of a homeowner, to take away: as CSV files in a ZIP, or as one JSON.

Rows go from the database into the file as they come, so that years of readings need no memory.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import IO, Any

import orjson
from django.contrib.auth.models import User

from gateways.models import Gateway, GatewayGrant
from gateways.spreadsheets import cell
from ingest.models import Connection, Der, Message, Reading
from ingest.readings import VALUES
from onboarding import my_homes
from onboarding.models import Consent, Journey

_CHUNK = 5000
_Row = Sequence[Any]


@dataclass(frozen=True)
class Table:
    """One kind of thing that is kept: its name, its columns, and its rows for a user."""

    name: str
    columns: Sequence[str]
    rows: Callable[[User], Iterator[_Row]]


def write_zip(user: User, file: IO[bytes]) -> None:
    """Write a ZIP with a CSV a table, in UTF-8 with a mark that spreadsheets look for."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in TABLES:
            with archive.open(f"{table.name}.csv", "w") as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
                writer = csv.writer(text)
                writer.writerow(table.columns)
                writer.writerows([cell(value) for value in row] for row in table.rows(user))


def json_chunks(user: User) -> Iterator[bytes]:
    """Yield one JSON object: a list of objects a table."""
    yield b"{"
    for place, table in enumerate(TABLES):
        yield (b"," if place else b"") + orjson.dumps(table.name) + b":["
        for number, row in enumerate(table.rows(user)):
            known = dict(zip(table.columns, map(_plain, row), strict=True))
            yield (b",\n" if number else b"\n") + orjson.dumps(known)
        yield b"]"
    yield b"}\n"


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _account(user: User) -> Iterator[_Row]:
    yield user.email, user.first_name, user.last_name, user.date_joined, user.last_login


def _connections(user: User) -> Iterator[_Row]:
    for row in Connection.objects.filter(owner=user).select_related("partner").order_by("pk"):
        yield (
            row.uid, row.partner.name, row.vendor, row.label, row.get_status_display(), row.created_at,
            row.last_success_at, row.disconnected_at, row.withheld_kinds,
        )  # fmt: skip


def _homes(user: User) -> Iterator[_Row]:
    for row in _gateways(user).select_related("partner", "wallet", "coordinates", "system"):
        system, place = my_homes.system_of(row), row.coordinates
        yield (
            row.serial, row.partner.name, system.name if system else row.name, row.get_status_display(),
            system.timezone if system else "", row.wallet.address if row.wallet else "",
            row.wallet.proven_at if row.wallet else None, place.latitude if place else None,
            place.longitude if place else None, place.source if place else "", row.created_at,
        )  # fmt: skip


def _devices(user: User) -> Iterator[_Row]:
    for row in _ders(user):
        serial = row.system.gateway.serial if row.system.gateway else ""
        yield serial, row.sn, row.kind, row.name, row.make, row.model, row.rated_power_w, row.last_reading_at


def _consents(user: User) -> Iterator[_Row]:
    for row in Consent.objects.filter(user=user).select_related("partner", "connection").order_by("given_at", "pk"):
        yield (
            row.uid, row.partner.name, row.vendor, row.connection.uid if row.connection else None, row.purpose,
            row.kinds, row.text_version, row.text, row.language, row.given_at, row.expires_at, row.ended_at, row.ending,
        )  # fmt: skip


def _apps(user: User) -> Iterator[_Row]:
    rows = GatewayGrant.objects.filter(user=user).select_related("client__partner", "gateway")
    for row in rows.order_by("given_at", "pk"):
        yield (
            row.client.name, row.client.partner.name, row.gateway.serial, row.scopes, row.kinds, row.given_at,
            row.last_used_at, row.ended_at,
        )  # fmt: skip


def _journeys(user: User) -> Iterator[_Row]:
    rows = Journey.objects.filter(user=user).select_related("partner").prefetch_related("entries")
    for journey in rows.order_by("created_at", "pk"):
        for entry in journey.entries.all():
            yield journey.uid, journey.partner.name, entry.at, entry.what, entry.detail


def _sent(user: User) -> Iterator[_Row]:
    for gateway in _gateways(user):
        messages = Message.objects.filter(gateway=gateway).order_by("pk")
        columns = ("der__sn", "first_ts", "last_ts", "points", "state", "created_at", "done_at", "payload")
        for row in messages.values_list(*columns).iterator(chunk_size=_CHUNK):
            yield gateway.serial, *row


def _readings(user: User) -> Iterator[_Row]:
    for der in _ders(user):
        zone = my_homes.zone_of(der.system)
        serial = der.system.gateway.serial if der.system.gateway else ""
        rows = Reading.objects.filter(der=der).order_by("ts").values_list("ts", "interval_s", "quality", *VALUES)
        for ts, *values in rows.iterator(chunk_size=_CHUNK):
            yield serial, der.sn, der.kind, ts.astimezone(UTC), ts.astimezone(zone), *values


def _gateways(user: User) -> Any:
    return Gateway.objects.filter(owner=user).order_by("pk")


def _ders(user: User) -> Any:
    mine = Der.objects.filter(system__connection__owner=user) | Der.objects.filter(system__gateway__owner=user)
    return mine.select_related("system__gateway", "system__connection").order_by("pk")


TABLES = (
    Table("account", ("email", "first_name", "last_name", "joined_at", "last_sign_in_at"), _account),
    Table(
        "connections",
        ("id", "partner", "brand", "label", "state", "created_at", "last_read_at", "disconnected_at", "not_shared"),
        _connections,
    ),
    Table(
        "homes",
        (
            "home", "partner", "name", "state", "timezone", "wallet", "wallet_proven_at", "latitude", "longitude",
            "position_source", "created_at",
        ),
        _homes,
    ),
    Table(
        "devices", ("home", "device", "kind", "name", "make", "model", "rated_power_w", "last_reading_at"), _devices
    ),
    Table(
        "consents",
        (
            "id", "partner", "brand", "connection", "purpose", "kinds", "text_version", "text", "language", "given_at",
            "expires_at", "ended_at", "ending",
        ),
        _consents,
    ),
    Table("apps", ("app", "partner", "home", "may", "kinds", "given_at", "last_used_at", "ended_at"), _apps),
    Table("journeys", ("journey", "partner", "at", "what", "detail"), _journeys),
    Table(
        "sent",
        ("home", "device", "first_at", "last_at", "points", "state", "created_at", "done_at", "payload"),
        _sent,
    ),
    Table(
        "readings",
        ("home", "device", "kind", "time_utc", "time_local", "interval_s", "quality", *VALUES),
        _readings,
    ),
)  # fmt: skip
