"""`manage.py pull VENDOR --connection N --since 2d [--dry-run]`: pull by hand and see what comes."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateways.vault import VaultError
from ingest import adapters, discovery, pull, store, vendors, windows
from ingest.management.commands.normalize import print_readings
from ingest.models import Connection
from ingest.readings import DerKey, Reading
from ingest.vendors.base import VendorAdapter, VendorSystem, Window
from ingest.vendors.errors import VendorError

_Readings = list[tuple[DerKey, Reading]]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    help = "Pull one connection now. With --dry-run show its readings and write nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("vendor", choices=sorted(vendors.VENDORS))
        parser.add_argument(
            "--connection", type=int, required=True, metavar="N", help="number of the connection, as in the admin"
        )
        parser.add_argument(
            "--since",
            metavar="2d",
            help="how far back: 90m, 12h, 2d, or an ISO time (default: where the last pull ended)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print readings as JSON lines; store, queue and count nothing"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        connection = Connection.objects.filter(pk=options["connection"]).select_related("partner", "credential").first()
        if connection is None or connection.vendor != options["vendor"]:
            msg = f"There is no {options['vendor']} connection {options['connection']}."
            raise CommandError(msg)
        since = parse_since(options["since"], timezone.now())
        try:
            self._pull(connection, since, dry_run=options["dry_run"])
        except VendorError as error:
            msg = f"{type(error).__name__}: {error}\n{error.next_step}"
            raise CommandError(msg) from error
        except VaultError as error:
            raise CommandError(str(error)) from error

    def _pull(self, connection: Connection, since: datetime | None, *, dry_run: bool) -> None:
        started = time.monotonic()
        adapter = adapters.open_account(connection, clock=timezone.now, count=not dry_run)
        received = self._show(adapter, since) if dry_run else self._store(connection, adapter, since)
        self._report(received, adapter.http.requests_made, time.monotonic() - started, dry_run=dry_run)

    def _store(self, connection: Connection, adapter: VendorAdapter, since: datetime | None) -> _Readings:
        now = timezone.now()
        discovery.discover(connection, adapter, now)
        received: _Readings = []
        for listed in pull.systems_of(connection):
            system = discovery.up_to_date(listed, adapter, now)
            cursor = system.pulled_through
            # Reading only what is newer than the cursor must not move it: what lies between would never be read.
            moves = since is None or (cursor is not None and since <= cursor)
            for window in windows.of(system, adapter.policy, now, since):
                readings = self._read(adapter, windows.described(system), window, now)
                through = window.end if moves else None
                store.store_readings(system=system, readings=readings, now=timezone.now(), pulled_through=through)
                received += readings
        return received

    def _show(self, adapter: VendorAdapter, since: datetime | None) -> _Readings:
        now = timezone.now()
        received: _Readings = []
        for system in adapter.described_systems():
            spans = windows.cut(since or now - adapter.policy.lookback, now, adapter.policy.window_cap)
            readings = [reading for window in spans for reading in self._read(adapter, system, window, now)]
            merged = [(key, reading) for key, of_der in store.merge(readings).items() for reading in of_der.values()]
            print_readings(self.stdout, merged, system=system.external_id)
            received += merged
        return received

    def _read(self, adapter: VendorAdapter, system: VendorSystem, window: Window, now: datetime) -> _Readings:
        pulled = windows.read(adapter, system, window, now)
        for reason in pulled.dropped.reasons:
            self.stderr.write(f"dropped: {reason}")
        return pulled.readings

    def _report(self, readings: _Readings, requests: int, seconds: float, *, dry_run: bool) -> None:
        times = [reading.ts for _, reading in readings]
        span = f", first {min(times).isoformat()}, last {max(times).isoformat()}" if times else ""
        kept = "nothing written" if dry_run else "stored"
        self.stderr.write(f"{len(readings)} readings{span}; {requests} requests in {seconds:.1f} s; {kept}")
        if times and timezone.now() - max(times) > timedelta(hours=6):
            self.stderr.write(self.style.WARNING("The newest reading is more than 6 hours old."))


def parse_since(text: str | None, now: datetime) -> datetime | None:
    """Return the time that 90m, 12h, 2d or an ISO time with zone means; raise CommandError otherwise."""
    if text is None:
        return None
    if match := re.fullmatch(r"(\d+)([mhd])", text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"--since {text}: give 90m, 12h, 2d or an ISO time such as 2026-11-20T00:00:00+01:00."
        raise CommandError(msg) from error
    if parsed.tzinfo is None:
        msg = f"--since {text}: the time has no zone; end it with Z or an offset such as +01:00."
        raise CommandError(msg)
    return parsed
