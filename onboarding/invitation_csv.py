"""Reads lists of people to invite, and says of each row what is wrong with it before anything is sent."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from gateways.models import Partner
from ingest import vendors
from onboarding import invitations, linking
from onboarding.models import Invitation

COLUMNS = ("email", "name", "language", "vendor", "reference")
MOST_ROWS = 1000


@dataclass
class Row:
    """One line: the invitation it asks for, and why it cannot be made."""

    number: int
    cells: dict[str, str]
    problems: list[str] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields of the invitation."""
        named = {"user_reference" if name == "reference" else name: text for name, text in self.cells.items()}
        return {**named, "vendor": _slug(named["vendor"]), "language": named["language"].lower()}


def read(text: str, *, partner: Partner, now: datetime) -> list[Row]:
    """Return the rows of a list with the columns `COLUMNS`, of which all but `email` may be missing.

    Commas, semicolons and tabs separate, as spreadsheets of different countries write them. Raises ValidationError if
    it is no such list.
    """
    lines = text.removeprefix("\ufeff").strip("\r\n")
    reader = csv.DictReader(io.StringIO(lines), delimiter=_delimiter(lines), restval="", skipinitialspace=True)
    try:
        _check_columns([(name or "").strip().lower() for name in reader.fieldnames or ()])
        rows = [Row(reader.line_num, _cells(line)) for line in reader if any(_cells(line).values())]
    except csv.Error as error:
        msg = f"This is no CSV file: {error}."
        raise ValidationError(msg) from error
    if not 0 < len(rows) <= MOST_ROWS:
        msg = f"The list has {len(rows)} rows: give between 1 and {MOST_ROWS} at a time."
        raise ValidationError(msg)
    _find_problems(rows, partner, now)
    return rows


def _find_problems(rows: Sequence[Row], partner: Partner, now: datetime) -> None:
    offered = linking.offered(partner, now)
    refused = invitations.refusals(partner, [row.cells["email"] for row in rows], now)
    seen: dict[str, int] = {}
    for row in rows:
        email = row.cells["email"].lower()
        row.problems += _problems_of_cells(row, offered)
        if email in seen:
            row.problems.append(f"The same address stands in row {seen[email]}.")
        elif email in refused:
            row.problems.append(refused[email])
        seen.setdefault(email, row.number)


def _problems_of_cells(row: Row, offered: Collection[str]) -> list[str]:
    problems = []
    try:
        validate_email(row.cells["email"])
    except ValidationError:
        problems.append("This is no e-mail address." if row.cells["email"] else "The e-mail address is missing.")
    if row.fields["language"] not in {"", *dict(settings.LANGUAGES)}:
        problems.append(f"No such language: give one of {', '.join(dict(settings.LANGUAGES))}.")
    if row.fields["vendor"] not in {"", *offered}:
        problems.append(f"Homeowners cannot join with this vendor: give one of {', '.join(offered)}, or none.")
    for name, text in row.fields.items():
        longest: int = getattr(Invitation._meta.get_field(name), "max_length", 0)
        if len(text) > longest:
            problems.append(f"{name} is longer than {longest} characters.")
    return problems


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _check_columns(names: Sequence[str]) -> None:
    if "email" not in names or (unknown := [name for name in names if name not in COLUMNS]):
        missing = "" if "email" in names else " There is no column “email”."
        strange = "" if "email" not in names else f" Not known: {', '.join(unknown)}."
        msg = f"The first line names the columns: {', '.join(COLUMNS)}.{missing}{strange}"
        raise ValidationError(msg)


def _cells(line: dict[str | None, str | list[str] | None]) -> dict[str, str]:
    given = {name.strip().lower(): text.strip() for name, text in line.items() if name and isinstance(text, str)}
    return {name: given.get(name, "") for name in COLUMNS}


def _slug(text: str) -> str:
    """Return a vendor's slug, also where its name was given."""
    by_label = {label.lower(): slug for slug, label in vendors.choices()}
    return by_label.get(text.lower(), text.lower())
