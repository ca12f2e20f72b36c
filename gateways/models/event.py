from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from gateways.models.partner import Partner


def _refuse(*_: Any, **__: Any) -> NoReturn:
    msg = "Events are append-only: record another one that corrects it."
    raise TypeError(msg)


class EventQuerySet(models.QuerySet["Event"]):
    update = update_or_create = bulk_update = delete = _refuse


class Event(models.Model):
    """One thing that happened; append-only and hash-chained per partner. Written by `gateways.events.record` alone.

    No foreign key but the partner's: history never blocks a deletion. The database itself refuses to change a row.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    name = models.CharField(max_length=60)
    actor = models.CharField(max_length=150, help_text="A user, or what acted by itself.")
    subject = models.CharField(max_length=100, help_text="What it is about, e.g. gateway:acme-0123456789abcdef")
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("partner", "sequence")
        indexes = (models.Index(fields=("subject", "sequence")),)
        constraints = (models.UniqueConstraint(fields=("partner", "sequence"), name="event_sequence"),)

    def __str__(self) -> str:
        return f"{self.sequence} {self.name} {self.subject}"

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            _refuse()
        super().save(**kwargs)

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        _refuse()
