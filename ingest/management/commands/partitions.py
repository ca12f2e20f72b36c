"""`manage.py partitions [--ahead N] [--drop-before YYYY-MM --yes]`: the months of the reading table on PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ingest import partitions


class Command(BaseCommand):
    help = (
        "List, make or drop the monthly partitions of the reading table. Beat's hourly prune makes and drops them too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ahead", type=int, metavar="N", help="make this month and the N that follow")
        parser.add_argument(
            "--drop-before", metavar="YYYY-MM", help="drop the months before this one, with their readings"
        )
        parser.add_argument(
            "--yes", action="store_true", help="really drop; without it, only say what would be dropped"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if not partitions.exist():
            self.stdout.write("This database keeps all readings in one table: there is nothing to do.")
            return
        if options["ahead"] is not None:
            self._make(options["ahead"])
        if options["drop_before"] is not None:
            self._drop(_month(options["drop_before"]), sure=options["yes"])
        for name in sorted(partitions.names()):
            self.stdout.write(name)

    def _make(self, ahead: int) -> None:
        if not 0 <= ahead <= 120:
            msg = f"--ahead {ahead}: give a number of months from 0 to 120."
            raise CommandError(msg)
        for name in partitions.ensure(partitions.months(timezone.now(), ahead)):
            self.stderr.write(f"made {name}")

    def _drop(self, oldest: datetime, *, sure: bool) -> None:
        names = partitions.before(oldest)
        if names and not sure:
            msg = f"This deletes all readings in {', '.join(names)}. Add --yes if you mean it."
            raise CommandError(msg)
        for name in partitions.drop_before(oldest):
            self.stderr.write(f"dropped {name}")


def _month(text: str) -> datetime:
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if not match:
        msg = f"--drop-before {text}: give a month such as 2026-01."
        raise CommandError(msg)
    return datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)
