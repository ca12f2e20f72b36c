"""`manage.py normalize VENDOR RESOURCE FILE`: what an adapter makes of a recorded reply, as JSON lines."""

from __future__ import annotations

import argparse
import zoneinfo
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from ingest import vendors
from ingest.readings import DerKey, Reading, ReadingInvalid
from ingest.vendors.base import Dropped, Page, VendorSystem
from ingest.vendors.errors import VendorError


class Command(BaseCommand):
    help = "Read one recorded vendor reply from a file and print its readings as JSON lines."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        listed = "\n".join(
            f"  {slug}: {', '.join(vendors.adapter_class(slug).resources)}" for slug in sorted(vendors.VENDORS)
        )
        kwargs |= {"epilog": f"resources:\n{listed}", "formatter_class": argparse.RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("vendor", choices=sorted(vendors.VENDORS))
        parser.add_argument("resource", help="the vendor's own path, see below")
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--timezone", default="UTC", metavar="Z", help="the site's IANA zone, where the reply does not say"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        adapter = vendors.adapter_class(options["vendor"])
        if options["resource"] not in adapter.resources:
            msg = f"{adapter.label} has no resource {options['resource']}. Known: {', '.join(adapter.resources)}."
            raise CommandError(msg)
        system = VendorSystem("file", timezone=_known_zone(options["timezone"]))
        dropped = Dropped()
        try:
            page = Page(options["resource"], _load(options["file"]))
            readings = list(adapter.normalize(system, page, dropped))
        except (VendorError, ReadingInvalid) as error:
            msg = f"{type(error).__name__}: {error}"
            raise CommandError(msg) from error
        print_readings(self.stdout, readings)
        for reason in dropped.reasons:
            self.stderr.write(f"dropped: {reason}")
        self.stderr.write(f"{len(readings)} readings, {dropped.count} records dropped")


def print_readings(out: OutputWrapper, readings: Iterable[tuple[DerKey, Reading]], **more: str) -> None:
    """Print each reading on a line: which DER (`ders` and its `sn`), then the values that are known."""
    for key, reading in readings:
        out.write(orjson.dumps({**more, "ders": key.kind.value, "sn": key.sn, **reading.as_dict()}).decode())


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: `Europe` is a folder
        msg = f"--timezone {name}: not an IANA time zone such as Europe/Stockholm."
        raise CommandError(msg) from error
    return name


def _load(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        msg = f"Cannot read {path}: {error.strerror}."
        raise CommandError(msg) from error
    except orjson.JSONDecodeError as error:
        msg = f"{path} is not JSON: {error}."
        raise CommandError(msg) from error
