"""`python -m bench.passthrough`: a page of sites, live from five vendors of chosen slowness, and from each alone.

The vendors are one stand-in on loopback that waits before it answers. A page takes a vendor one call for its list and
one for each of two sites.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench import celery_worker, database, table
from bench.role import Role

_TARGET = 1.2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.passthrough", description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.1, 0.15, 0.2, 0.25, 0.3], help="a call takes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    return parser.parse_args()


@contextmanager
def _vendors(slowness: Mapping[str, float]) -> Iterator[str]:
    """Yield the address of a stand-in that answers /<vendor> after its time."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together: apart, the second waits for a delayed acknowledgement

        def do_GET(self) -> None:
            time.sleep(slowness[self.path.strip("/")])
            body = json.dumps([1, 2]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def _report(slowness: Mapping[str, float], alone: Mapping[str, list[float]], together: list[float]) -> dict[str, Any]:
    slowest = max(alone, key=lambda vendor: statistics.median(alone[vendor]))
    ratios = [whole / one for whole, one in zip(together, alone[slowest], strict=True)]
    rows: list[tuple[str, ...]] = [("seconds a page", "median (range)")]
    rows += [(f"{vendor} alone, {slowness[vendor]} s a call", table.spread(seen)) for vendor, seen in alone.items()]
    rows += [(f"all {len(alone)} at once", table.spread(together)), ("to the slowest alone", table.spread(ratios))]
    table.show(f"Sites from {len(alone)} vendors, live (target <= {_TARGET} of the slowest)", rows)
    met = statistics.median(ratios) <= _TARGET
    print("\n  met" if met else "\n  missed")
    return {"alone": alone, "together": together, "ratios": ratios, "met": met}


def main() -> None:
    """Run the benchmark."""
    options = _options()
    slowness = {f"slow{number}": seconds for number, seconds in enumerate(options.seconds, 1)}
    names = list(slowness)
    with _vendors(slowness) as url, database.portal() as environment, celery_worker.broker(environment):
        environment |= {
            "BENCH_SLOW": " ".join(names),
            "VENDOR_URLS": json.dumps({name: {"api": url} for name in names}), "HTTPS": "false",
        }  # fmt: skip
        with Role("bench.live", environment) as portal:
            portal.ask(ask=names)  # warms up: imports, connections
            alone: dict[str, list[float]] = {name: [] for name in names}
            together: list[float] = []
            for _ in range(options.rounds):
                for name in names:
                    alone[name].append(portal.ask(ask=[name])["seconds"])
                together.append(portal.ask(ask=names)["seconds"])
    table.write(options.json, _report(slowness, alone, together))


if __name__ == "__main__":
    main()
