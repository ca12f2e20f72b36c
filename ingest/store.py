"""Rows, messages and cursor in one transaction: what was pulled is stored and on its way, or nothing is."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter, itemgetter

from django.db import transaction
from django.db.models import F

from gateways.models import Gateway
from ingest import models, outbox, partitions, upsert
from ingest.models import Connection, Der, Message, PullRun, System
from ingest.readings import VALUES, DerKey, Kind, Quality, Reading
from ingest.sen import envelope

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Stored:
    """How much of a batch was received and how much of that was new or changed."""

    received: int
    changed: int
    messages: int


def store_readings(
    *,
    system: System,
    readings: Iterable[tuple[DerKey, Reading]],
    now: datetime,
    pulled_through: datetime | None = None,
    run: PullRun | None = None,
) -> Stored:
    """Store readings of one system, queue what is new or changed for SEN, move the cursor, count in the run.

    DERs that the vendor never listed are created, but nothing is kept of kinds that the owner withholds. A system
    without a gateway, whose gateway is released, or whose owner does not let its readings go, stores and queues nothing
    for SEN. `pulled_through` says that everything between the cursor and that time was read.
    """
    merged = merge(readings)
    partitions.ensure(ts for of_der in merged.values() for ts in of_der)
    with transaction.atomic():
        system = System.objects.select_related("gateway").select_for_update(of=("self",)).get(pk=system.pk)
        # Read when the lock is there: what the owner withdrew while we waited for it counts.
        withheld = Connection.objects.values_list("withheld_kinds", flat=True).get(pk=system.connection_id)
        merged = {key: of_der for key, of_der in merged.items() if key.kind not in withheld}
        ders = _ders(system, set(merged))
        by_id = {der.pk: der for der in ders.values()}
        readings_of = {ders[key].pk: of_der.values() for key, of_der in merged.items()}
        rows = [(pk, reading) for pk, of_der in readings_of.items() for reading in of_der]
        new, others = _split(by_id, rows)
        upsert.insert(new, received_at=now)
        changed = upsert.write(others, received_at=now)
        gateway, messages = system.gateway, []
        if gateway is not None and system.sends and gateway.status != Gateway.Status.RELEASED:
            messages = _messages(gateway, by_id, [*new, *_standing(changed)], now)
            outbox.enqueue(gateway_id=gateway.pk, messages=messages, now=now)
        _move_cursor(system, by_id, rows, pulled_through)
        if run is not None:
            PullRun.objects.filter(pk=run.pk).update(
                readings=F("readings") + len(rows),
                changed=F("changed") + len(new) + len(changed),
                window_end=pulled_through or run.window_end,
            )
    return Stored(len(rows), len(new) + len(changed), len(messages))


def merge(readings: Iterable[tuple[DerKey, Reading]]) -> dict[DerKey, dict[datetime, Reading]]:
    """Put together what pages say of the same DER and time; where both know a value, the later page wins."""
    merged: dict[DerKey, dict[datetime, Reading]] = defaultdict(dict)
    for der, reading in readings:
        of_der = merged[der]
        known = of_der.setdefault(reading.ts, reading)
        if known is not reading:
            of_der[reading.ts] = _merged(known, reading)
    return merged


def _merged(known: Reading, newer: Reading) -> Reading:
    values = {name: getattr(known, name) for name in VALUES if getattr(newer, name) is None}
    return replace(newer, interval_s=newer.interval_s or known.interval_s, **values)


def _ders(system: System, keys: set[DerKey]) -> dict[DerKey, Der]:
    found = {DerKey(Kind(der.kind), der.sn): der for der in Der.objects.filter(system=system)}
    for key in keys - found.keys():
        found[key] = Der.objects.create(system=system, kind=key.kind.value, sn=key.sn)
    return {key: found[key] for key in keys}


def _split(ders: Mapping[int, Der], rows: Sequence[upsert.Row]) -> tuple[list[upsert.Row], list[upsert.Row]]:
    """Part the readings that are newer than all we had of their DER, and so certainly new, from the others."""
    new: list[upsert.Row] = []
    others: list[upsert.Row] = []
    last = {pk: der.last_reading_at or _BEFORE_ALL for pk, der in ders.items()}
    for row in rows:
        (new if row[1].ts > last[row[0]] else others).append(row)
    return new, others


def _standing(changed: Iterable[tuple[int, datetime]]) -> Iterator[upsert.Row]:
    """Read changed readings back as they now stand in the table: SEN gets whole points, no parts."""
    times: dict[int, set[datetime]] = defaultdict(set)
    for der_id, ts in changed:
        times[der_id].add(ts)
    for der_id, of_der in times.items():
        yield from ((der_id, reading) for reading in _stored(der_id, of_der))


def _stored(der_id: int, times: set[datetime]) -> Iterator[Reading]:
    span = models.Reading.objects.filter(der=der_id, ts__range=(min(times), max(times)))
    for ts, interval_s, quality, *values in span.values_list("ts", "interval_s", "quality", *VALUES):
        if ts in times:
            known = dict(zip(VALUES, values, strict=True))
            yield Reading(ts=ts, interval_s=interval_s, quality=Quality(quality), **known)


def _messages(
    gateway: Gateway, ders: Mapping[int, Der], rows: Sequence[tuple[int, Reading]], now: datetime
) -> list[Message]:
    return [
        Message(
            gateway=gateway, der_id=der_id, payload=payload, points=len(part),
            first_ts=part[0].ts, last_ts=part[-1].ts, created_at=now,
        )
        for der_id, of_der in itertools.groupby(sorted(rows, key=itemgetter(0)), key=itemgetter(0))
        for part, payload in envelope.payloads(_points(ders[der_id], (reading for _, reading in of_der)))
    ]  # fmt: skip


def _points(der: Der, readings: Iterable[Reading]) -> Iterator[tuple[Reading, dict[str, object]]]:
    kind = Kind(der.kind)
    for reading in sorted(readings, key=attrgetter("ts")):
        point = envelope.der_object(kind, reading, make=der.make, rated_power_w=der.rated_power_w)
        if point is not None:
            yield reading, point


def _move_cursor(
    system: System, ders: Mapping[int, Der], rows: Sequence[tuple[int, Reading]], pulled_through: datetime | None
) -> None:
    newest: dict[int, datetime] = {}
    for der_id, reading in rows:
        newest[der_id] = max(newest.get(der_id, reading.ts), reading.ts)
    for ts in set(newest.values()):  # as a rule the same for all
        moved = [pk for pk, last in newest.items() if last == ts and _later(ts, ders[pk].last_reading_at)]
        Der.objects.filter(pk__in=moved).update(last_reading_at=ts)
    last = max(newest.values(), default=None)
    if _later(last, system.last_reading_at):
        system.last_reading_at = last
    if _later(pulled_through, system.pulled_through):
        system.pulled_through = pulled_through
    system.save(update_fields=["last_reading_at", "pulled_through"])


def _later(ts: datetime | None, than: datetime | None) -> bool:
    return ts is not None and (than is None or ts > than)
