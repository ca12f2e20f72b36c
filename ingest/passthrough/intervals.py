"""What a vendor measured of devices of a site, in buckets of its calendar, without storing any of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ingest import statistics, windows
from ingest.readings import DerKey, Reading
from ingest.statistics import Bucket, Row, Step
from ingest.vendors.base import VendorAdapter, VendorSystem, Window
from ingest.vendors.errors import VendorUnsupported


def read(
    adapter: VendorAdapter,
    system: VendorSystem,
    keys: Collection[DerKey],
    *,
    start: datetime,
    end: datetime,
    step: Step,
    now: datetime,
) -> dict[DerKey, list[Bucket]]:
    """Return by device its buckets that cover [start, end), oldest first, also those without data.

    `system` is as it is to be asked for: narrowed to one device, or whole.
    A bucket is complete where the vendor has told of a later time, or does not change it any more. Raises VendorError.
    """
    edges = statistics.edges_of(start, end, step, ZoneInfo(system.timezone))
    rows: dict[DerKey, dict[datetime, Row]] = {key: {} for key in keys}
    for span in _spans(adapter, Window(edges[0], edges[-1]), now):
        pulled = windows.read(adapter, system, span, now)
        for reason in pulled.refused.values():
            raise VendorUnsupported(reason)
        for key, reading in pulled.readings:
            if key in rows:
                _take_up(rows[key], reading)
    settled = now - adapter.policy.lookback
    return {
        key: statistics.fold([known[ts] for ts in sorted(known)], edges, max([settled, *known]))
        for key, known in rows.items()
    }


def _spans(adapter: VendorAdapter, asked: Window, now: datetime) -> list[Window]:
    """Return the windows to fetch, none longer than the vendor takes and none ahead of `now`."""
    policy = adapter.policy
    around = statistics.LONGEST_HOLD if adapter.samples else timedelta()
    end = min(asked.end + around, now)
    # What is no longer than an ordinary pull may be answered as one: with some devices only, the others in their turn.
    start = min(asked.start - around, end - policy.lookback - 3 * policy.interval)
    return windows.cut(start, end, policy.window_cap) if asked.start < now else []


def _take_up(rows: dict[datetime, Row], reading: Reading) -> None:
    """Add a reading. Of one time there may be several, each with another part of what is known."""
    row = Row(*(getattr(reading, name) for name in Row._fields))
    before = rows.get(reading.ts)
    rows[reading.ts] = _merged(before, row) if before else row


def _merged(before: Row, row: Row) -> Row:
    """Return one row of two: a value that is unknown this time never erases a known one, as when they are stored."""
    known: dict[str, datetime | float | Decimal | str] = {
        name: value for name, value in row._asdict().items() if value is not None
    }
    return before._replace(**{**known, "interval_s": row.interval_s or before.interval_s})  # type: ignore[arg-type]
