"""`python -m bench.store`: readings stored through `store_readings`, beside a bare binary COPY of the same rows.

Each batch is stored both ways, one after the other; ratios are taken within a batch. A store is a whole one: readings,
messages for SEN and the cursor, in one transaction that is committed to disk. So is the COPY.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from bench import database, table
from bench.role import Role

_DERS = 3
# Points of each DER in a batch, every five minutes: what one pull brings, and what the first pull of a home brings.
_SIZES = {"an hour": 12, "a day": 288, "a month": 8640}
_BATCHES = {"an hour": 60, "a day": 30, "a month": 5}

_Series = dict[str, list[float]]


def _measure(storing: Role, rounds: int) -> dict[str, _Series]:
    """Return the seconds of each way by size; the first batches warm up and do not count."""
    storing.ask(points=_SIZES["a day"], batches=3)
    found: dict[str, _Series] = {size: {"store": [], "copy": []} for size in _SIZES}
    for _ in range(rounds):
        for size, series in found.items():
            seconds = storing.ask(points=_SIZES[size], batches=_BATCHES[size])
            for way, values in series.items():
                values.extend(seconds[way])
    return found


def _rates(size: str, seconds: list[float]) -> list[float]:
    return [_DERS * _SIZES[size] / value for value in seconds]


def _ratio(series: _Series) -> list[float]:
    return [copy / store for copy, store in zip(series["copy"], series["store"], strict=True)]


def _report(found: dict[str, dict[str, _Series]]) -> dict[str, Any]:
    rows: list[tuple[str, ...]] = [("readings a second (middle half)", "store_readings", "bare COPY", "ratio")]
    for state, sizes in found.items():
        for size, series in sizes.items():
            rates = {way: table.middle(_rates(size, seconds)) for way, seconds in series.items()}
            name = f"{state}: {_DERS} DERs, {size} ({_DERS * _SIZES[size]:,} readings)"
            rows.append((name, rates["store"], rates["copy"], table.middle(_ratio(series))))
    table.show("Readings stored by one process, batches of one system", rows)
    empty, full = found.values()
    flat = {size: _flat(empty[size], full[size]) for size in _SIZES}
    table.show(
        "Time a reading, full : empty table (target <= 1.2)",
        [
            ("", "store_readings", "in units of COPY"),
            *((size, *map(table.number, pair)) for size, pair in flat.items()),
        ],
    )
    ratios = {
        state: {size: statistics.median(_ratio(s)) for size, s in sizes.items()} for state, sizes in found.items()
    }
    return {"seconds": found, "ratio": ratios, "flat": flat}


def _flat(empty: _Series, full: _Series) -> tuple[float, float]:
    plain = statistics.median(full["store"]) / statistics.median(empty["store"])
    return plain, statistics.median(_ratio(empty)) / statistics.median(_ratio(full))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="readings in the full table")
    parser.add_argument("--homes", type=int, default=100, help="systems that share them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    options = _options()
    with database.portal() as environment, Role("bench.storing", environment) as storing:
        settings = database.settings(environment["DATABASE_URL"])
        storing.ask(homes=options.homes)
        empty = _measure(storing, options.rounds)
        storing.ask(rows=options.rows)
        database.settle(environment["DATABASE_URL"])
        full = _measure(storing, options.rounds)
    result = _report({"empty": empty, f"{options.rows:,} rows": full})
    table.show("PostgreSQL", sorted(settings.items()))
    table.write(
        options.json, {**result, "postgresql": settings, "options": {"rows": options.rows, "homes": options.homes}}
    )


if __name__ == "__main__":
    main()
