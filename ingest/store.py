"""Rows, messages and cursor in one transaction: what was pulled is stored and on its way, or nothing is."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter

from django.db import transaction
from django.db.models import F

from ingest import outbox, partitions, upsert
from ingest.models import Der, Message, PullRun, System
from ingest.readings import VALUES, DerKey, Kind, Reading
from ingest.sen import envelope


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

    DERs that the vendor never listed are created. A system without a gateway stores and queues nothing for SEN.
    """
    merged = merge(readings)
    partitions.ensure({_hour(ts) for _, ts in merged})
    with transaction.atomic():
        system = System.objects.select_for_update(of=("self",)).get(pk=system.pk)
        ders = _ders(system, {key for key, _ in merged})
        rows = [(ders[key].pk, reading) for (key, _), reading in merged.items()]
        changed = upsert.write(rows, received_at=now)
        fresh = rows if len(changed) == len(rows) else [row for row in rows if (row[0], row[1].ts) in changed]
        messages = _messages(system, {der.pk: der for der in ders.values()}, fresh, now)
        if system.gateway_id:
            outbox.enqueue(gateway_id=system.gateway_id, messages=messages, now=now)
        _move_cursor(system, ders.values(), rows, pulled_through)
        if run is not None:
            PullRun.objects.filter(pk=run.pk).update(
                readings=F("readings") + len(rows), changed=F("changed") + len(fresh), window_end=pulled_through or run.window_end
            )
    return Stored(len(rows), len(fresh), len(messages))


def merge(readings: Iterable[tuple[DerKey, Reading]]) -> dict[tuple[DerKey, datetime], Reading]:
    """Put together what pages say of the same DER and time; where both know a value, the later page wins."""
    merged: dict[tuple[DerKey, datetime], Reading] = {}
    for der, reading in readings:
        key = (der, reading.ts)
        known = merged.get(key)
        merged[key] = reading if known is None else _merged(known, reading)
    return merged


def _merged(known: Reading, newer: Reading) -> Reading:
    missing = {name: value for name in VALUES if getattr(newer, name) is None and (value := getattr(known, name)) is not None}
    return replace(newer, **missing)


def _hour(ts: datetime) -> datetime:
    return ts.replace(minute=0, second=0, microsecond=0)


def _ders(system: System, keys: set[DerKey]) -> dict[DerKey, Der]:
    found = {DerKey(Kind(der.kind), der.sn): der for der in Der.objects.filter(system=system)}
    for key in keys - found.keys():
        found[key] = Der.objects.create(system=system, kind=key.kind.value, sn=key.sn)
    return {key: found[key] for key in keys}


def _messages(system: System, ders: dict[int, Der], rows: Sequence[tuple[int, Reading]], now: datetime) -> list[Message]:
    if system.gateway_id is None:
        return []
    ordered = sorted(rows, key=itemgetter(0))
    return [
        Message(
            gateway_id=system.gateway_id, der_id=der_id, payload=payload, points=len(part),
            first_ts=part[0].ts, last_ts=part[-1].ts, created_at=now,
        )
        for der_id, of_der in itertools.groupby(ordered, key=itemgetter(0))
        for part, payload in envelope.payloads(_points(ders[der_id], (reading for _, reading in of_der)))
    ]  # fmt: skip


def _points(der: Der, readings: Iterable[Reading]) -> Iterator[tuple[Reading, dict[str, object]]]:
    kind = Kind(der.kind)
    for reading in readings:
        point = envelope.der_object(kind, reading, make=der.make, rated_power_w=der.rated_power_w)
        if point is not None:
            yield reading, point


def _move_cursor(
    system: System, ders: Iterable[Der], rows: Sequence[tuple[int, Reading]], pulled_through: datetime | None
) -> None:
    newest: dict[int, datetime] = defaultdict(lambda: datetime.min.replace(tzinfo=rows[0][1].ts.tzinfo))
    for der_id, reading in rows:
        newest[der_id] = max(newest[der_id], reading.ts)
    for der in ders:
        if der.last_reading_at is None or newest[der.pk] > der.last_reading_at:
            Der.objects.filter(pk=der.pk).update(last_reading_at=newest[der.pk])
    if newest:
        system.last_reading_at = max(filter(None, [system.last_reading_at, *newest.values()]))
    if pulled_through is not None and (system.pulled_through is None or pulled_through > system.pulled_through):
        system.pulled_through = pulled_through
    system.save(update_fields=["last_reading_at", "pulled_through"])
