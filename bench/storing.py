"""Stores readings, as pulls do, beside a bare COPY of the same rows into another copy of the partitioned table."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

import bench.portal  # noqa: F401  before the models
from bench import fleet, role
from ingest import partitions, store
from ingest.models import Der, System
from ingest.readings import DerKey, Kind, Reading

_START = datetime(2026, 1, 1, tzinfo=UTC)
_MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
_STEP = timedelta(minutes=5)
_FILL = """
    INSERT INTO ingest_reading (der_id, ts, interval_s, power_w, total_in_wh, total_out_wh, soc, quality, received_at)
    SELECT d.id, %s + n * interval '5 minutes', 0, -1000 - n %% 5000, 1000000 + n, 18000000 + 80 * n, 0.5, 'measured',
        now()
    FROM generate_series(0, %s) AS n CROSS JOIN ingest_der AS d ON CONFLICT DO NOTHING"""

_Rows = Sequence[tuple[DerKey, Reading]]


class _Homes:
    """Systems with a PV, a battery and a meter each, that bring their readings in turn."""

    def __init__(self, count: int) -> None:
        self._systems = fleet.make(count, *Kind)
        self._turn = itertools.cycle(self._systems)
        self._steps = dict.fromkeys((system.pk for system in self._systems), 0)  # how far each one's readings go
        self._ders = {(der.system_id, der.sn): der.pk for der in Der.objects.all()}
        self._copy = _Copy()

    def fill(self, rows: int) -> None:
        """Bring both tables to about `rows` rows, every DER having the same times."""
        last = max(rows // len(self._ders), *self._steps.values()) - 1
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute(_FILL, [_START, last])
            cursor.execute("INSERT INTO bench_reading SELECT * FROM ingest_reading ON CONFLICT DO NOTHING")
        self._steps = dict.fromkeys(self._steps, last + 1)
        Der.objects.update(last_reading_at=_START + last * _STEP)

    def measure(self, points: int, batches: int) -> dict[str, list[float]]:
        """Store `batches` times `points` new readings of each DER of one system; return the seconds each way took."""
        seconds: dict[str, list[float]] = {"store": [], "copy": []}
        for number in range(batches):
            system = next(self._turn)
            ways = self._ways(system, points)
            for way in sorted(ways, reverse=bool(number % 2)):
                seconds[way].append(_seconds(ways[way]))
        return seconds

    def _ways(self, system: System, points: int) -> dict[str, Callable[[], Any]]:
        first = self._steps[system.pk]
        self._steps[system.pk] += points
        readings = _readings(system, first, points)
        now, through = timezone.now(), readings[-1][1].ts
        rows = [self._copy.row(self._ders[system.pk, key.sn], reading, now) for key, reading in readings]
        return {
            "store": lambda: store.store_readings(system=system, readings=readings, now=now, pulled_through=through),
            "copy": lambda: self._copy.write(rows),
        }


class _Copy:
    """The bare COPY, into `bench_reading`: columns, types, keys and months are those of the real table."""

    def __init__(self) -> None:
        partitions.ensure(_MONTHS)
        with database.cursor() as cursor:
            cursor.execute("CREATE TABLE bench_reading (LIKE ingest_reading INCLUDING ALL) PARTITION BY RANGE (ts)")
            for first, following in itertools.pairwise([*_MONTHS, datetime(2027, 1, 1, tzinfo=UTC)]):
                cursor.execute(
                    f"CREATE TABLE bench_reading_{first.month} PARTITION OF bench_reading"
                    f" FOR VALUES FROM ('{first}') TO ('{following}')"
                )
            cursor.execute(
                "SELECT attname, atttypid FROM pg_attribute"
                " WHERE attrelid = 'bench_reading'::regclass AND attnum > 0 ORDER BY attnum"
            )
            self._columns, self._types = zip(*cursor.fetchall(), strict=True)

    def row(self, der_id: int, reading: Reading, received_at: datetime) -> list[Any]:
        others = {"der_id": der_id, "received_at": received_at, "quality": reading.quality.value}
        return [others[name] if name in others else getattr(reading, name) for name in self._columns]

    @transaction.atomic
    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        with database.cursor() as cursor, cursor.copy("COPY bench_reading FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)


def _readings(system: System, first: int, points: int) -> _Rows:
    keys = [(kind, DerKey(kind, fleet.serial(system, kind))) for kind in Kind]
    return [(key, _reading(kind, step)) for kind, key in keys for step in range(first, first + points)]


def _reading(kind: Kind, step: int) -> Reading:
    wh_in, wh_out = Decimal(1_000_000 + step), Decimal(18_000_000 + 80 * step)
    power_w, at = 1000.0 + step % 5000, _START + step * _STEP
    match kind:
        case Kind.PV:
            return Reading(ts=at, power_w=-power_w, total_out_wh=wh_out)
        case Kind.BATTERY:
            return Reading(ts=at, power_w=power_w, soc=0.5, total_in_wh=wh_in, total_out_wh=wh_out)
        case Kind.METER:
            return Reading(ts=at, power_w=power_w, total_in_wh=wh_in, total_out_wh=wh_out)


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


class _Role:
    """Answers: make homes, fill the tables, measure."""

    _homes: _Homes

    def __call__(self, *, homes: int = 0, rows: int = 0, points: int = 0, batches: int = 0) -> Any:
        if homes:
            self._homes = _Homes(homes)
        if rows:
            self._homes.fill(rows)
        return self._homes.measure(points, batches) if batches else None


if __name__ == "__main__":
    role.serve(_Role())
