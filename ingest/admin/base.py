"""What the admin of the data plane shares: which errors are answers, and the filter by vendor."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from gateways.admin.base import PartnerAdmin
from ingest import vendors
from ingest.sen.errors import SenError
from ingest.vendors.errors import VendorError

REFUSALS: tuple[type[Exception], ...] = (*PartnerAdmin.refusals, VendorError, SenError)


class Vendor(DropdownFilter):
    """Rows of one vendor's accounts."""

    title, parameter_name = "vendor", "vendor"
    path: str

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return vendors.choices()

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset


def vendor(path: str) -> type[Vendor]:
    """Return a filter by the vendor that stands at `path`."""
    return type("OfVendor", (Vendor,), {"path": path})
