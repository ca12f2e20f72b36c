"""Filters of lists. One that offers related rows offers only those that the user may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter

from gateways.access import Duty
from gateways.admin.base import choices_of

Choice = ChoicesDropdownFilter


class Related(RelatedDropdownFilter):
    """The rows a foreign key may point to, of the user's own partners."""

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> list[tuple[Any, str]]:
        rows = choices_of(model_admin.admin_site, field.related_model, request, Duty.SEE)
        return [(row.pk, str(row)) for row in rows]


class YesNo(DropdownFilter):
    """A question about a row; `query` matches those of which it is true."""

    query: Any

    def lookups(self, _request: HttpRequest, _model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(self.query)
            case "no":
                return queryset.exclude(self.query)
        return queryset


class Silent(DropdownFilter):
    """Rows of which nothing was heard for so many hours, or never."""

    title = "silent for more than"
    parameter_name = "silent_h"
    path: str

    def lookups(self, _request: HttpRequest, _model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("1", "1 hour"), ("6", "6 hours"), ("24", "1 day"), ("168", "1 week")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        return queryset.exclude(**{f"{self.path}__gte": timezone.now() - timedelta(hours=int(self.value()))})


def yes_no(title: str, parameter_name: str, query: Any) -> type[YesNo]:
    """Return a filter that asks a question about each row."""
    return type("Asked", (YesNo,), {"title": title, "parameter_name": parameter_name, "query": query})


def silent(path: str) -> type[Silent]:
    """Return a filter on how long ago the time at `path` is."""
    return type("SilentSince", (Silent,), {"path": path})
