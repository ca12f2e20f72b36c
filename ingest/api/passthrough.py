"""/api/v1/sites, solar-inverters, batteries and meters: asked of vendors while the caller waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import paging, waiting
from gateways.rest.requests import PageQuery
from gateways.rest.views import Endpoint
from ingest import vendors
from ingest.api import windows
from ingest.api.live_documents import BalancesDocument, DeviceDocument, IntervalsDocument, SiteDocument
from ingest.passthrough import accounts, fanout, headers, ids, listing, single
from ingest.passthrough.accounts import Device
from ingest.passthrough.ids import Native
from ingest.passthrough.listing import Listing
from ingest.passthrough.single import Asked
from ingest.readings import Kind
from ingest.vendors.base import VendorSystem

_TEXT = {"type": "string"}


class LiveQuery(PageQuery):
    vendor = serializers.ChoiceField(choices=vendors.choices(), required=False, help_text="Ask this vendor alone.")
    limit = serializers.IntegerField(
        min_value=1, max_value=50, default=20, help_text="Sites of a page at most: each takes calls of its vendor."
    )


class IntervalQuery(windows.SpanQuery):
    resolution = serializers.ChoiceField(choices=list(windows.STEPS), default="15m")


class LivePages(paging.CursorPages):
    """Pages that may lack a vendor, and then say so."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        members: dict[str, Any] = {
            **dict.fromkeys(("type", "title", "detail", "fault"), _TEXT),
            "status": {"type": "integer"},
            "retry_after": {"type": "integer", "description": "Seconds."},
            "sites": {
                "type": "array",
                "items": _TEXT,
                "description": "The sites that nothing is known of; empty: all of the vendor's.",
            },
        }
        told = "What is not in `data`, by vendor, and why: each reason once. Nothing is known about it now."
        problems = {"type": "array", "items": {"type": "object", "properties": members}}
        errors = {"type": "object", "additionalProperties": problems, "description": told, "examples": [{}]}
        return paging.envelope(schema, errors=errors)


_HEADERS = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, description=text) for name, text in headers.documented()
]
_ONE = [
    OpenApiParameter(
        "id", {**_TEXT, "pattern": f"^{ids.PATTERN}$"}, OpenApiParameter.PATH, description="An id from a list here."
    ),
    *_HEADERS,
]


class _Live(Endpoint, abstract=True):
    """What vendors have, asked of those whose headers came with the request, else of the partner's accounts."""

    required_scope = scopes.PASSTHROUGH
    may_fail: ClassVar = {"*": (422, 501, 502, 503, 504)}
    pagination_class = LivePages
    lookup_field = "id"
    lookup_value_regex = ids.PATTERN

    @extend_schema(parameters=_HEADERS)
    @waiting.waits
    def list(self, request: Request) -> Response:
        """Ask all vendors at once. Who does not answer is named in `errors`; the others are told."""
        page = self._page()
        if page.problem and request.accepted_renderer.format == "csv":
            raise page.problem  # a table has no room for what is missing
        data = [document for vendor, system in page.sites for document in self.shown(vendor, system)]
        return paging.answer(request, data, page.next_cursor, errors=page.errors)

    def shown(self, vendor: str, system: VendorSystem) -> Iterable[dict[str, Any]]:
        """Return the documents that a site gives."""
        raise NotImplementedError

    def native(self, text: str) -> Native:
        """Return what an id names, if it is of the kind that this view is about. Raises NotFound."""
        native = ids.decode(text)
        if native is None or not self.is_about(native):
            raise NotFound
        return native

    def is_about(self, native: Native) -> bool:
        raise NotImplementedError

    def asked(self) -> Asked:
        """Return who asks, and until when the answer has to be there."""
        until = time.monotonic() + fanout.PATIENCE_S
        return Asked(self.caller, headers.brought(self.request.headers), timezone.now, until)

    def in_intervals(self, id: str, question: Callable[..., Any]) -> Response:  # noqa: A002
        """Return what `question` tells of a site or device in the time that is asked for."""
        native, asked = self.native(id), self.asked()
        resolution = self.query["resolution"]
        window = windows.asked(self.query, asked.clock(), longest=windows.MONTH)
        zone, found = question(asked, native, start=window.start, end=window.end, step=windows.STEPS[resolution])
        return Response(self.document({"id": id, "timezone": zone, "resolution": resolution, "data": found}))

    def _page(self) -> Listing:
        asked, wanted = self.asked(), self.query.get("vendor", "")
        how = {
            "cursor": self.query["cursor"], "limit": self.query["limit"], "clock": asked.clock, "until": asked.until,
        }  # fmt: skip
        if asked.brought:
            if wanted and wanted not in asked.brought:
                raise single.not_brought(wanted)
            brought = {vendor: way for vendor, way in asked.brought.items() if wanted in {"", vendor}}
            return listing.of_brought(brought, self.caller.partner, **how)
        rows = accounts.of_partner(self.caller)
        return listing.of_partner(rows.filter(connection__vendor=wanted) if wanted else rows, **how)


class Sites(_Live):
    """Sites of vendors, live."""

    serializer_class = SiteDocument
    queries: ClassVar = {"list": LiveQuery, "intervals": IntervalQuery}

    def is_about(self, native: Native) -> bool:
        return native.key is None

    def shown(self, vendor: str, system: VendorSystem) -> Iterable[dict[str, Any]]:
        yield self.document(_site(vendor, system))

    @extend_schema(parameters=_ONE)
    @waiting.waits
    def retrieve(self, request: Request, id: str) -> Response:  # noqa: A002, ARG002  DRF's names
        """Ask the vendor of one site."""
        native = self.native(id)
        return Response(self.document(_site(native.vendor, single.site(self.asked(), native))))

    @extend_schema(parameters=_ONE)
    @action(detail=True, pagination_class=None, serializer_class=BalancesDocument)
    @waiting.waits
    def intervals(self, request: Request, id: str) -> Response:  # noqa: A002, ARG002  DRF's names
        """Ask what the devices of a site did together in up to 31 days, as for one device."""
        return self.in_intervals(id, single.balanced)


class _Devices(_Live, abstract=True):
    kind: ClassVar[Kind]
    serializer_class = DeviceDocument
    queries: ClassVar = {"list": LiveQuery, "intervals": IntervalQuery}

    def is_about(self, native: Native) -> bool:
        return native.key is not None and native.key.kind is self.kind

    def shown(self, vendor: str, system: VendorSystem) -> Iterator[dict[str, Any]]:
        for der in system.ders:
            if der.key.kind is self.kind:
                yield self.document(_device(Device(vendor, system, der)))

    @extend_schema(parameters=_ONE)
    @waiting.waits
    def retrieve(self, request: Request, id: str) -> Response:  # noqa: A002, ARG002  DRF's names
        """Ask the vendor of one device."""
        return Response(self.document(_device(single.device(self.asked(), self.native(id)))))

    @extend_schema(parameters=_ONE)
    @action(detail=True, pagination_class=None, serializer_class=IntervalsDocument)
    @waiting.waits
    def intervals(self, request: Request, id: str) -> Response:  # noqa: A002, ARG002  DRF's names
        """Ask what a device measured in up to 31 days.

        Answered are whole intervals, in the calendar of its site, that cover the time asked for.
        """
        return self.in_intervals(id, single.measured)


class SolarInverters(_Devices):
    """What generates, live: an inverter, or all of a site where its vendor tells of them together."""

    kind = Kind.PV


class Batteries(_Devices):
    """Batteries, live."""

    kind = Kind.BATTERY


class Meters(_Devices):
    """Meters at the grid, live."""

    kind = Kind.METER


def _site(vendor: str, system: VendorSystem) -> dict[str, Any]:
    devices = [
        {"id": ids.encode(Native(vendor, system.external_id, der.key)), "kind": der.key.kind} for der in system.ders
    ]
    return {
        "id": ids.encode(Native(vendor, system.external_id)), "vendor": vendor, "vendor_site_id": system.external_id,
        "name": system.name, "timezone": system.timezone, "latitude": system.latitude,
        "longitude": system.longitude, "devices": devices,
    }  # fmt: skip


def _device(device: Device) -> dict[str, Any]:
    vendor, site, der = device.vendor, device.system.external_id, device.der
    return {
        "id": ids.encode(Native(vendor, site, der.key)), "vendor": vendor, "site_id": ids.encode(Native(vendor, site)),
        "kind": der.key.kind, "serial": der.key.sn, "name": der.name, "make": der.make, "model": der.model,
        "rated_power_w": der.rated_power_w,
    }  # fmt: skip
