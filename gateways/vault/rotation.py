"""Moving everything that is sealed under the newest master key, in batches that may be interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models, transaction

from gateways.vault.fields import SealedField
from gateways.vault.keyring import VaultError

BATCH = 500


@dataclass
class Progress:
    """How far a column is."""

    column: SealedField
    seen: int = 0
    moved: int = 0
    unopened: list[str] = field(default_factory=list)  # what went wrong, one text for each value

    def __str__(self) -> str:
        return f"{self.column.model.__name__}.{self.column.name}: {self.moved} of {self.seen} moved"


def sealed_columns() -> list[SealedField]:
    """Return every sealed column of every model."""
    fields = (field for model in apps.get_models() for field in model._meta.local_concrete_fields)
    return [field for field in fields if isinstance(field, SealedField)]


def reseal_column(column: SealedField) -> Generator[Progress]:
    """Move a column under the newest master key; yield the progress after every batch.

    A value that somebody writes meanwhile is left as they wrote it; one that does not open is left and reported.
    """
    progress = Progress(column)
    for rows in _batches(column):
        moved = [(row, new) for row in rows if (new := _resealed(row, progress)) != getattr(row, column.attname)]
        with transaction.atomic():
            progress.moved += sum(_swap(column, row, new) for row, new in moved)
        progress.seen += len(rows)
        yield progress


def needed_key_ids() -> Counter[str]:
    """Count the sealed values by the master key they need; raise VaultError for a value that is no envelope."""
    needed: Counter[str] = Counter()
    for column in sealed_columns():
        for rows in _batches(column):
            needed.update(key_id for row in rows if (key_id := column.key_id(row)))
    return needed


def _resealed(row: models.Model, progress: Progress) -> str:
    column = progress.column
    try:
        return column.resealed(row)
    except VaultError as error:
        progress.unopened.append(f"{column.context(row)}: {error}")
        value: str = getattr(row, column.attname)
        return value


def _swap(column: SealedField, row: models.Model, new: str) -> int:
    """Write the new text if the old one still stands there; return how many rows that changed, 0 or 1."""
    still = {"pk": row.pk, column.attname: getattr(row, column.attname)}
    return models.QuerySet(column.model).filter(**still).update(**{column.attname: new})


def _batches(column: SealedField) -> Iterator[list[models.Model]]:
    rows: models.QuerySet[models.Model] = (
        models.QuerySet(column.model).order_by("pk").only("pk", column.identity, column.attname)
    )
    batch = list(rows[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])
