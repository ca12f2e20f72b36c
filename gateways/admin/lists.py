"""Any list of the admin as CSV: the columns that are shown, of the rows that were chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import strip_tags

from gateways.access import Duty
from gateways.spreadsheets import table

_TIME = re.compile(r'<time datetime="([^"]+)"')
_MOST_ROWS = 10_000


@admin.action(description="Export as CSV", permissions=["view"])
def export_csv(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
    """Send the chosen rows, 10,000 at most, as their list shows them; times in full."""
    names = [name for name in model_admin.get_list_display(request) if name != "action_checkbox"]
    columns = [str(label_for_field(name, model_admin.model, model_admin)) for name in names]
    rows = model_admin.limit(queryset, request, Duty.SEE)[:_MOST_ROWS]
    content = table(columns, (list(_cells(model_admin, names, row)) for row in rows))
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{model_admin.opts.model_name}.csv"'
    return response


def _cells(model_admin: Any, names: list[str], row: Any) -> Iterator[Any]:
    for name in names:
        field, _, shown = lookup_field(name, row, model_admin)
        if field is not None and getattr(field, "choices", None):
            shown = getattr(row, f"get_{field.name}_display")()
        yield _plain(shown)


def _plain(shown: Any) -> Any:
    if isinstance(shown, tuple):  # of a column with a colored label: its name, its words
        return _plain(shown[-1])
    if shown is None or isinstance(shown, (bool, int, float, datetime)):
        return shown
    if at := _TIME.search(str(shown)):
        return at[1]
    return strip_tags(str(shown)).strip()
