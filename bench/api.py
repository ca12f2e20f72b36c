"""`python -m bench.api`: pages of telemetry over HTTP by one process with one thread, beside the bare query.

The bare side reads the same range of the same table with psycopg and `orjson.dumps` in a process of its own, without
HTTP, token or shape. There is a small table and a large one, each with a portal of its own; each page is taken from
both and by both sides, one after the other, and ratios are taken page by page.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from bench import celery_worker, database, table
from bench.role import Role

_LIMITS = (1000, 5000)
_SMALL = 100_000
_CHECKS = 300
_WARM = 20

_Series = dict[str, list[float]]


class _Web:
    """A connection to the portal, kept open; asks for pages as a client with a token."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}"}

    def page(self, page: Mapping[str, Any], limit: int) -> tuple[float, int]:
        """Return the seconds a page takes to the last byte, and its points."""
        query = urlencode({"from": page["from"], "to": page["to"], "limit": limit})
        begin = time.perf_counter()
        self._connection.request("GET", f"/api/v1/ders/{quote(page['sn'])}/telemetry?{query}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - begin
        if answer.status != http.client.OK:
            raise RuntimeError(body.decode())
        return seconds, len(orjson.loads(body)["data"])


@contextlib.contextmanager
def _portal(environment: Mapping[str, str]) -> Iterator[int]:
    """Serve the portal as in production, with one process and one thread; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"PORT": str(port), "WEB_CONCURRENCY": "1", "WEB_THREADS": "1", "HTTPS": "false"}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi"]
    Path(environment["VAR_DIR"], "static").mkdir()
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**environment, **options}, stdout=silent, stderr=silent)
    try:
        while not _listens(port):
            if process.poll() is not None:
                msg = f"gunicorn ended with status {process.returncode}."
                raise RuntimeError(msg)
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


class _Table:
    """A portal of its own, on a database of its own, with one partner's readings."""

    def __init__(self, stack: contextlib.ExitStack, homes: int, rows: int) -> None:
        environment = stack.enter_context(database.portal())
        stack.enter_context(celery_worker.broker(environment))
        self.serving = stack.enter_context(Role("bench.serving", environment))
        self._token = self.serving.ask(homes=homes)
        self.rows = self.serving.ask(rows=rows)
        database.settle(environment["DATABASE_URL"])
        self.settings = database.settings(environment["DATABASE_URL"])
        self._port = stack.enter_context(_portal(environment))

    def connect(self) -> None:
        """Begin anew: the portal ends connections that nobody speaks on."""
        self._web = _Web(self._port, self._token)

    def take(self, limit: int, pick: int) -> tuple[float, float]:
        """Return the seconds of a page over HTTP and bare. Raises RuntimeError if they differ in length."""
        bare = self.serving.ask(limit=limit, pick=pick)
        seconds, points = self._web.page(bare["page"], limit)
        if not points == bare["rows"] == limit:
            msg = f"{points} points served, {bare['rows']} in the table"
            raise RuntimeError(msg)
        return seconds, bare["seconds"]


def _measure(tables: Mapping[str, _Table], pages: int) -> dict[str, dict[int, _Series]]:
    """Return the seconds of each side by table and limit, page by page; the first ones warm up and do not count."""
    found: dict[str, dict[int, _Series]] = {
        name: {limit: {"http": [], "bare": []} for limit in _LIMITS} for name in tables
    }
    for one in tables.values():
        one.connect()
    for pick in range(-_WARM, pages):
        for name, limit in itertools.product(tables, _LIMITS):
            served, bare = tables[name].take(limit, pick)
            if pick >= 0:
                found[name][limit]["http"].append(served)
                found[name][limit]["bare"].append(bare)
    return found


def _ratio(over: list[float], under: list[float]) -> list[float]:
    return [one / other for one, other in zip(over, under, strict=True)]


def _report(found: Mapping[str, dict[int, _Series]], checks: Mapping[str, float]) -> dict[str, Any]:
    rows: list[tuple[str, ...]] = [("points a second (middle half)", "HTTP", "bare", "ratio, target >= 0.4")]
    for state, limits in found.items():
        for limit, series in limits.items():
            rates = [table.middle([limit / value for value in series[side]]) for side in ("http", "bare")]
            ratio = table.middle(_ratio(series["bare"], series["http"]))
            rows.append((f"{state}: pages of {limit:,}", *rates, ratio))
    table.show("Telemetry of one process with one thread", rows)
    small, large = found.values()
    growth = {limit: [_ratio(large[limit][side], small[limit][side]) for side in ("http", "bare")] for limit in _LIMITS}
    growths = [(f"pages of {limit:,}", *map(table.middle, pair)) for limit, pair in growth.items()]
    table.show("Time a page, large : small table (target <= 1.2)", [("", "HTTP", "bare"), *growths])
    costs = {**checks, "the check": checks["checked"] - checks["known"]}
    named = [(name, table.number(milliseconds)) for name, milliseconds in costs.items()]
    table.show("A request of one point in process, ms: its token checked, or its caller known", named)
    return {"seconds": found, "request_ms": costs}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="readings in the large table")
    parser.add_argument("--homes", type=int, default=300, help="DERs that share them")
    parser.add_argument("--pages", type=int, default=200, help="of each length and table")
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    options = _options()
    with contextlib.ExitStack() as stack:
        small, large = (_Table(stack, options.homes, rows) for rows in (_SMALL, options.rows))
        found = _measure({f"{one.rows:,} rows": one for one in (small, large)}, options.pages)
        result = _report(found, large.serving.ask(checks=_CHECKS))
    table.show("PostgreSQL", sorted(large.settings.items()))
    asked = {"rows": options.rows, "homes": options.homes, "pages": options.pages}
    table.write(options.json, {**result, "postgresql": large.settings, "options": asked})


if __name__ == "__main__":
    main()
