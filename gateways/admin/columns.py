"""Columns that answer a support question: how long ago, where to, in which state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gateways.models import Event

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(seconds: float) -> str:
    """Return a span of time in words: 45 s, 3 min, 5 h, 12 d."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "0 s"


def since(at: datetime | None, never: str = "never") -> SafeString:
    """Return how long ago something was (or how soon it will be), with the exact time in the title."""
    if at is None:
        return format_html('<span class="never">{}</span>', never)
    seconds = (timezone.now() - at).total_seconds()
    words = f"{age(seconds)} ago" if seconds >= 0 else f"in {age(-seconds)}"
    return format_html(
        '<time datetime="{}" title="{} UTC" class="whitespace-nowrap">{}</time>',
        at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}", words,
    )  # fmt: skip


def ago(path: str, description: str, never: str = "never") -> Callable[[Any, Any], SafeString]:
    """Return a column that tells the age of a time field, also of a related row (`system__last_reading_at`)."""

    @admin.display(description=description, ordering=path)
    def column(_admin: Any, row: Any) -> SafeString:
        return since(value(row, path), never)

    return column


def link(path: str, description: str) -> Callable[[Any, Any], SafeString | str]:
    """Return a column that links to the page of a related row."""

    @admin.display(description=description, ordering=path)
    def column(_admin: Any, row: Any) -> SafeString | str:
        return to(value(row, path))

    return column


def state(
    field: str, colors: Mapping[str, str], description: str | None = None
) -> Callable[[Any, Any], tuple[str, str]]:
    """Return a column that shows a state as a colored label, in the word the database has for it."""

    @admin.display(description=description or field, ordering=field)
    def column(_admin: Any, row: Any) -> tuple[str, str]:
        word = value(row, field)
        return word, word.replace("_", " ")

    vars(column)["label"] = dict(colors)
    return column


def to(row: Any) -> SafeString | str:
    """Return a link to a row's page, or a dash."""
    if row is None:
        return "-"
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', page(row), row)


def found(model: type[Any], **query: Any) -> str:
    """Return the address of the list of a model's rows that match a query."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=query)


def events_of(row: Any) -> tuple[str, str]:
    """Return a link to what happened to a row."""
    return "Events", found(Event, subject=row.event_subject)


def value(row: Any, path: str) -> Any:
    """Follow a path of relations; None where there is nothing, as at the far side of a one-to-one."""
    for step in path.split("__"):
        row = getattr(row, step, None)
    return row


def problem(at: datetime | None, text: str) -> SafeString:
    """Return when something last went wrong and, while it does, with what words."""
    if not (at and text):
        return since(at)
    return format_html("{}: {}", since(at), clipped(text))


def clipped(text: str, length: int = 90) -> SafeString | str:
    """Return a text short enough for a column, whole in its title."""
    if not text:
        return "-"
    short = text if len(text) <= length else f"{text[:length].rstrip()}…"
    return format_html('<span class="clipped" title="{}">{}</span>', text, short)


def page(row: Any) -> str:
    """Return the address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(row.pk,))
